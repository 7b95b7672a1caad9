"""The command ``recbole-iacn diversity``: what different categories in lists cost, for several lambdas."""

import contextlib
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from recbole_iacn.cli.answered import check_device
from recbole_iacn.errors import ConfigError
from recbole_iacn.system import interrupts


def diversity_parser(parser: ArgumentParser) -> None:
    """Add the arguments of ``recbole-iacn diversity``."""
    parser.set_defaults(run=_diversity)
    parser.add_argument("model", metavar="MODEL", help="folder of a bundle, or a checkpoint that a training has saved")
    parser.add_argument("--data_path", help="folder that contains the dataset's folder (default: dataset)")
    parser.add_argument(
        "--k", type=int, nargs="+", metavar="N", help="items of a list (default: 20 50, but at most half of the items)"
    )
    parser.add_argument(
        "--lambdas",
        type=float,
        nargs="+",
        metavar="λ",
        help="how much lower the score of an item may be that differs from one more item of the list (default: 0 and "
        "multiples of the mean step of the scores from place to place)",
    )
    parser.add_argument(
        "--diversity-by",
        metavar="COLUMN",
        help="column of items whose values are to differ (default: the only one that there is)",
    )
    parser.add_argument(
        "--items", metavar="FILE", help="table of items with that column (default: the columns that the bundle has)"
    )
    parser.add_argument("--item-key", metavar="COLUMN", help="column of the item in the table of items")
    parser.add_argument("--device", default="cpu", help="device of the model, such as cuda (default: %(default)s)")
    parser.add_argument("--out", metavar="FILE", help="also write the table to a file: .md or .csv")
    parser.add_argument(
        "--pictures",
        action="store_true",
        help="also draw the curve beside FILE, as .svg (pip install 'recbole_iacn[pictures]')",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace FILE if it exists")
    parser.add_argument(
        "--trust", action="store_true", help="open a pickle of RecBole's own trainer, which can run any code"
    )


def _diversity(given: Namespace) -> None:
    check_device(given.device)
    from recbole_iacn.interests.trade_off import trade_off_of
    from recbole_iacn.report.trade_off_table import trade_off_text
    from recbole_iacn.settings.sources import DATA_PATH

    if given.item_key and not given.items:
        raise ConfigError("item-key: is the column of the item in the table of items; give that by --items, or omit it")
    files, data_path = _files(given), given.data_path or DATA_PATH
    said = interrupts.leaving(given.out) if given.out else interrupts.saying("nothing is written")
    with said, _recommender(given, data_path) as recommender:
        if given.items is not None:
            by = recommender.item_values(given.items, given.diversity_by, given.item_key)
        else:
            by = given.diversity_by
        values = recommender.diversity(0, by).values
        curve = trade_off_of(recommender, data_path, values, given.k, given.lambdas)
        _write(curve, files)
    print(trade_off_text(curve), end="")
    if files:
        print("\n" + "\n".join(map(str, files)))


def _files(given: Namespace) -> list[Path]:
    """What is to be written, checked before any work."""
    from recbole_iacn.report.trade_off_table import SUFFIXES
    from recbole_iacn.serving.tables.output_files import check_output

    if given.out is None:
        if given.pictures:
            raise ConfigError("pictures: the curve is drawn beside the table; name that by --out, or omit --pictures")
        return []
    inputs = [given.items] if given.items else []
    files = [check_output(given.out, given.overwrite, inputs, SUFFIXES)]
    if given.pictures:
        import recbole_iacn.report.pictures  # noqa: F401  whether Plotly is there

        files.append(check_output(files[0].with_suffix(".svg"), given.overwrite, inputs, (".svg",)))
    return files


@contextlib.contextmanager
def _recommender(given: Namespace, data_path: str) -> Iterator[Any]:
    """The bundle; a checkpoint becomes one for as long as it is needed."""
    from recbole_iacn.serving.recommender import load

    if not Path(given.model).is_file():
        yield load(given.model, given.device)
        return
    from recbole_iacn.bundle.from_checkpoint import bundle_checkpoint

    with tempfile.TemporaryDirectory(prefix="recbole_iacn-") as folder:
        bundle = bundle_checkpoint(given.model, Path(folder, "bundle"), data_path, trust=given.trust)
        yield load(bundle, given.device)


def _write(curve, files):
    from recbole_iacn.report.trade_off_table import trade_off_figure, trade_off_text
    from recbole_iacn.serving.tables.output_files import NAME_ANOTHER
    from recbole_iacn.system import disk
    from recbole_iacn.system.atomic_writes import write_text

    if not files:
        return
    with disk.writing(files[0], NAME_ANOTHER):
        if files[1:]:
            from recbole_iacn.report.pictures import write_pictures

            write_pictures({files[1].stem: ("", trade_off_figure(curve))}, files[1].parent)
        write_text(files[0], trade_off_text(curve, files[0].suffix.lower()))
