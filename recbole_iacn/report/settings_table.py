"""The settings that the runs of a report were made with, each said once, of the most runs that share it."""

import json
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import yaml

from recbole_iacn.experiments.results import column_of
from recbole_iacn.report.tables import Result, Table

TITLE = "Settings"

TEXT = """What the experiment set; all else has its default, and what is swept is in the other tables. A row adds to the
rows above it that are of the same runs."""

_ALL = "all"
_KEYS = ("dataset", "model", "column")


def settings_cells(results: Sequence[Result]) -> Table | None:
    """Heads and cells: a row for what all runs share, then for what those of a dataset, of a model, of a column and of
    pairs of them share; a value that differs between runs of one row of the other tables is there with the others.

    Seeds are left out, and so are swept settings and the mode, which have columns of their own in the other tables.

    Args:
        results (list of dict): the results of the runs.

    Returns:
        tuple or None: heads and cells; None if no run has settings.
    """
    unsaid = [(_place(one), _own(one)) for one in results]
    columns = any(place["column"] for place, _ in unsaid)
    keys = _KEYS if columns else _KEYS[:2]
    cells = []
    for level in (level for size in range(len(keys) + 1) for level in combinations(keys, size)):
        groups: dict[tuple[str, ...], list[dict[str, str]]] = {}
        for place, own in unsaid:
            groups.setdefault(tuple(place[key] for key in level), []).append(own)
        for names, owns in groups.items():
            text = "; ".join(f"{name}: {value}" for name, value in _said(owns, last=level == keys))
            if text:
                where = dict(zip(level, names))
                cells.append([*(where.get(key, _ALL) for key in keys), text])
    kind = "column" if any(one.get("column") for one in results) else "mode"
    return (["dataset", "model", *([kind] if columns else []), "settings"], cells) if cells else None


def _place(one: Result) -> dict[str, str]:
    """Where a run stands in the other tables."""
    return {"dataset": one["dataset"], "model": one["model"], "column": column_of(one)}


def _own(one: Result) -> dict[str, str]:
    """A run's settings without what other tables say, each value as a text, by their names."""
    left_out = {"seed", *one["sweep"]}
    if one["mode"] and not one.get("column"):
        left_out.add("iacn_mode")
    return {name: _value(value) for name, value in sorted(one["settings"].items()) if name not in left_out}


def _value(value: Any) -> str:
    """As in a file of settings, in one line."""
    if isinstance(value, (dict, list)):
        return yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=float("inf")).strip()
    return value if isinstance(value, str) else json.dumps(value)


def _said(owns: list[dict[str, str]], last: bool) -> list[tuple[str, str]]:
    """Take from the runs' settings what they share, or all that is left where there is no smaller group."""
    said = []
    for name in sorted({name for own in owns for name in own}):
        values = list(dict.fromkeys(own.get(name, "its default") for own in owns))
        if last or len(values) == 1:
            said.append((name, " or ".join(values)))
            for own in owns:
                own.pop(name, None)
    return said
