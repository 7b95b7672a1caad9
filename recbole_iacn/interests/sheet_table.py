"""Sheets as text, Markdown, CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from tabulate import tabulate

from recbole_iacn.interests.sheet import Beside, Line, Sheet, title_of, without_nan
from recbole_iacn.interests.stability import Stability, by_kind

SUFFIXES = (".json", ".md", ".csv")
_MARKS = """Beside a control +: the model's mean is larger, −: smaller, by a difference whose 95 % interval, by
Student's t over the same users, excludes 0 (of several seeds: of each); =: by none."""
_INTERVALS = """Mean ± standard error over users, the same for the model and its controls; in brackets the 95 % interval
of the difference from a control, by Student's t over the users' differences."""


def written(sheets: Sequence[Sheet], stabilities: Sequence[Stability], notes: Sequence[str], suffix: str = "") -> str:
    """The sheets as the text of a file.

    Args:
        sheets: of one or several bundles.
        stabilities: of those with several seeds.
        notes: on all of them.
        suffix: one of :data:`SUFFIXES`, or empty for a terminal.
    """
    if suffix == ".json":
        content = {
            "sheets": [sheet.as_dict() for sheet in sheets],
            "stability": [one.as_dict() for one in stabilities],
            "notes": list(notes),
        }
        return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    if suffix == ".csv":
        return _csv(sheets, stabilities)
    layout = "pipe" if suffix == ".md" else "simple"
    if len(sheets) == 1:
        heads, cells = one_sheet(sheets[0])
        meaning = _INTERVALS
    else:
        heads, cells = several_sheets(sheets, stabilities)
        meaning = f"Mean over users ± standard error, or over seeds ± standard deviation. {_MARKS}"
    first = f"{sheets[0].dataset}: {sheets[0].rows:,} test rows, lists of {sheets[0].k}"
    table = tabulate(cells, heads, layout, disable_numparse=True, stralign="left")
    remarks = dict.fromkeys([*(note for sheet in sheets for note in sheet.notes), *notes])
    said = "\n".join(f"- {note}" for note in remarks)
    return "\n\n".join(filter(None, (first, table, meaning.replace("\n", " "), said))) + "\n"


def one_sheet(sheet: Sheet) -> tuple[list[str], list[list[str]]]:
    """Heads and cells of a table of one bundle: a column for the model and two for each control."""
    controls = dict.fromkeys(name for line in sheet.lines for name in line.controls)
    heads = ["measure", named(sheet)]
    for control in controls:
        heads += [title_of(control), f"less {title_of(control)}"]
    cells = []
    for line in sheet.lines:
        row = [_titled(line), _spread(line.model.mean, line.model.error)]
        for control in controls:
            one = line.controls.get(control)
            row += ["", ""] if one is None else [number(one.mean), _difference(one)]
        cells.append([*row, f"{line.users:,}"])
    return [*heads, "users"], cells


def several_sheets(sheets: Sequence[Sheet], stabilities: Sequence[Stability]) -> tuple[list[str], list[list[str]]]:
    """Heads and cells of a table with a column for each kind of bundle, and under each measure a row per control."""
    kinds = by_kind(sheets)
    names = [named(same[0], seeds=len(same)) for same in kinds]
    stable = {one.kind: one.line for one in stabilities}
    lines = [[{line.name: line for line in sheet.lines} for sheet in same] for same in kinds]
    of_stability = [[{"stability": line} if (line := stable.get(same[0].kind)) else {}] for same in kinds]
    cells: list[list[str]] = []
    for of_kinds in (lines, of_stability):
        order = dict.fromkeys(name for same in of_kinds for of_sheet in same for name in of_sheet)
        for name in order:
            cells += _rows([[of_sheet[name] for of_sheet in same if name in of_sheet] for same in of_kinds])
    return ["measure", *names], cells


def _rows(of_kinds: Sequence[Sequence[Line]]) -> Iterable[list[str]]:
    """A measure's row, and one for each control."""
    first = next(some[0] for some in of_kinds if some)
    yield [_titled(first), *(_over(some, None) for some in of_kinds)]
    controls = dict.fromkeys(name for some in of_kinds for line in some for name in line.controls)
    for name in controls:
        yield [f"… {title_of(name)}", *(_over(some, name) for some in of_kinds)]


def _over(lines: Sequence[Line], control: str | None) -> str:
    """A cell: of one bundle, or the mean over seeds."""
    if control is None:
        means, error = [line.model.mean for line in lines], lines[0].model.error if lines else math.nan
        if len(means) > 1:
            error = _deviation(means)
        return _spread(_mean(means), error) if lines else "–"
    besides = [line.controls[control] for line in lines if control in line.controls]
    return f"{number(_mean([one.mean for one in besides]))} {_mark(besides)}" if besides else "–"


def _difference(one: Beside) -> str:
    return f"{number(one.difference)} [{number(one.low)}, {number(one.high)}]"


def _mark(besides: Sequence[Beside]) -> str:
    if all(one.low > 0 for one in besides):
        return "+"
    return "−" if all(one.high < 0 for one in besides) else "="


def named(sheet: Sheet, seeds: int = 1) -> str:
    """A column's head: the model, and its seed or how many there are."""
    return f"{sheet.model}, {seeds} seeds" if seeds > 1 else f"{sheet.model}, seed {sheet.seed}"


def _titled(line):
    sign = {"higher": " ↑", "lower": " ↓"}.get(line.better, "")
    return f"{line.title}{sign}"


def number(value: float) -> str:
    """A number with three decimals and without its leading zero; a dash for NaN."""
    if math.isnan(value):
        return "–"
    text = f"{value:.3f}".replace("-", "−")
    return text.replace("0.", ".", 1) if abs(value) < 1 and text.lstrip("−").startswith("0.") else text


def _spread(mean, error):
    return number(mean) if math.isnan(error) else f"{number(mean)} ± {number(error)}"


def _mean(values):
    return sum(values) / len(values)


def _deviation(values):
    mean = _mean(values)
    return math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1))


def _csv(sheets, stabilities):
    out = io.StringIO()
    heads = ["dataset", "model", "seed", "kind", "measure", "of", "users", "undefined", "mean", "error"]
    heads += ["difference", "low", "high"]
    table = csv.DictWriter(out, heads, lineterminator="\n")
    table.writeheader()
    lines = [(sheet, sheet.seed, line) for sheet in sheets for line in sheet.lines]
    lines += [(one, " ".join(map(str, one.seeds)), one.line) for one in stabilities if one.line]
    for of, seed, line in lines:
        fields: dict[str, Any] = {"dataset": of.dataset, "model": of.model, "seed": seed, "kind": of.kind}
        fields |= {"measure": line.name, "users": line.users, "undefined": line.undefined}
        table.writerow({**fields, "of": "model", **asdict(line.model)})
        for name, control in line.controls.items():
            table.writerow({**fields, "of": name, **without_nan(asdict(control))})
    return out.getvalue()
