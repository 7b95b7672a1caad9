"""Tables of an experiment's results, grouped and compared, in Markdown and LaTeX."""

import math
import re
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tabulate import LATEX_ESCAPE_RULES, DataRow, Line, TableFormat, tabulate

from recbole_iacn.experiments.plan import swept_pairs
from recbole_iacn.experiments.plan_columns import Pair
from recbole_iacn.experiments.results import column_of
from recbole_iacn.report.compared import Compared, compared
from recbole_iacn.report.statistics import Comparison, compare, holm

Table = tuple[list[str], list[list[str]]]  # heads and cells
Result = Mapping[str, Any]  # the result of a run
Key = tuple[str, str, tuple[tuple[str, Any], ...]]  # dataset, model, swept settings

METRIC = "auc"


@dataclass(frozen=True)
class Row:
    """One backbone on one dataset with one combination of swept settings.

    Attributes:
        dataset, model (str): their names.
        sweep (tuple): pairs of a swept setting and its value.
        results (dict): mode or column -> seed -> test AUC, or the value that :func:`rows_of` was given.
        comparisons (dict): pair of columns -> :class:`Comparison` of the first with the second; None if they have no
            seed in common.
        p_values (dict): (pair, ``t_test`` or ``wilcoxon``) -> p, corrected for all rows and all pairs.
        columns (Compared): the columns of the whole table, in order, and the pairs.
    """

    dataset: str
    model: str
    sweep: tuple[tuple[str, Any], ...]
    results: dict[str, dict[int, float]]
    comparisons: dict[Pair, Comparison | None]
    p_values: dict[tuple[Pair, str], float]
    columns: Compared

    @property
    def name(self) -> str:
        """The model, the dataset and the swept values, for sentences."""
        return ", ".join([f"{self.model} on {self.dataset}", *(f"{key} {value}" for key, value in self.sweep)])

    def holds(self, pairs: Iterable[Pair]) -> bool | None:
        """Whether the first of each pair that was run beats the second, by the t-test at .05; None if none can be
        tested, or has seeds enough."""
        made = {pair: comparison for pair in pairs if (comparison := self.comparisons[pair])}
        known = [self.p_values[pair, "t_test"] for pair, comparison in made.items() if comparison.enough]
        known = [p for p in known if not math.isnan(p)]
        return all(p < 0.05 for p in known) if known else None


def auc(result: Result) -> float:
    """A run's AUC on the test rows."""
    return result["test"][METRIC]


def gauc(result: Result) -> float | None:
    """A run's AUC within a user, weighted by the user's positives; None if it was not measured."""
    return result["test"].get("gauc")


def divergence(result: Result) -> float | None:
    """A run's Jensen-Shannon divergence; None if it was not measured."""
    return result.get("divergence")


def rows_of(
    results: Sequence[Result],
    value: Callable[[Result], float | None] = auc,
    columns: Compared | None = None,
) -> list[Row]:
    """Group results by dataset, model and swept settings.

    Args:
        results (list of dict): results, as :func:`recbole_iacn.experiments.store.read_results` returns them.
        value (Callable): the value of a result that is grouped, such as :func:`divergence`; results for which it is
            None are excluded. Defaults to :func:`auc`.
        columns (Compared): the columns and which are compared. Defaults to those of the results
            (:func:`recbole_iacn.report.compared.compared`).

    Returns:
        list of Row: sorted by dataset, then model, then swept values.
    """
    columns = compared(results) if columns is None else columns
    groups: dict[Key, dict[str, dict[int, float]]] = {}
    for one in results:
        measured = value(one)
        if measured is not None:
            key = one["dataset"], one["model"], swept_pairs(one["sweep"])
            groups.setdefault(key, {}).setdefault(column_of(one), {})[one["seed"]] = measured
    keys = sorted(groups, key=lambda key: (key[0], key[1], in_order(value for _, value in key[2])))
    comparisons = {
        key: {(a, b): compare(groups[key].get(a, {}), groups[key].get(b, {})) for a, b in columns.pairs} for key in keys
    }
    corrected = {}
    for test in ("t_test", "wilcoxon"):
        tested = [(key, pair) for key in keys for pair in columns.pairs if comparisons[key][pair]]
        values = holm([getattr(comparisons[key][pair], test) for key, pair in tested])
        corrected.update({(key, pair, test): p for (key, pair), p in zip(tested, values)})
    return [
        Row(*key, groups[key], comparisons[key], {(c, t): p for (k, c, t), p in corrected.items() if k == key}, columns)
        for key in keys
    ]


def in_order(values: Iterable[Any]) -> list[tuple[int, float, str]]:
    """A sort key for swept values: numbers by size, then all others as text."""
    numbers = (int, float)
    return [(0, value, "") if isinstance(value, numbers) else (1, 0, str(value)) for value in values]


def mean_and_deviation(values: Iterable[float]) -> tuple[float, float]:
    """Mean and sample standard deviation; the latter is nan for one value, and both are if a value is."""
    values = list(values)
    if any(map(math.isnan, values)):  # which statistics does not take
        return math.nan, math.nan
    return statistics.mean(values), statistics.stdev(values) if len(values) > 1 else float("nan")


def number(value: float, places: int = 4, sign: bool = False) -> str:
    """A number without its leading zero, as the papers print it; a dash for nan."""
    if math.isnan(value):
        return "–"
    return re.sub(r"^([+-]?)0\.", r"\1.", f"{value:{'+' if sign else ''}.{places}f}")


def spread(values: Mapping[int, float] | None) -> str:
    """Mean ± standard deviation of results by seed, as text; a dash if there are none."""
    if not values:
        return "–"
    mean, deviation = mean_and_deviation(values.values())
    return number(mean) if math.isnan(deviation) else f"{number(mean)} ± {number(deviation)}"


def p_text(value: float) -> str:
    """A p value as text; a dash for nan."""
    return "–" if math.isnan(value) else "< .001" if value < 0.001 else number(value, 3)


def cells_of(rows: Sequence[Row]) -> Table:
    """Heads and cells, as text, of the table with results; of modes also with their comparisons."""
    swept = [key for key, _ in rows[0].sweep] if rows else []
    columns = rows[0].columns if rows else Compared((), ())
    names = [name for name in columns.names if any(name in row.results for row in rows)]
    pairs = _run(rows) if columns.moded else []
    heads = ["dataset", "backbone", *swept, "seeds", *names]
    for one, other in pairs:
        heads += [f"{one} − {other}", "d", "p (t)", "p (Wilcoxon)"]
    cells = []
    for row in rows:
        seeds = max(len(results) for results in row.results.values())
        line = [row.dataset, row.model, *(str(value) for _, value in row.sweep), str(seeds)]
        line += [spread(row.results.get(name)) for name in names]
        for pair in pairs:
            line += _tested(row, pair) if row.comparisons[pair] else ["–"] * 4
        cells.append(line)
    return heads, cells


def comparison_cells(rows: Sequence[Row]) -> Table:
    """Heads and cells of the table of comparisons: a line for each pair of columns and each row that has both."""
    swept = [key for key, _ in rows[0].sweep]
    cells = []
    for pair in _run(rows):
        for row in rows:
            comparison = row.comparisons[pair]
            if comparison:
                values = [str(value) for _, value in row.sweep]
                line = [" − ".join(pair), row.dataset, row.model, *values, str(comparison.pairs)]
                cells.append(line + _tested(row, pair))
    return ["columns", "dataset", "backbone", *swept, "seeds", "difference", "d", "p (t)", "p (Wilcoxon)"], cells


def _run(rows):
    """The pairs of columns that some row has both of."""
    return [pair for pair in (rows[0].columns.pairs if rows else ()) if any(row.comparisons[pair] for row in rows)]


def _tested(row, pair):
    comparison = row.comparisons[pair]
    line = [number(comparison.gain, sign=True), number(comparison.effect, 1)]
    return line + [p_text(row.p_values[pair, test]) for test in ("t_test", "wilcoxon")]


def _markdown_rule(widths: Sequence[int], _alignments: Sequence[str]) -> str:
    return f"| {' | '.join(['---'] * len(widths))} |"


def _latex_begin(widths: Sequence[int], _alignments: Sequence[str]) -> str:
    return f"\\begin{{tabular}}{{{'l' * len(widths)}}}\n\\toprule"


def _latex_row(cells: Sequence[str], _widths: Sequence[int], _alignments: Sequence[str]) -> str:
    return " & ".join(cell.translate(_IN_LATEX) for cell in cells) + r" \\"


# tabulate's own formats pad their columns, so that a change of one cell would change every line of a table.
_MARKDOWN = TableFormat(
    lineabove=None,
    linebelowheader=_markdown_rule,
    linebetweenrows=None,
    linebelow=None,
    headerrow=DataRow("| ", " | ", " |"),
    datarow=DataRow("| ", " | ", " |"),
    padding=0,
    with_header_hide=None,
)
_LATEX = TableFormat(
    lineabove=_latex_begin,
    linebelowheader=Line(r"\midrule", "", "", ""),
    linebetweenrows=None,
    linebelow=Line("\\bottomrule\n\\end{tabular}", "", "", ""),
    headerrow=_latex_row,
    datarow=_latex_row,
    padding=0,
    with_header_hide=None,
)
_IN_LATEX = str.maketrans({**LATEX_ESCAPE_RULES, "<": "$<$", ">": "$>$", "±": r"$\pm$", "−": "$-$", "–": "--"})


_NO_TAG = re.compile(r"<(?=[A-Za-z/!?])")  # in names from results, which viewers may take for HTML


def in_markdown(text: str) -> str:
    """A line of text that Markdown shows, without HTML and breaks of names in it."""
    return " ".join(_NO_TAG.sub("&lt;", text).split())


def markdown(heads: Sequence[str], cells: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    escaped = [[in_markdown(cell).replace("|", r"\|") for cell in line] for line in (heads, *cells)]
    return _table(escaped[0], escaped[1:], _MARKDOWN)


def latex(heads: Sequence[str], cells: Sequence[Sequence[str]]) -> str:
    """A table in LaTeX, for the package booktabs."""
    return _table(heads, cells, _LATEX)


def _table(heads: Sequence[str], cells: Sequence[Sequence[str]], layout: TableFormat) -> str:
    # Cells are printed unchanged: numbers are not parsed, and nothing is aligned.
    one_line = [[" ".join(cell.split()) for cell in line] for line in (heads, *cells)]
    return tabulate(one_line[1:], one_line[0], layout, disable_numparse=True, stralign=None) + "\n"


def costs_of(results: Sequence[Result], columns: Compared | None = None) -> Table:
    """Heads and cells of the table of costs: medians over the runs per dataset, model, column and swept values; and per
    device, if one of the runs had a GPU.

    Args:
        results (list of dict): the results of the runs.
        columns (Compared): as for :func:`rows_of`.
    """
    names = (compared(results) if columns is None else columns).names
    settings = sorted({name for one in results for name in one["sweep"]})  # runs of several experiments may differ
    on_gpu = any(one.get("device") not in (None, "cpu") for one in results)
    groups: dict[tuple[str, str, str, tuple[Any, ...]], list[Result]] = {}
    for one in results:
        pairs = dict(swept_pairs(one["sweep"]))
        swept = tuple(pairs.get(name, "–") for name in settings)
        swept += (one.get("device") or "–",) if on_gpu else ()  # earlier versions do not say
        groups.setdefault((one["dataset"], one["model"], column_of(one), swept), []).append(one)
    order = sorted(groups, key=lambda key: (key[0], key[1], names.index(key[2]) if key[2] else 0, in_order(key[3])))
    moded = any(name for *_, name, _ in order)
    cells = []
    for key in order:
        runs = groups[key]
        epochs = statistics.median(len(one["epochs"]) * epochs_apart(one) for one in runs)
        seconds = statistics.median(one["seconds"] for one in runs)
        pace = statistics.median(map(_pace, runs))
        peaks = [one["peak_mb"] for one in runs if one["peak_mb"] is not None]  # Windows does not say
        cells.append(
            [
                *(key[:3] if moded else key[:2]),
                *map(str, key[3]),
                f"{seconds:.0f}",
                f"{epochs:.0f}",
                f"{pace:.1f}",
                f"{statistics.median(peaks):.0f}" if peaks else "–",
            ]
        )
    kind = "column" if any(one.get("column") for one in results) else "mode"
    which = ["dataset", "backbone", kind] if moded else ["dataset", "model"]
    where = ["device"] if on_gpu else []
    return [*which, *settings, *where, "seconds", "epochs", "seconds an epoch", "peak MB"], cells


def _pace(one):
    """Seconds per epoch, training and validation, without the first, which includes the loading."""
    seconds = [epoch["seconds"] for epoch in one["epochs"]]
    several = len(seconds) > 1
    return ((seconds[-1] - seconds[0]) / (len(seconds) - 1) if several else seconds[0]) / epochs_apart(one)


def epochs_apart(one: Result) -> int:
    """The epochs from one validation of a run to the next; its result has an entry per validation."""
    return one["settings"].get("eval_step", 1)
