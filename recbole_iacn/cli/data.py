"""The commands ``recbole-iacn download`` and ``recbole-iacn prepare``, which turn raw files into atomic files."""

import os
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from recbole_iacn.errors import ConfigError


def download_parser(parser: ArgumentParser) -> None:
    """Add the arguments of ``recbole-iacn download``."""
    parser.set_defaults(run=_download)
    parser.add_argument("source", choices=["amazon"])
    parser.add_argument("--year", type=int, required=True, choices=[2014, 2018, 2023], help="year of the dump")
    parser.add_argument(
        "--category", required=True, help="category in the publishers' spelling: Electronics, Sports_and_Outdoors …"
    )
    parser.add_argument(
        "--kinds",
        nargs="+",
        default=["core5", "meta"],
        metavar="KIND",
        help="core5 (the 5-core reviews; for 2023: ratings), reviews (all), ratings (no text), meta (items); "
        "default: core5 meta",
    )
    parser.add_argument("--out", default="raw", help="folder for the files (default: %(default)s)")
    parser.add_argument("--sha256", help="expected checksum, if one file is downloaded")


def _download(given):
    from recbole_iacn.data.amazon.download import address, download

    if given.sha256 and len(given.kinds) > 1:
        raise ConfigError("sha256: is the checksum of one file; give one of --kinds")
    for url in [address(given.year, kind, given.category) for kind in given.kinds]:
        print(download(url, given.out, given.sha256))


def prepare_parser(parser: ArgumentParser) -> None:
    """Add the arguments of ``recbole-iacn prepare``."""
    parser.set_defaults(run=_prepare)
    parser.add_argument("source", nargs="?", choices=["amazon", "sequences"], help="format of the raw files")
    made = parser.add_argument_group("amazon and sequences")
    made.add_argument("--name", help="name of the dataset")
    made.add_argument("--out", default="dataset", help="folder in which NAME/ is created (default: %(default)s)")
    made.add_argument("--overwrite", action="store_true", help="replace NAME/ if it exists")
    lines = parser.add_argument_group("sequences")
    lines.add_argument("--sequences", help="file with one line per user: the user, then the items, oldest first")
    lines.add_argument("--attributes", help="JSON file with the attributes of each item, which become its categories")
    raw = parser.add_argument_group("amazon")
    raw.add_argument("--year", type=int, choices=[2014, 2018, 2023], help="year of the dump")
    raw.add_argument("--reviews", help="reviews (JSON lines) or ratings only (.csv), gzip or plain")
    raw.add_argument("--meta", help="metadata of the items; without it there are no categories")
    raw.add_argument(
        "--core", type=int, default=5, help="minimum number of reviews per user and per item (default: 5; 1: all)"
    )
    raw.add_argument("--min-rating", type=float, default=0.0, help="minimum number of stars (default: 0)")
    raw.add_argument(
        "--duplicates",
        default="first",
        help="keep the first, the last or all of a user's reviews of one item (default: first)",
    )
    raw.add_argument("--missing-meta", default="keep", help="keep or drop items without metadata (default: keep)")
    raw.add_argument(
        "--max-bad-lines", type=int, default=100, help="maximum number of malformed lines per file (default: 100)"
    )
    raw.add_argument(
        "--memory", type=int, default=2048, help="memory limit in MiB, beyond which disk is used (default: 2048)"
    )
    raw.add_argument("--threads", type=int, help="number of threads of the database (default: every core)")
    rows = parser.add_argument_group("rows in words")
    rows.add_argument("--show-rows", action="store_true", help="print the first users' rows, e.g. to check for leakage")
    rows.add_argument("--dataset", help="dataset whose rows are printed (default: the one just converted)")
    rows.add_argument("--data_path", default="dataset", help="folder that contains the dataset (default: %(default)s)")
    rows.add_argument("--protocol", default="leave_one_out_ctr", help="evaluation protocol (default: %(default)s)")
    rows.add_argument("--users", type=int, default=2, help="number of users (default: 2)")


def _prepare(given):
    if given.source is None and not given.show_rows:
        raise ConfigError("prepare: give a source (amazon, sequences) or --show-rows; see recbole-iacn prepare --help")
    dataset, folder = given.dataset, given.data_path
    if given.source:
        _need(given, *{"amazon": ("year", "reviews", "name"), "sequences": ("sequences", "name")}[given.source])
        {"amazon": _from_amazon, "sequences": _from_sequences}[given.source](given)
        dataset, folder = dataset or given.name, given.out if not dataset else folder
    if given.show_rows:
        _show_rows(dataset, folder, given)


def _need(given, *options):
    for option in options:
        if not getattr(given, option):
            raise ConfigError(f"{option}: prepare {given.source} needs --{option}")
    if os.path.basename(given.name) != given.name or given.name.startswith("."):
        raise ConfigError(f"name: {given.name!r} must be the dataset's name, without a path")


def _from_sequences(given):
    from recbole_iacn.data.sequences import convert

    target = Path(given.out, given.name)
    counts = convert(given.sequences, given.attributes, target, given.overwrite)
    sizes = ", ".join(f"{counts[name]:,} {name}" for name in ("users", "items", "interactions"))
    print(f"{target}: {sizes}; {counts['without_attributes']:,} items have no attributes")


def _from_amazon(given):
    from recbole_iacn.data.amazon.prepare import Options, prepare

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


def _show_rows(dataset, folder, given):
    from recbole_iacn.building import build
    from recbole_iacn.data.rows import AS_THEY_ARE, rows_in_words

    if not dataset:
        raise ConfigError("dataset: --show-rows needs --dataset, or a source to convert")
    own = Path(folder, dataset, f"{dataset}.yaml")
    settings = {"data_path": folder, "protocol": given.protocol, "seed": 2020, **AS_THEY_ARE}
    made = build("DIN_IaCN", dataset, [str(own)] if own.is_file() else [], settings)
    for line in rows_in_words((made.train_data, made.valid_data, made.test_data), given.users):
        print(line)
