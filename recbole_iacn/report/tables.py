"""An experiment's results as tables: grouped, compared, in Markdown and LaTeX."""

import math
import operator
import re
import statistics
from dataclasses import dataclass

from recbole_iacn.experiments.plan import MODES
from recbole_iacn.report.statistics import compare, holm

CONTROLS = ("off", "width")
METRIC = "auc"


@dataclass(frozen=True)
class Row:
    """One backbone on one data set with one choice of the swept settings.

    Attributes:
        dataset, model (str): which.
        sweep (tuple): pairs of a setting and its value.
        results (dict): mode -> seed -> test AUC, or what else was asked for.
        comparisons (dict): control -> :class:`Comparison` of ``full`` with it, None where there is nothing to pair.
        p_values (dict): (control, ``t_test`` or ``wilcoxon``) -> p, corrected over all rows and both controls.
    """

    dataset: str
    model: str
    sweep: tuple
    results: dict
    comparisons: dict
    p_values: dict

    @property
    def holds(self):
        """Whether ``full`` beats every control that there is, by the t-test at .05; None if none can be tested."""
        known = [self.p_values[control, "t_test"] for control in CONTROLS if self.comparisons[control]]
        known = [p for p in known if not math.isnan(p)]
        return all(p < 0.05 for p in known) if known else None


def auc(result):
    """A run's AUC on the test rows."""
    return result["test"][METRIC]


def divergence(result):
    """A run's Jensen-Shannon divergence; None where it was not measured."""
    return result.get("divergence")


def rows_of(results, value=auc):
    """Group results.

    Args:
        results (list of dict): as :func:`recbole_iacn.experiments.store.read_results` gives them.
        value (Callable): what of a result, such as :func:`divergence`; results of which it is None are left out.

    Returns:
        list of Row: in the order of first appearance by data set, then model, then swept values.
    """
    groups = {}
    for one in results:
        if value(one) is not None:
            key = one["dataset"], one["model"], tuple(sorted(one["sweep"].items()))
            groups.setdefault(key, {}).setdefault(one["mode"], {})[one["seed"]] = value(one)
    keys = sorted(groups, key=lambda key: (key[0], key[1], in_order(value for _, value in key[2])))
    comparisons = {
        key: {c: compare(groups[key].get("full", {}), groups[key].get(c, {})) for c in CONTROLS} for key in keys
    }
    corrected = {}
    for test in ("t_test", "wilcoxon"):
        asked = [(key, c) for key in keys for c in CONTROLS if comparisons[key][c]]
        values = holm([getattr(comparisons[key][c], test) for key, c in asked])
        corrected.update({(key, c, test): p for (key, c), p in zip(asked, values)})
    return [
        Row(*key, groups[key], comparisons[key], {(c, t): p for (k, c, t), p in corrected.items() if k == key})
        for key in keys
    ]


def in_order(values):
    """A key that sorts swept values: numbers by size, then all others as text."""
    numbers = (int, float)
    return [(0, value, "") if isinstance(value, numbers) else (1, 0, str(value)) for value in values]


def mean_and_deviation(values):
    """(mean, sample standard deviation); the latter nan for one value."""
    values = list(values)
    return statistics.mean(values), statistics.stdev(values) if len(values) > 1 else float("nan")


def number(value, places=4, sign=False):
    """A figure without its leading zero, as the papers print it; a dash for nan."""
    if math.isnan(value):
        return "–"
    return re.sub(r"^([+-]?)0\.", r"\1.", f"{value:{'+' if sign else ''}.{places}f}")


def spread(values):
    """Mean ± standard deviation of results by seed, as text; a dash where there are none."""
    if not values:
        return "–"
    mean, deviation = mean_and_deviation(values.values())
    return number(mean) if math.isnan(deviation) else f"{number(mean)} ± {number(deviation)}"


def p_text(value):
    """A p value as text; a dash for nan."""
    return "–" if math.isnan(value) else "< .001" if value < 0.001 else number(value, 3)


def cells_of(rows):
    """Heads and cells, as text, of the table of results and comparisons."""
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
            found = row.comparisons[control]
            if not found:
                line += ["–"] * 4
                continue
            line += [number(found.gain, sign=True), number(found.effect, 1)]
            line += [p_text(row.p_values[control, test]) for test in ("t_test", "wilcoxon")]
        cells.append(line)
    return heads, cells


def markdown(heads, cells):
    """A table in Markdown."""
    lines = [heads, ["---"] * len(heads), *cells]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def latex(heads, cells):
    """A table in LaTeX, for the package booktabs."""

    def escaped(text):
        for plain, command in (("&", r"\&"), ("_", r"\_"), ("±", r"$\pm$"), ("−", "$-$"), ("–", "--"), ("<", "$<$")):
            text = text.replace(plain, command)
        return text

    lines = [r"\begin{tabular}{" + "l" * len(heads) + "}", r"\toprule"]
    lines += [" & ".join(escaped(head) for head in heads) + r" \\", r"\midrule"]
    lines += [" & ".join(escaped(cell) for cell in line) + r" \\" for line in cells]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"


def costs_of(results):
    """Heads and cells: medians over the runs of a backbone in a mode, or of a model without, on a data set."""
    groups = {}
    for one in results:
        swept = tuple(value for _, value in sorted(one["sweep"].items()))
        groups.setdefault((one["dataset"], one["model"], one["mode"], swept), []).append(one)
    order = sorted(groups, key=lambda key: (key[0], key[1], MODES.index(key[2]) if key[2] else 0, in_order(key[3])))
    cells = []
    for key in order:
        runs = groups[key]
        epochs = statistics.median(len(one["epochs"]) for one in runs)
        seconds = statistics.median(one["seconds"] for one in runs)
        pace, peak = (statistics.median(map(of, runs)) for of in (_pace, operator.itemgetter("peak_mb")))
        cells.append(
            [*filter(None, key[:3]), *map(str, key[3]), f"{seconds:.0f}", f"{epochs:.0f}", f"{pace:.1f}", f"{peak:.0f}"]
        )
    which = ["data set", "backbone", "mode"] if any(mode for *_, mode, _ in order) else ["data set", "model"]
    return [*which, *sorted(results[0]["sweep"]), "seconds", "epochs", "seconds an epoch", "peak MB"], cells


def _pace(one):
    """Seconds of an epoch, training and validation, the first left out: it holds the loading."""
    seconds = [epoch["seconds"] for epoch in one["epochs"]]
    return (seconds[-1] - seconds[0]) / max(len(seconds) - 1, 1) if len(seconds) > 1 else seconds[0]
