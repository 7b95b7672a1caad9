"""Converts Amazon's raw files into a folder of atomic files; after an error nothing is left.

    dataset/Electronics/
      Electronics.inter    user_id, item_id, rating, timestamp (seconds)
      Electronics.item     item_id, categories (all of them), category (the last of the last path)
      Electronics.yaml     settings that load them
      manifest.json        what was read, dropped and written, with checksums and versions

Every line read is counted once: blank, bad, below the minimum rating, a duplicate, of an item without metadata, outside
the core, or kept.
"""

import os
import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from recbole_iacn.data.amazon.formats import DUMPS
from recbole_iacn.data.amazon.records import Records
from recbole_iacn.data.amazon.staging import Staging
from recbole_iacn.data.dataset_folder import check_target, making, write_manifest
from recbole_iacn.errors import ConfigError
from recbole_iacn.system import disk
from recbole_iacn.version import __version__


@dataclass(frozen=True)
class Options:
    """What to keep.

    Attributes:
        year (int): of the dump: 2014, 2018 or 2023.
        core (int): minimum number of reviews per user and per item, applied until nothing changes; 1 keeps all.
        min_rating (float): reviews with fewer stars are dropped first.
        duplicates (str): of several reviews of an item by one user, keep the ``first``, the ``last`` or ``all``.
        missing_meta (str): ``keep`` items without metadata, with empty categories, or ``drop`` their reviews.
        max_bad_lines (int): maximum number of unreadable lines in one file; more are an error.
    """

    year: int
    core: int = 1
    min_rating: float = 0.0
    duplicates: str = "first"
    missing_meta: str = "keep"
    max_bad_lines: int = 100

    def __post_init__(self) -> None:
        for name, valid, meaning in (
            ("year", self.year in DUMPS, f"one of {', '.join(map(str, DUMPS))}"),
            ("core", self.core >= 1, "at least 1"),
            ("min_rating", 0 <= self.min_rating <= 1e9, "at least 0"),
            ("duplicates", self.duplicates in ("first", "last", "all"), "first, last or all"),
            ("missing_meta", self.missing_meta in ("keep", "drop"), "keep or drop"),
            ("max_bad_lines", self.max_bad_lines >= 0, "at least 0"),
        ):
            if not valid:
                raise ConfigError(f"{name.replace('_', '-')}: must be {meaning}, got {getattr(self, name)!r}")


def prepare(
    reviews: str | Path,
    meta: str | Path | None,
    target: str | Path,
    options: Options,
    memory: int = 2048,
    threads: int | None = None,
    overwrite: bool = False,
    progress: bool = True,
) -> dict[str, Any]:
    """Convert one category.

    Args:
        reviews (str or pathlib.Path): reviews (JSON lines) or ratings only (``.csv``), gzip or plain.
        meta (str or pathlib.Path or None): items; None leaves categories empty.
        target (str or pathlib.Path): the folder to create; its last part names the dataset.
        options (Options): what to keep.
        memory (int): MiB that the process may take; what needs more is done on disk, in ``target``'s parent folder.
        threads (int, optional): threads of the database; by default one per core.
        overwrite (bool): replace ``target`` if it exists.
        progress (bool): show bars with lines per second and the time left.

    Returns:
        dict: the manifest.

    Raises:
        ConfigError: a wrong option; a file that is missing, cut short or damaged; too many bad lines; nothing left.
            Names file and line. Nothing is left behind.
    """
    target = Path(target)
    files = [Path(path) for path in (reviews, meta) if path is not None]
    _check(files, target, options, memory, threads, overwrite)
    with making(target, overwrite) as partial:
        return _convert(files, partial, target.name, options, memory, threads or os.cpu_count() or 1, progress)


def _check(files, target, options, memory, threads, overwrite):
    if options.missing_meta == "drop" and len(files) == 1:
        raise ConfigError("missing-meta: drop needs the item file, --meta")
    for path in files:
        disk.check_file(path)
    check_target(target, memory, threads, overwrite)


def _convert(files, folder, name, options, memory, threads, progress):
    with Staging(folder, memory, threads) as staging:
        reviews = Records(files[0], options, progress).reviews_to(staging)
        meta = Records(files[1], options, progress).items_to(staging) if len(files) > 1 else None
        counts = _filter(staging, reviews.counts, meta, options)
        if not counts["kept"]:
            raise ConfigError(f"{files[0]}: no review is left of {counts['lines']} lines: {_in_words(counts)}")
        staging.write(folder / f"{name}.inter", folder / f"{name}.item")
        left = staging.counts()
    manifest = _manifest(name, options, [read for read in (reviews, meta) if read], counts, left)
    (folder / f"{name}.yaml").write_text(_settings(name, meta is not None), encoding="utf-8")
    return write_manifest(folder, name, manifest)


def _filter(staging, read, meta, options):
    """Apply the options in their order; the dict counts where each line of the review file went."""
    staging.number_ids()
    counts = dict(read)
    counts["duplicate"] = staging.drop_duplicates(options.duplicates) if options.duplicates != "all" else 0
    counts["without_meta"] = staging.drop_without_meta() if options.missing_meta == "drop" else 0
    counts["outside_core"] = staging.core(options.core) if options.core > 1 else 0
    counts["kept"] = staging.counts()["interactions"]
    if meta:
        counts["items_without_meta"] = staging.count_without_meta()
    return counts


def _manifest(name, options, read, counts, left):
    import duckdb

    return {
        "dataset": name,
        **left,
        "options": asdict(options),
        "review_lines": {key: value for key, value in counts.items() if key != "items_without_meta"},
        "items_without_meta": counts.get("items_without_meta"),
        "inputs": [
            {
                "file": one.file.name,
                "bytes": one.file.size,
                "sha256": one.file.sha256,
                **{key: one.counts[key] for key in ("lines", "blank", "bad")},
                "first_bad_lines": one.bad,
            }
            for one in read
        ],
        "versions": {
            "recbole_iacn": __version__,
            "python": platform.python_version(),
            "duckdb": duckdb.__version__,
        },
    }


def _settings(name, with_items):
    items = ", item: [item_id, categories]" if with_items else ""
    return (
        f"# python run_recbole_iacn.py --model=DIN_IaCN --dataset={name} --data_path=<the folder above this one> "
        f"--config_files=<this file>\n"
        f"load_col: {{inter: [user_id, item_id, timestamp]{items}}}\n"
        "# Further columns: rating (float) and category (token, the last of the last path, as in DIN).\n"
    )


def _in_words(counts):
    return ", ".join(f"{counts[key]} {key.replace('_', ' ')}" for key in counts if key != "lines" and counts[key])
