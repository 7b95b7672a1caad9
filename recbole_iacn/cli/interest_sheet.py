"""The command ``recbole-iacn interests``: do the interests of trained models mean anything?"""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from recbole_iacn.cli.answered import cell_arguments, check_device, column_arguments
from recbole_iacn.errors import ConfigError
from recbole_iacn.system import interrupts

_EVENTS = ("user", "item", "time", "label", "label_from", "time_unit", "time_format", "max_bad_rows")


def interests_parser(parser: ArgumentParser) -> None:
    """Add the arguments of ``recbole-iacn interests``."""
    parser.set_defaults(run=_interests)
    parser.add_argument(
        "bundles", nargs="+", metavar="BUNDLE", help="folder of a trained model; several of the same data are compared"
    )
    parser.add_argument("--data_path", help="folder that contains the dataset's folder (default: dataset)")
    parser.add_argument(
        "--events",
        metavar="FILE",
        help="instead of the test of the bundle's settings: each user's last click of a table",
    )
    parser.add_argument(
        "--rows", type=int, default=1000, help="test rows, evenly spread; 0: all (default: %(default)s)"
    )
    parser.add_argument("--k", type=int, default=10, help="items of a list (default: %(default)s)")
    parser.add_argument("--category", metavar="COLUMN", help="column of items (default: the only one that there is)")
    parser.add_argument(
        "--items",
        metavar="FILE",
        help="table of items with their categories (default: the columns that the bundle has)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the controls (default: %(default)s)")
    parser.add_argument("--device", default="cpu", help="device of the models, such as cuda (default: %(default)s)")
    parser.add_argument("--out", metavar="FILE", help="also write the sheet to a file: .json, .md or .csv")
    parser.add_argument("--overwrite", action="store_true", help="replace FILE if it exists")
    columns = column_arguments(parser, "events")
    columns.add_argument("--item-key", metavar="COLUMN", help="column of the item in the table of items")
    cell_arguments(parser)


def _interests(given: Namespace) -> None:
    check_device(given.device)
    from recbole_iacn.interests.sheet_table import SUFFIXES, written
    from recbole_iacn.interests.sheets import Asked, sheets_of
    from recbole_iacn.serving.tables.output_files import NAME_ANOTHER, check_output
    from recbole_iacn.system import disk
    from recbole_iacn.system.atomic_writes import write_text

    if given.events and given.data_path:
        raise ConfigError("events: the rows are those of --events or of --data_path; give one of them")
    if given.out:
        check_output(given.out, given.overwrite, [path for path in (given.events, given.items) if path], SUFFIXES)
    options = {name: getattr(given, name) for name in _EVENTS}
    names = ("data_path", "events", "rows", "k", "items", "item_key", "category", "seed", "device")
    asked = Asked(options=options, **{name: getattr(given, name) for name in names})
    with interrupts.leaving(given.out) if given.out else interrupts.saying("nothing is written"):
        found = sheets_of(given.bundles, asked)
        if given.out:
            with disk.writing(given.out, NAME_ANOTHER):
                write_text(given.out, written(*found, Path(given.out).suffix.lower()))
    print(written(*found), end="")
    if given.out:
        print(f"\n{given.out}")
