"""The command ``recbole-iacn prepare amazon``."""

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from recbole_iacn.cli.prepare_rows import check_shown_rows, show_rows_of, shown_rows_arguments
from recbole_iacn.cli.prepared import check_name, folder_arguments, limit_arguments, need


def amazon_parser(parser: ArgumentParser) -> None:
    """Add the arguments of ``recbole-iacn prepare amazon``."""
    parser.set_defaults(run=_from_amazon)
    folder_arguments(parser)
    parser.add_argument("--year", type=int, choices=[2014, 2018, 2023], help="year of the dump")
    parser.add_argument("--reviews", help="reviews (JSON lines) or ratings only (.csv), gzip or plain")
    parser.add_argument("--meta", help="metadata of the items; without it there are no categories")
    parser.add_argument(
        "--core", type=int, default=5, help="minimum number of reviews per user and per item (default: 5; 1: all)"
    )
    parser.add_argument("--min-rating", type=float, default=0.0, help="minimum number of stars (default: 0)")
    parser.add_argument(
        "--duplicates",
        default="first",
        help="keep the first, the last or all of a user's reviews of one item (default: first)",
    )
    parser.add_argument("--missing-meta", default="keep", help="keep or drop items without metadata (default: keep)")
    parser.add_argument(
        "--max-bad-lines", type=int, default=100, help="maximum number of malformed lines per file (default: 100)"
    )
    limit_arguments(parser)
    shown_rows_arguments(parser)


def _from_amazon(given: Namespace) -> None:
    from recbole_iacn.data.amazon.prepare import Options, prepare

    need(given, "amazon", "year", "reviews", "name")
    check_name(given.name)
    check_shown_rows(given)
    options = Options(**{name: getattr(given, name) for name in Options.__dataclass_fields__})
    target = Path(given.out, given.name)
    manifest = prepare(
        given.reviews,
        given.meta,
        target,
        options,
        memory=given.memory,
        threads=given.threads,
        overwrite=given.overwrite,
        progress=sys.stderr.isatty(),
    )
    print("\n".join(summary(manifest, target)))
    show_rows_of(given)


def summary(manifest: dict[str, Any], target: Path) -> list[str]:
    """Describe the result of a conversion, with what happened to every input line.

    Args:
        manifest (dict): the manifest that :func:`recbole_iacn.data.amazon.prepare.prepare` returns.
        target (pathlib.Path): the folder of the dataset.

    Returns:
        list of str: lines of text.
    """
    counts = {name: count for name, count in manifest["review_lines"].items() if count}
    sizes = (f"{manifest[name]:,} {name}" for name in ("users", "items", "interactions", "categories"))
    lines = [f"{target}: {', '.join(sizes)}"]
    lines += [f"  {count:>12,}  {name.replace('_', ' ')}" for name, count in counts.items()]
    if manifest["items_without_meta"]:
        lines.append(f"  {manifest['items_without_meta']:,} items have no metadata and therefore no categories")
    for one in manifest["inputs"]:
        lines += [f"  {one['file']}, line {bad['line']}: {bad['reason']}" for bad in one["first_bad_lines"][:3]]
    lines.append(f"Next: recbole-iacn train --model=DIN_IaCN --dataset={target.name} --data_path={target.parent} \\")
    lines.append(f"        --config_files={target / target.name}.yaml --protocol=din_electronics")
    return lines
