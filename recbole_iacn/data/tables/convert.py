"""Tables of events, items and users become a folder of atomic files; after an error nothing is left.

    dataset/shop/
      shop.inter       user_id, item_id, timestamp (seconds), rating, label, further columns of the events
      shop.item        item_id, further columns of the items; shop.user likewise
      shop.yaml        settings that load them and train
      manifest.json    what was recognised, read, dropped, cleaned and written, with checksums and versions

Every row is counted once: dropped for one reason, or kept.
"""

import os
from pathlib import Path
from typing import Any

from recbole_iacn.data.dataset_folder import check_target, making, write_manifest
from recbole_iacn.data.tables.conversion import Conversion
from recbole_iacn.data.tables.intake import TableBase
from recbole_iacn.data.tables.options import make_options
from recbole_iacn.data.tables.training_file import settings_text
from recbole_iacn.errors import ConfigError
from recbole_iacn.system import disk


def from_tables(
    events: Any,
    items: Any = None,
    users: Any = None,
    *,
    name: str,
    out: str | Path = "dataset",
    memory: int = 2048,
    threads: int | None = None,
    overwrite: bool = False,
    **options: Any,
) -> dict[str, Any]:
    """Write a dataset's atomic files from tables.

    Args:
        events: one row per interaction: a path (CSV, Parquet or JSON lines, plain or gzip) or a table of pandas, Polars
            or Arrow, with columns for user, item and time, and perhaps rating and label.
        items: one row per item, likewise; by default there are no columns of items.
        users: one row per user, likewise.
        name: the dataset's name.
        out: folder in which ``name/`` is created.
        memory: MiB that the process may take beside the tables given; what needs more is done on disk, in ``out``.
        threads: threads of the database; by default one per core.
        overwrite: replace the dataset if prepare has made it.
        **options: how the tables are read and which rows are kept, see
            :class:`~recbole_iacn.data.tables.options.Options`.

    Returns:
        The manifest: the columns recognised, the range of the times, where every row went, what was cleaned.

    Raises:
        ConfigError: a wrong option, file or cell; names it, and file and line. Nothing is left behind.

    Example:
        >>> recbole_iacn.data.from_tables(events, items, name="shop", user="customer_id", core=5)  # doctest: +SKIP
    """
    chosen = make_options(options)
    if not isinstance(name, str) or not name or os.path.basename(name) != name or name.startswith("."):
        raise ConfigError(f"name: {name!r} must be the dataset's name, without a path")
    given = {
        what: table for what, table in (("events", events), ("items", items), ("users", users)) if table is not None
    }
    if "events" not in given:
        raise ConfigError("events: a table of events is needed, got None")
    for flag, what, key in (("item-key", "items", chosen.item_key), ("user-key", "users", chosen.user_key)):
        if key and what not in given:
            raise ConfigError(f"{flag}: is for a table of {what}, and there is none; give --{what}")
    if chosen.missing_items == "drop" and items is None:
        raise ConfigError("missing-items: drop needs the table of items, --items")
    target = Path(out, name)
    check_target(target, memory, threads, overwrite)
    for table in given.values():
        if isinstance(table, str | Path):
            disk.check_file(table)
    with making(target, overwrite) as folder, TableBase(folder, memory, threads or os.cpu_count() or 1) as base:
        conversion = Conversion(base, given, chosen)
        conversion.read()
        conversion.filter()
        conversion.write(folder / name)
        manifest = conversion.manifest(name)
        (folder / f"{name}.yaml").write_text(settings_text(manifest), encoding="utf-8")
        return write_manifest(folder, name, manifest)
