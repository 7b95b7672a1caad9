"""The settings that load a converted dataset and train on it, and the account of the conversion in words."""

import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml


def settings_text(manifest: Mapping[str, Any]) -> str:
    """``NAME.yaml``.

    Args:
        manifest (dict): of :func:`recbole_iacn.data.tables.convert.from_tables`.
    """
    columns, roles = manifest["columns"], manifest["columns"]["roles"]
    numbers = []
    load = {"inter": ["user_id", "item_id", "timestamp", *(["label"] if _two_classes(manifest) else [])]}
    unused = ["rating"] if "rating" in roles else []
    for what, side in (("events", "inter"), ("items", "item"), ("users", "user")):
        if what not in columns:
            continue
        load.setdefault(side, [f"{side}_id"])
        for one in columns[what].values():
            field, _, kind = one["field"].partition(":")
            if kind == "float" and one["loaded"]:
                numbers.append(field)
            (load[side] if one["loaded"] else unused).append(field)
    lines = [f"# recbole-iacn train --model=DIN_IaCN --dataset={manifest['dataset']} finds this file beside the data."]
    lines += ["load_col:", *(f"  {side}: {_flow(fields)}" for side, fields in load.items())]
    if _two_classes(manifest):
        lines += ["protocol: impressions_by_time"]
    if numbers:
        lines += [f"normalize_field: {_flow(numbers)}  # to [0, 1], the size of embeddings"]
    if unused:
        lines += [f"# In the files, too, but not loaded: {', '.join(unused)}."]
    return "\n".join(lines) + "\n"


def _flow(fields):
    return yaml.safe_dump(fields, default_flow_style=True, allow_unicode=True, width=float("inf")).strip()


def _two_classes(manifest):
    return bool(manifest["labels"] and manifest["labels"]["0"])


def summary(manifest: Mapping[str, Any], target: Path) -> Iterator[str]:
    """The outcome of a conversion: what was recognised, where every row went, what was changed.

    Args:
        manifest (dict): of :func:`recbole_iacn.data.tables.convert.from_tables`.
        target (pathlib.Path): the folder of the dataset.

    Yields:
        str: lines of text.
    """
    columns = manifest["columns"]
    yield f"{target}: " + ", ".join(f"{manifest[name]:,} {name}" for name in ("users", "items", "interactions"))
    yield "  " + ", ".join(f"{field}: {column}" for field, column in columns["roles"].items())
    yield f"  time: {manifest['time']['range']}"
    if manifest["time"]["in_1970_or_after_2100"]:
        yield "  notice: some times lie in 1970 or before, or after 2100; see --time-unit"
    if manifest["time"]["rounded_to_microseconds"]:
        yield f"  notice: {manifest['time']['rounded_to_microseconds']:,} times were cut off to microseconds"
    if manifest["labels"]:
        ones, zeros = manifest["labels"]["1"], manifest["labels"]["0"]
        yield f"  label: {ones:,} are 1, {zeros:,} are 0" + ("" if zeros else "; not loaded, since all rows are clicks")
    for one in manifest["inputs"]:
        yield from _table_in_words(one.get("file", one["table"]), one["table"], manifest)
    for column, count in manifest["ids_merged_by_cleaning"].items():
        yield f"  notice: {count:,} ids of {column} are now another's; they differed in blanks or control characters"
    folder = "" if str(target.parent) == "dataset" else f" --data_path={shlex.quote(str(target.parent))}"
    yield f"Next: recbole-iacn train --model=DIN_IaCN --dataset={shlex.quote(target.name)}{folder}"


def _table_in_words(title, what, manifest):
    columns, rows = manifest["columns"], manifest["rows"][what]
    yield f"  {title}: {rows['rows']:,} rows"
    for reason, count in rows.items():
        if count and reason != "rows":
            yield f"  {count:>12,}  {reason.replace('_', ' ')}"
    for name, one in columns[what].items():
        renamed = "" if one["field"].rpartition(":")[0] == name else f" (column {name!r})"
        unused = " (not loaded)" if what == "events" else ""
        note = f" ({one['note']})" if "note" in one else unused
        yield f"                {one['field']}{renamed}{note}"
    for name, reason in columns["left_out"].get(what, {}).items():
        yield f"                column {name!r} is left out: {reason}"
    missing = manifest["without_row"].get(what)
    if missing:
        yield f"  {missing:,} {what} of the events have no row here; their cells are empty"
    for name, count in manifest["cleaned_cells"].get(what, {}).items():
        yield f"  cleaned: {count:,} cells of {name} (blanks around, tabs, ends of lines; blanks in a list's tokens)"
