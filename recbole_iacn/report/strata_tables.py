"""Tables of the test by stratum: rows with short and long histories, with few and many categories in them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from recbole_iacn.checks.same_test import TESTS_OF_THEIR_OWN
from recbole_iacn.experiments.plan import swept_pairs
from recbole_iacn.experiments.results import column_of
from recbole_iacn.experiments.strata import BY, FEWEST
from recbole_iacn.report.compared import Compared, compared
from recbole_iacn.report.statistics import Comparison, compare, holm
from recbole_iacn.report.tables import Result, Table, in_order, number, p_text, spread

_OF = {
    "history": "the length of a row's history: all that the user had clicked before it, not cut to L",
    "categories": "the number of distinct categories in a row's history, as far as the model sees it",
}
_TEXT = f"""Mean ± standard deviation over seeds. Differences are of the same seed; p: that both are the same,
two-sided, by Student's paired t, corrected after Holm for all differences of this table. Rows include negatives.
–: fewer than {FEWEST} clicks or {FEWEST} other rows, or no user with both."""
_WITHIN = "GAUC compares rows of one user within one stratum."

Swept = tuple[tuple[str, Any], ...]
Column = tuple[str, Swept]  # the name of a column or mode, and swept settings
Line = tuple[str, str, Swept, int, int | None]  # dataset, model, what makes its test its own, and a stratum's bounds


def strata_sections(results: Sequence[Result], columns: Compared | None = None) -> list[tuple[str, str, Table]]:
    """A section per kind of strata and metric.

    Args:
        results: of runs, with or without strata.
        columns: the columns of the report, and which are compared. Defaults to those of the results.

    Returns:
        list of tuple: (title, text, (heads, cells)); empty if no run has strata.
    """
    sections = []
    for by in BY:
        measured = [one for one in results if (one.get("test_by") or {}).get(by)]
        for metric in ("auc", "gauc") if measured else ():
            about = f"Strata are by {_OF[by]}{_column_of(measured) if by == 'categories' else ''}."
            text = " ".join([about, _TEXT, *([_WITHIN] if metric == "gauc" else [])])
            sections.append((f"Test {metric.upper()} by {by}", text, strata_cells(measured, by, metric, columns)))
    return sections


def _column_of(results):
    names = sorted({str(one["test_by"]["category"]) for one in results})
    return f" ({', '.join(names)}; of several values the rarest that 1 % of the items have)"


def strata_cells(results: Sequence[Result], by: str, metric: str, asked: Compared | None = None) -> Table:
    """Heads and cells: a row per dataset, model and stratum. The columns of the experiment are beside each other, with
    the differences of the pairs that it compares; of a single column with a swept setting its values are, and each is
    compared with the first. Values of a setting that makes another test, such as a share of the users, have rows of
    their own.

    Args:
        results: of runs that all have these strata.
        by: ``history`` or ``categories``.
        metric: ``auc`` or ``gauc``.
        asked: as for :func:`strata_sections`.
    """
    chosen = compared(results) if asked is None else asked
    columns = sorted({_column(one) for one in results}, key=lambda one: _place(one, chosen.names))
    pairs = _pairs(columns, chosen)
    values: dict[Line, dict[Column, dict[int, float]]] = {}
    counts: dict[Line, dict[str, set[int]]] = {}
    for result in results:
        for stratum in result["test_by"][by]:
            line = result["dataset"], result["model"], _own_test(result), stratum["at_least"], stratum["at_most"]
            for count in ("rows", "users"):
                counts.setdefault(line, {}).setdefault(count, set()).add(stratum[count])
            if stratum[metric] is not None:
                values.setdefault(line, {}).setdefault(_column(result), {})[result["seed"]] = stratum[metric]
    lines = sorted(counts, key=_line_order)
    apart = sorted({key for _, _, test, *_ in lines for key, _ in test})
    found = _comparisons(values, lines, pairs)
    names = {column: _name(column, columns) for column in columns}
    heads = ["dataset", "model", *apart, by, "rows", "users", *names.values()]
    for one, other in pairs:
        heads += [f"{names[one]} − {names[other]}", "p"]
    cells = []
    for line in lines:
        of_line = values.get(line, {})
        test = dict(line[2])
        cell = [*line[:2], *(str(test.get(key, "–")) for key in apart), bounds_text(*line[3:])]
        cell += [_count(counts[line][count]) for count in ("rows", "users")]
        cell += [spread(of_line.get(column)) for column in columns]
        for pair in pairs:
            comparison, p = found.get((line, pair), (None, math.nan))
            cell += [number(comparison.gain, sign=True) if comparison else "–", p_text(p)]
        cells.append(cell)
    return heads, cells


def _column(one: Result) -> Column:
    return column_of(one), tuple(pair for pair in swept_pairs(one["sweep"]) if pair[0] not in TESTS_OF_THEIR_OWN)


def _own_test(one: Result) -> Swept:
    return tuple(pair for pair in swept_pairs(one["sweep"]) if pair[0] in TESTS_OF_THEIR_OWN)


def _line_order(line):
    dataset, model, test, low, high = line
    return dataset, model, in_order(value for _, value in test), low, math.inf if high is None else high


def _place(column, names):
    name, sweep = column
    return names.index(name) if name in names else len(names), in_order(value for _, value in sweep)


def _pairs(columns: Sequence[Column], chosen: Compared) -> list[tuple[Column, Column]]:
    """Which columns are compared: those that the experiment compares, at the same swept values."""
    if len({name for name, _ in columns}) == 1:
        return [(column, columns[0]) for column in columns[1:]]
    there = set(columns)
    sweeps = list(dict.fromkeys(sweep for _, sweep in columns))
    both = [((one, sweep), (other, sweep)) for one, other in chosen.pairs for sweep in sweeps]
    return [pair for pair in both if there.issuperset(pair)]


def _name(column, columns):
    """What tells a column from the others."""
    name, sweep = column
    several = len({name for name, _ in columns}) > 1 or not sweep
    settings = [f"{key} {value}" for key, value in sweep]
    return ", ".join([*([name] if several and name else []), *settings]) or "result"


def _comparisons(
    values: Mapping[Line, Mapping[Column, Mapping[int, float]]],
    lines: Sequence[Line],
    pairs: Sequence[tuple[Column, Column]],
) -> dict[tuple[Line, tuple[Column, Column]], tuple[Comparison, float]]:
    """The differences of all pairs, with corrected two-sided p."""
    found = {}
    for line in lines:
        of_line = values.get(line, {})
        for one, other in pairs:
            comparison = compare(of_line.get(one, {}), of_line.get(other, {}))
            if comparison:
                found[line, (one, other)] = comparison
    corrected = holm([2 * min(one.t_test, 1 - one.t_test) for one in found.values()])
    return {place: (one, p) for (place, one), p in zip(found.items(), corrected)}


def _count(numbers):
    """Runs on one dataset have one test; its negatives may differ by seed, and with a random split its rows do."""
    least, most = min(numbers), max(numbers)
    return f"{least:,}" if least == most else f"{least:,}–{most:,}"


def bounds_text(low: int, high: int | None) -> str:
    """A stratum's values, such as ``≤ 5``, ``6–10`` and ``> 10``."""
    if high is None:
        return f"> {low - 1}"
    if low == high:
        return str(low)
    return f"≤ {high}" if low == 0 else f"{low}–{high}"
