"""The command ``recbole-iacn score``."""

from argparse import ArgumentParser, Namespace
from dataclasses import fields

from recbole_iacn.cli.answered import answer, cell_arguments, column_arguments, output_arguments


def score_parser(parser: ArgumentParser) -> None:
    """Add the arguments of ``recbole-iacn score``."""
    parser.set_defaults(run=_score)
    parser.add_argument("bundle", metavar="BUNDLE", help="folder that recbole-iacn train --bundle has written")
    files = "CSV, Parquet or JSON lines, plain or gzip"
    parser.add_argument(
        "--rows", required=True, metavar="FILE", help=f"an item per row, with a history or a user (and a time): {files}"
    )
    parser.add_argument(
        "--events", metavar="FILE", help="one row per click: a history is what its user clicked before the row's time"
    )
    parser.add_argument("--users", metavar="FILE", help="one row per user: the columns of users that the model reads")
    output_arguments(parser)
    columns = column_arguments(parser, "rows")
    columns.add_argument("--history", metavar="COLUMN", help="column of the histories, among the rows (item_id_list)")
    for role in ("user", "item", "time"):
        columns.add_argument(f"--event-{role}", metavar="COLUMN", help=f"column of the {role}, among the events")
    columns.add_argument("--user-key", metavar="COLUMN", help="column of the user in the table of users")
    cell_arguments(parser)


def _score(given: Namespace) -> None:
    from recbole_iacn.serving.tables.score_options import ScoreOptions
    from recbole_iacn.serving.tables.score_table import score_table

    names = [one.name for one in fields(ScoreOptions)]
    answer(score_table, given, names, rows=given.rows, events=given.events, users=given.users)
