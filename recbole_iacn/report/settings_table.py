"""The settings that the runs of a report were made with, each once per run: of all runs, of those of a dataset, of a
model, of a column, or of pairs of them, as far as they share it."""

from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Any, NamedTuple

import yaml

from recbole_iacn.experiments.results import column_of
from recbole_iacn.report.tables import Result, Table

TITLE = "Settings"

TEXT = """What was set; all else had its default in that version. Seeds, modes and swept settings are in the other
tables alone. A row adds to the rows above it that are of the same runs; "or" stands between the values of runs that the
other tables have in one row."""

_ALL = "(all)"  # no name of a column has brackets
_NONE = "–"


class _Run(NamedTuple):
    place: dict[str, str]  # where it stands in the other tables
    own: dict[str, str]  # its settings that are not in a row yet
    elsewhere: set[str]  # the settings that other tables say


def settings_cells(results: Sequence[Result], names: Sequence[str] = ()) -> Table:
    """Heads and cells: a row for what all runs share, then for what those of a dataset, of a model, of a column and of
    pairs of them share; and one for what is left.

    Args:
        results (list of dict): the results of the runs.
        names (sequence of str): the order of the columns or modes. Defaults to that of the results.
    """
    runs = [_Run(_place(one), *_settings(one)) for one in results]
    runs.sort(key=lambda run: [*names, run.place["column"]].index(run.place["column"]))
    columns = any(run.place["column"] != _NONE for run in runs)
    keys = ("dataset", "model", "column") if columns else ("dataset", "model")
    cells = []
    for level in (level for size in range(len(keys) + 1) for level in combinations(keys, size)):
        groups: dict[tuple[str, ...], list[_Run]] = {}
        for run in runs:
            groups.setdefault(tuple(run.place[key] for key in level), []).append(run)
        for of, group in groups.items():
            text = "; ".join(_taken(group, all_that_is_left=level == keys))
            if text or not level:
                where = dict(zip(level, of))
                cells.append([*(where.get(key, _ALL) for key in keys), text or _NONE])
    kind = "column" if any(one.get("column") for one in results) else "mode"
    return ["dataset", "model", *([kind] if columns else []), "settings"], cells


def _place(one: Result) -> dict[str, str]:
    return {"dataset": one["dataset"], "model": one["model"], "column": column_of(one) or _NONE}


def _settings(one: Result) -> tuple[dict[str, str], set[str]]:
    """A run's settings, each as ``name: value``, and the names of those that other tables say."""
    elsewhere = {"seed", *one["sweep"], *(["iacn_mode"] if one["mode"] and not one.get("column") else [])}
    return {name: _line(name, value) for name, value in one["settings"].items() if name not in elsewhere}, elsewhere


class _Plain(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        """A list that stands in two places is written twice."""
        return True


def _line(name: str, value: Any) -> str:
    """As YAML, in one line."""
    text = yaml.dump({name: value}, Dumper=_Plain, default_flow_style=True, allow_unicode=True, width=float("inf"))
    return " ".join(text.strip()[1:-1].split())


def _taken(runs: list[_Run], all_that_is_left: bool) -> Iterable[str]:
    """Take what the runs share, or all that is left, from their settings."""
    for name in sorted({name for run in runs for name in run.own}):
        with_it = [run for run in runs if name not in run.elsewhere]
        lines = list(dict.fromkeys(run.own.get(name) for run in with_it))
        if all_that_is_left or (len(lines) == 1 and with_it == runs):
            yield " or ".join(line or f"{name} by default" for line in lines)
            for run in runs:
                run.own.pop(name, None)
