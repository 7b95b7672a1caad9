"""A swept setting: is any value better, or worse, than the default?"""

from collections.abc import Sequence
from typing import Any

from recbole_iacn.report.statistics import Comparison, compare, holm
from recbole_iacn.report.tables import Row, Table, number, p_text

_MODE = "full"

Pair = tuple[Row, Comparison, float]  # of against_default


def against_default(rows: Sequence[Row]) -> list[Pair]:
    """Every value of the swept setting against the default of interest-aware models, seed by seed.

    Args:
        rows (list of Row): of :func:`recbole_iacn.report.tables.rows_of`.

    Returns:
        list of tuple: (row, Comparison of its ``full`` with the default's, p that both are the same, two-sided, by
        the paired t-test, corrected after Holm). Empty unless one setting was swept and its default is among the
        values.
    """
    pairs = []
    for row in rows:
        base = _default_row(row, rows)
        found = base and row is not base and compare(row.results.get(_MODE, {}), base.results.get(_MODE, {}))
        if found:
            pairs.append((row, found))
    corrected = holm([2 * min(found.t_test, 1 - found.t_test) for _, found in pairs])
    return [(*pair, p) for pair, p in zip(pairs, corrected)]


def _default_row(row, rows):
    """The row of the same backbone and data set that has the default, or None."""
    if len(row.sweep) != 1:
        return None
    ((key, _),) = row.sweep
    sweep = ((key, default(key)),)
    same = ((row.dataset, row.model, sweep) == (one.dataset, one.model, one.sweep) for one in rows)
    return next((one for one, found in zip(rows, same) if found), None)


def default(key: str) -> Any:
    """The default of an interest-aware model's setting; None if it has none."""
    from recbole_iacn.settings import table

    return table.defaults_of("IaCN").get(key)


def sweep_cells(pairs: Sequence[Pair]) -> Table:
    """Heads and cells of :func:`against_default`."""
    ((key, _),) = pairs[0][0].sweep
    cells = []
    for row, found, p in pairs:
        told = [number(found.gain, sign=True), number(found.effect, 1), p_text(p)]
        cells.append([row.dataset, row.model, str(row.sweep[0][1]), str(found.pairs), *told])
    return ["data set", "backbone", key, "pairs", f"full − full at {default(key)}", "d", "p (t)"], cells


def sweep_verdict(pairs: Sequence[Pair]) -> list[str]:
    """Sentences: which values are better or worse than the default by the t-test at .05."""
    if not pairs:
        return []
    ((key, _),) = pairs[0][0].sweep
    shown = [(row, found) for row, found, p in pairs if p < 0.05]
    sentences = []
    for word, some in (
        ("Better", [row for row, found in shown if found.gain > 0]),
        ("Worse", [row for row, found in shown if found.gain < 0]),
    ):
        if some:
            names = "; ".join(f"{row.sweep[0][1]} ({row.model} on {row.dataset})" for row in some)
            sentences.append(f"{word} than {key} {default(key)}, p < .05: {names}.")
    return sentences or [f"No value is shown to be better or worse than {key} {default(key)}."]
