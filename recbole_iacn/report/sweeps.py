"""Comparison of the values of a swept setting with its default."""

from collections.abc import Sequence
from typing import Any

from recbole_iacn.checks.same_test import TESTS_OF_THEIR_OWN
from recbole_iacn.report.statistics import Comparison, compare, holm
from recbole_iacn.report.tables import Row, Table, number, p_text

_MEANT = {"history_rows": "clicks"}  # the default of an experiment on labels

Pair = tuple[Row, Comparison, float]  # as against_default returns them


def against_default(rows: Sequence[Row], mode: str = "full") -> list[Pair]:
    """Compare every value of the swept setting with the default of interest-aware models, seed by seed.

    Args:
        rows (list of Row): rows, as :func:`recbole_iacn.report.tables.rows_of` returns them.
        mode (str): the mode or column whose results are compared. Defaults to full.

    Returns:
        list of tuple: (row, Comparison of its results in that mode with the default's, two-sided p value of the paired
        t-test, corrected after Holm). Empty unless exactly one setting was swept, its default is among the values,
        and all values have one test.
    """
    pairs = []
    for row in rows:
        base = _default_row(row, rows)
        comparison = base and row is not base and compare(row.results.get(mode, {}), base.results.get(mode, {}))
        if comparison:
            pairs.append((row, comparison))
    corrected = holm([2 * min(comparison.t_test, 1 - comparison.t_test) for _, comparison in pairs])
    return [(*pair, p) for pair, p in zip(pairs, corrected)]


def _default_row(row, rows):
    """The row of the same backbone and dataset with the default value, or None."""
    if len(row.sweep) != 1:
        return None
    ((key, _),) = row.sweep
    if key in TESTS_OF_THEIR_OWN:
        return None
    sweep = ((key, default(key)),)
    same = ((row.dataset, row.model, sweep) == (one.dataset, one.model, one.sweep) for one in rows)
    return next((one for one, is_default in zip(rows, same) if is_default), None)


def default(key: str) -> Any:
    """The default value of a setting of interest-aware models; None if it has none."""
    from recbole_iacn.settings import general, group, table

    return {**group.defaults(general.General), **table.defaults_of("IaCN"), **_MEANT}.get(key)


def sweep_cells(pairs: Sequence[Pair], mode: str = "full") -> Table:
    """Heads and cells of the table of :func:`against_default`."""
    ((key, _),) = pairs[0][0].sweep
    cells = []
    for row, comparison, p in pairs:
        figures = [number(comparison.gain, sign=True), number(comparison.effect, 1), p_text(p)]
        cells.append([row.dataset, row.model, str(row.sweep[0][1]), str(comparison.pairs), *figures])
    return ["dataset", "backbone", key, "pairs", f"{mode} − {mode} at {default(key)}", "d", "p (t)"], cells


def sweep_verdict(pairs: Sequence[Pair]) -> list[str]:
    """Sentences on the values that are better or worse than the default, by the t-test at .05."""
    if not pairs:
        return []
    ((key, _),) = pairs[0][0].sweep
    shown = [(row, comparison) for row, comparison, p in pairs if p < 0.05]
    sentences = []
    for word, some in (
        ("Better", [row for row, comparison in shown if comparison.gain > 0]),
        ("Worse", [row for row, comparison in shown if comparison.gain < 0]),
    ):
        if some:
            names = "; ".join(f"{row.sweep[0][1]} ({row.model} on {row.dataset})" for row in some)
            sentences.append(f"{word} than {key} {default(key)}, p < .05: {names}.")
    return sentences or [f"No value is shown to be better or worse than {key} {default(key)}."]
