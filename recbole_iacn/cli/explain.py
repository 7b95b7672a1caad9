"""The command ``recbole-iacn explain``."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from recbole_iacn.cli.answered import cell_arguments, check_device, column_arguments, work_arguments
from recbole_iacn.serving.page import MAPS


def explain_parser(parser: ArgumentParser) -> None:
    """Add the arguments of ``recbole-iacn explain``."""
    parser.set_defaults(run=_explain)
    parser.add_argument("bundle", metavar="BUNDLE", help="folder that recbole-iacn train --bundle has written")
    parser.add_argument("beside", metavar="BUNDLE", nargs="?", help="a second one, to be shown beside the first")
    files = "CSV, Parquet or JSON lines, plain or gzip"
    parser.add_argument("--events", required=True, metavar="FILE", help=f"one row per click: {files}, in any order")
    parser.add_argument(
        "--users",
        required=True,
        metavar="USERS",
        help="whom to show: tokens with commas between them, or a file with one row per user",
    )
    parser.add_argument("--items", metavar="FILE", help=f"names and columns of items: RecBole's .item file, {files}")
    parser.add_argument("--title", metavar="COLUMN", help="column of the items' names (default: recognised)")
    parser.add_argument("--picture", metavar="COLUMN", help="column of links to pictures (default: recognised)")
    parser.add_argument("--out", required=True, metavar="FILE", help="page to write: .html")
    parser.add_argument("--overwrite", action="store_true", help="replace FILE if it exists")
    parser.add_argument("--heading", help="heading of the page")
    parser.add_argument("--k", type=int, default=10, help="recommended items per user (default: %(default)s)")
    parser.add_argument("--most", type=int, default=50, help="most users on a page (default: %(default)s)")
    parser.add_argument(
        "--map", default="auto", metavar="|".join(MAPS), help="how the map of all items is made (default: auto)"
    )
    work_arguments(parser)
    columns = column_arguments(parser, "events")
    columns.add_argument("--user-key", metavar="COLUMN", help="column of the user in the table of users")
    columns.add_argument("--item-key", metavar="COLUMN", help="column of the item in the table of items")
    cell_arguments(parser)


def _explain(given: Namespace) -> None:
    from recbole_iacn.serving.page.item_map import check_method
    from recbole_iacn.serving.page.page_file import write_page
    from recbole_iacn.serving.recommender import load
    from recbole_iacn.serving.tables.limits import Limits
    from recbole_iacn.serving.tables.output_files import check_output
    from recbole_iacn.system import interrupts

    limits = Limits(given.memory, given.threads, overwrite=given.overwrite)
    limits.check()
    check_method(given.map)
    check_device(given.device)
    check_output(given.out, given.overwrite, [given.events, *([given.items] if given.items else [])], (".html",))
    options = ("user", "item", "time", "label", "label_from", "time_unit", "time_format", "max_bad_rows")
    chosen = {name: getattr(given, name) for name in (*options, "user_key", "item_key")}
    bundles = [given.bundle, *([given.beside] if given.beside else [])]
    with interrupts.leaving(given.out):
        account = write_page(
            [load(bundle, given.device) for bundle in bundles],
            given.events,
            given.users,
            given.out,
            k=given.k,
            items=given.items,
            title=given.title,
            picture=given.picture,
            layout=given.map,
            most=given.most,
            heading=given.heading,
            names=[Path(bundle).name for bundle in bundles],
            limits=limits,
            **chosen,
        )
    print("\n".join(account.lines()))
