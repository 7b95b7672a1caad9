"""The command ``recbole-iacn prepare table``."""

from argparse import ArgumentParser, Namespace
from dataclasses import fields
from pathlib import Path

from recbole_iacn.cli.prepared import folder_arguments, limit_arguments, need
from recbole_iacn.errors import ConfigError


def table_parser(parser: ArgumentParser) -> None:
    """Add the arguments of ``recbole-iacn prepare table``."""
    parser.set_defaults(run=_from_table)
    files = "CSV, Parquet or JSON lines, plain or gzip"
    folder_arguments(parser)
    parser.add_argument("--events", metavar="FILE", help=f"one row per interaction: {files}")
    parser.add_argument("--items", metavar="FILE", help="one row per item, likewise")
    parser.add_argument("--users", metavar="FILE", help="one row per user, likewise")
    limit_arguments(parser)
    columns = parser.add_argument_group("columns, which are otherwise recognised by their usual names")
    for role in ("user", "item", "time"):
        columns.add_argument(f"--{role}", metavar="COLUMN", help=f"column of the {role}, among the events")
    for role in ("rating", "label"):
        columns.add_argument(f"--{role}", metavar="COLUMN", help=f"column of the {role}; none: there is none")
    columns.add_argument("--item-key", metavar="COLUMN", help="column of the item in the table of items")
    columns.add_argument("--user-key", metavar="COLUMN", help="column of the user in the table of users")
    columns.add_argument("--columns", nargs="+", metavar="COLUMN", help="further columns to keep (default: all)")
    columns.add_argument("--drop", nargs="+", default=[], metavar="COLUMN", help="columns to leave out")
    cells = parser.add_argument_group("cells")
    cells.add_argument("--time-unit", help="of times that are numbers: s, ms, us, ns or place (default: found out)")
    cells.add_argument("--time-format", help="of times that are text, as '%%d/%%m/%%Y %%H:%%M' (default: ISO 8601)")
    cells.add_argument(
        "--label-from", metavar="CONDITION", help="make a label: 1 where 'rating>=4' or 'event=purchase' holds, else 0"
    )
    cells.add_argument(
        "--split", nargs="+", default=[], metavar="COLUMN=SEPARATOR", help="split cells into lists: categories='>'"
    )
    cells.add_argument(
        "--types", nargs="+", default=[], metavar="COLUMN=TYPE", help="token, token_seq, float or float_seq"
    )
    cells.add_argument(
        "--max-bad-rows", type=int, default=0, help="most events to drop for cells that cannot be read (default: 0)"
    )
    kept = parser.add_argument_group("events to keep")
    kept.add_argument("--min-rating", type=float, help="minimum rating (default: all)")
    kept.add_argument(
        "--duplicates", default="all", help="of a user's events of one item: the first, the last or all (default: all)"
    )
    kept.add_argument("--core", type=int, default=1, help="minimum number of events per user and per item (default: 1)")
    kept.add_argument("--missing-items", default="keep", help="keep or drop items without a row (default: keep)")


def _from_table(given: Namespace) -> None:
    from recbole_iacn.data.tables.convert import from_tables
    from recbole_iacn.data.tables.options import Options
    from recbole_iacn.data.tables.training_file import summary

    need(given, "table", "events", "name")
    options = {one.name: getattr(given, one.name) for one in fields(Options)}
    options |= {name: _pairs(name, options[name]) for name in ("split", "types")}
    manifest = from_tables(
        given.events,
        given.items,
        given.users,
        name=given.name,
        out=given.out,
        memory=given.memory,
        threads=given.threads,
        overwrite=given.overwrite,
        **options,
    )
    print("\n".join(summary(manifest, Path(given.out, given.name))))


_EXAMPLES = {"types": "categories=token_seq", "split": "'categories=/'"}


def _pairs(flag, given):
    pairs = [one.partition("=") for one in given]
    wrong = [column + equals for column, equals, value in pairs if not (column and equals and value)]
    if wrong:
        raise ConfigError(f"{flag}: {wrong[0]!r} must be a column, = and a value, such as {_EXAMPLES[flag]}")
    return {column: value for column, _, value in pairs}
