"""The command ``recbole-iacn prepare sequences``."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from recbole_iacn.cli.prepare_rows import check_shown_rows, show_rows_of, shown_rows_arguments
from recbole_iacn.cli.prepared import check_name, folder_arguments, need


def sequences_parser(parser: ArgumentParser) -> None:
    """Add the arguments of ``recbole-iacn prepare sequences``."""
    parser.set_defaults(run=_from_sequences)
    folder_arguments(parser)
    parser.add_argument("--sequences", help="file with one line per user: the user, then the items, oldest first")
    parser.add_argument("--attributes", help="JSON file with the attributes of each item, which become its categories")
    shown_rows_arguments(parser)


def _from_sequences(given: Namespace) -> None:
    from recbole_iacn.data.sequences import convert

    need(given, "sequences", "sequences", "name")
    check_name(given.name)
    check_shown_rows(given)
    target = Path(given.out, given.name)
    counts = convert(given.sequences, given.attributes, target, given.overwrite)
    sizes = ", ".join(f"{counts[name]:,} {name}" for name in ("users", "items", "interactions"))
    print(f"{target}: {sizes}; {counts['without_attributes']:,} items have no attributes")
    show_rows_of(given)
