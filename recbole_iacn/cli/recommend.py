"""The command ``recbole-iacn recommend``."""

from argparse import ArgumentParser, Namespace

from recbole_iacn.cli.answered import answer, cell_arguments, column_arguments, output_arguments


def recommend_parser(parser: ArgumentParser) -> None:
    """Add the arguments of ``recbole-iacn recommend``."""
    parser.set_defaults(run=_recommend)
    parser.add_argument("bundle", metavar="BUNDLE", help="folder that recbole-iacn train --bundle has written")
    files = "CSV, Parquet or JSON lines, plain or gzip"
    parser.add_argument("--events", required=True, metavar="FILE", help=f"one row per click: {files}, in any order")
    parser.add_argument("--k", type=int, default=10, help="items per user (default: %(default)s)")
    parser.add_argument(
        "--users",
        metavar="FILE",
        help="recommend to these users alone, one row each; with the columns of users that the model reads",
    )
    parser.add_argument("--among", metavar="FILE", help="choose from these items alone, one row each")
    parser.add_argument("--include_seen", action="store_true", help="also recommend what is in the user's history")
    parser.add_argument(
        "--diversity",
        type=float,
        metavar="λ",
        help="trade scores for different categories: how much lower the score of an item may be that differs from one "
        "more item of the list (ComiRec's controllable aggregation)",
    )
    parser.add_argument(
        "--diversity-by",
        metavar="COLUMN",
        help="column of items whose values are to differ (default: the only one that there is)",
    )
    parser.add_argument(
        "--items", metavar="FILE", help="table of items with that column (default: the columns that the bundle has)"
    )
    output_arguments(parser)
    columns = column_arguments(parser, "events")
    columns.add_argument("--user-key", metavar="COLUMN", help="column of the user in the table of users")
    columns.add_argument("--item-key", metavar="COLUMN", help="column of the item in the tables of items")
    cell_arguments(parser)


def _recommend(given: Namespace) -> None:
    from recbole_iacn.serving.tables.recommend_table import recommend_table

    options = ("user", "item", "time", "label", "label_from", "time_unit", "time_format", "max_bad_rows")
    answer(
        recommend_table,
        given,
        (*options, "user_key", "item_key", "diversity", "diversity_by"),
        events=given.events,
        k=given.k,
        users=given.users,
        among=given.among,
        exclude_seen=not given.include_seen,
        items=given.items,
    )
