"""Tables of an experiment's results, grouped and compared, in Markdown and LaTeX."""

import math
import re
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tabulate import LATEX_ESCAPE_RULES, DataRow, Line, TableFormat, tabulate

from recbole_iacn.experiments.plan import MODES, swept_pairs
from recbole_iacn.report.statistics import Comparison, compare, holm

Table = tuple[list[str], list[list[str]]]  # heads and cells
Result = Mapping[str, Any]  # the result of a run
Key = tuple[str, str, tuple[tuple[str, Any], ...]]  # dataset, model, swept settings

CONTROLS = ("off", "width")
METRIC = "auc"


@dataclass(frozen=True)
class Row:
    """One backbone on one dataset with one combination of swept settings.

    Attributes:
        dataset, model (str): their names.
        sweep (tuple): pairs of a swept setting and its value.
        results (dict): mode -> seed -> test AUC, or the value that :func:`rows_of` was given.
        comparisons (dict): control -> :class:`Comparison` of ``full`` with it; None if they have no seed in common.
        p_values (dict): (control, ``t_test`` or ``wilcoxon``) -> p, corrected for all rows and both controls.
    """

    dataset: str
    model: str
    sweep: tuple[tuple[str, Any], ...]
    results: dict[str, dict[int, float]]
    comparisons: dict[str, Comparison | None]
    p_values: dict[tuple[str, str], float]

    @property
    def holds(self) -> bool | None:
        """Whether ``full`` beats every control that was run, by the t-test at .05; None if none can be tested."""
        known = [self.p_values[control, "t_test"] for control in CONTROLS if self.comparisons[control]]
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


def rows_of(results: Sequence[Result], value: Callable[[Result], float | None] = auc) -> list[Row]:
    """Group results by dataset, model and swept settings.

    Args:
        results (list of dict): results, as :func:`recbole_iacn.experiments.store.read_results` returns them.
        value (Callable): the value of a result that is grouped, such as :func:`divergence`; results for which it is
            None are excluded. Defaults to :func:`auc`.

    Returns:
        list of Row: sorted by dataset, then model, then swept values.
    """
    groups: dict[Key, dict[str, dict[int, float]]] = {}
    for one in results:
        measured = value(one)
        if measured is not None:
            key = one["dataset"], one["model"], swept_pairs(one["sweep"])
            groups.setdefault(key, {}).setdefault(one["mode"], {})[one["seed"]] = measured
    keys = sorted(groups, key=lambda key: (key[0], key[1], in_order(value for _, value in key[2])))
    comparisons = {
        key: {c: compare(groups[key].get("full", {}), groups[key].get(c, {})) for c in CONTROLS} for key in keys
    }
    corrected = {}
    for test in ("t_test", "wilcoxon"):
        tested = [(key, c) for key in keys for c in CONTROLS if comparisons[key][c]]
        values = holm([getattr(comparisons[key][c], test) for key, c in tested])
        corrected.update({(key, c, test): p for (key, c), p in zip(tested, values)})
    return [
        Row(*key, groups[key], comparisons[key], {(c, t): p for (k, c, t), p in corrected.items() if k == key})
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
    """Heads and cells, as text, of the table with results and comparisons."""
    swept = [key for key, _ in rows[0].sweep] if rows else []
    modes = [mode for mode in MODES if any(mode in row.results for row in rows)]
    controls = [control for control in CONTROLS if any(row.comparisons[control] for row in rows)]
    heads = ["data set", "backbone", *swept, "seeds", *modes]
    for control in controls:
        heads += [f"full − {control}", "d", "p (t)", "p (Wilcoxon)"]
    cells = []
    for row in rows:
        seeds = max(len(results) for results in row.results.values())
        line = [row.dataset, row.model, *(str(value) for _, value in row.sweep), str(seeds)]
        line += [spread(row.results.get(mode)) for mode in modes]
        for control in controls:
            comparison = row.comparisons[control]
            if not comparison:
                line += ["–"] * 4
                continue
            line += [number(comparison.gain, sign=True), number(comparison.effect, 1)]
            line += [p_text(row.p_values[control, test]) for test in ("t_test", "wilcoxon")]
        cells.append(line)
    return heads, cells


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


def costs_of(results: Sequence[Result]) -> Table:
    """Heads and cells of the table of costs: medians over the runs per dataset, model, mode and swept values."""
    groups: dict[tuple[str, str, str, tuple[Any, ...]], list[Result]] = {}
    for one in results:
        swept = tuple(value for _, value in swept_pairs(one["sweep"]))
        groups.setdefault((one["dataset"], one["model"], one["mode"], swept), []).append(one)
    order = sorted(groups, key=lambda key: (key[0], key[1], MODES.index(key[2]) if key[2] else 0, in_order(key[3])))
    moded = any(mode for *_, mode, _ in order)
    cells = []
    for key in order:
        runs = groups[key]
        epochs = statistics.median(len(one["epochs"]) for one in runs)
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
    which = ["data set", "backbone", "mode"] if moded else ["data set", "model"]
    return [*which, *sorted(results[0]["sweep"]), "seconds", "epochs", "seconds an epoch", "peak MB"], cells


def _pace(one):
    """Seconds per epoch, training and validation, without the first, which includes the loading."""
    seconds = [epoch["seconds"] for epoch in one["epochs"]]
    return (seconds[-1] - seconds[0]) / max(len(seconds) - 1, 1) if len(seconds) > 1 else seconds[0]
