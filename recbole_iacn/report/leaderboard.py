"""The leaderboard of models without modes: their ranking metrics, and the pairs that a paper orders."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from recbole_iacn.checks.same_test import TESTS_OF_THEIR_OWN
from recbole_iacn.data.protocol import NEGATIVES
from recbole_iacn.experiments.plan import swept_pairs
from recbole_iacn.experiments.results import column_of
from recbole_iacn.names import OWN
from recbole_iacn.report import paper
from recbole_iacn.report.statistics import Comparison, compare, holm
from recbole_iacn.report.tables import Key, Result, Table, in_order, number, p_text, spread

_LESS_IS_BETTER = ("logloss", "rmse", "mae")

MAIN = "ndcg@10"  # the metric by which pairs are compared, if it was measured


@dataclass(frozen=True)
class Entry:
    """One model on one dataset with one combination of swept settings.

    Attributes:
        dataset, model (str): their names; of a backbone also the mode or column, such as ``DIN full``.
        sweep (tuple): pairs of a swept setting and its value.
        metrics (dict): metric -> seed -> test value; also the validation score by which the best epoch was chosen.
        as_in_paper (bool): every run ranks the click among the paper's 1,000 candidates. Defaults to True.
        column (str): the mode or column that ends ``model``; empty, the default, for a model that has none.
    """

    dataset: str
    model: str
    sweep: tuple[tuple[str, Any], ...]
    metrics: dict[str, dict[int, float]]
    as_in_paper: bool = True
    column: str = ""

    @property
    def name(self) -> str:
        """The model's name and the values of its swept settings."""
        return ", ".join([self.model, *(f"{key} {value}" for key, value in self.sweep)])

    @property
    def backbone(self) -> str:
        """The model's name without its mode or column."""
        return self.model.removesuffix(f" {self.column}") if self.column else self.model


Pair = tuple[Entry, Entry, Comparison, float]  # as pairs_of returns them


def entries_of(results: Sequence[Result]) -> list[Entry]:
    """Group results by dataset, model and swept settings.

    Args:
        results (list of dict): results, as :func:`recbole_iacn.experiments.store.read_results` returns them.

    Returns:
        list of Entry: sorted by dataset, then in the papers' order, then by name.
    """
    groups: dict[Key, dict[str, dict[int, float]]] = {}
    ranked_otherwise, columns = set(), {}
    for one in results:
        key = one["dataset"], " ".join(filter(None, (one["model"], column_of(one)))), swept_pairs(one["sweep"])
        metrics, columns[key] = groups.setdefault(key, {}), column_of(one)
        if not _as_in_paper(one):
            ranked_otherwise.add(key)
        chosen_by = one["settings"].get("valid_metric", "")
        measured = {**one["test"], f"validation {chosen_by}".strip(): one["best"]}
        if one.get("divergence") is not None:
            measured["divergence"] = one["divergence"]
        for metric, value in measured.items():
            metrics.setdefault(metric, {})[one["seed"]] = value

    def order(key):
        dataset, model, sweep = key
        place = paper.RANKED.index(model) if model in paper.RANKED else len(paper.RANKED)
        return dataset, place, model, in_order(value for _, value in sweep)

    return [Entry(*key, groups[key], key not in ranked_otherwise, columns[key]) for key in sorted(groups, key=order)]


def _as_in_paper(one):
    settings = one["settings"]
    protocol = settings.get("protocol", "leave_one_out_sampled" if one["model"] in OWN else None)
    return protocol == "leave_one_out_sampled" and (settings.get("eval_negatives") or NEGATIVES) == NEGATIVES


def cells_of(entries: Sequence[Entry]) -> Table:
    """Heads and cells of the table with every metric of every entry."""
    names = list(dict.fromkeys(metric for entry in entries for metric in entry.metrics))
    cells = []
    for entry in entries:
        seeds = max(len(values) for values in entry.metrics.values())
        cells.append([entry.dataset, entry.name, str(seeds), *(spread(entry.metrics.get(name)) for name in names)])
    return ["dataset", "model", "seeds", *(name.upper() for name in names)], cells


def main_metric(entries: Sequence[Entry]) -> str:
    """NDCG@10 if it was measured, otherwise the first metric."""
    return MAIN if MAIN in entries[0].metrics else next(iter(entries[0].metrics))


def best_of(entries: Sequence[Entry]) -> list[str]:
    """A sentence per dataset and test: which model is best on average by the main metric, and which may be as good.

    Args:
        entries (list of Entry): the entries of the table.

    Returns:
        list of str: empty for a dataset with one model, and for a metric of which less is better.
    """
    metric, sentences = main_metric(entries), []
    for dataset, test in dict.fromkeys((entry.dataset, _own_test(entry)) for entry in entries):
        some = [one for one in entries if (one.dataset, _own_test(one)) == (dataset, test) and metric in one.metrics]
        if len(some) < 2 or metric in _LESS_IS_BETTER:
            continue
        best = max(some, key=lambda entry: _mean(entry.metrics[metric]))
        others = [entry for entry in some if entry is not best]
        comparisons = [compare(best.metrics[metric], other.metrics[metric]) for other in others]
        p_values = iter(holm([one.t_test for one in comparisons if one]))
        shown = [one is not None and next(p_values) < 0.05 for one in comparisons]
        close = [other.name for other, is_shown in zip(others, shown) if not is_shown]
        tail = f"not shown to be better than {', '.join(close)}" if close else "better than every other, p < .05"
        sentences.append(f"Best on {dataset} by {metric}: {best.name} ({number(_mean(best.metrics[metric]))}), {tail}.")
    return sentences


def _own_test(entry):
    """What of the swept settings makes a test of its own, whose results are compared with no others."""
    return tuple(pair for pair in entry.sweep if pair[0] in TESTS_OF_THEIR_OWN)


def _mean(values):
    return sum(values.values()) / len(values)


def pairs_of(entries: Sequence[Entry], columns: Sequence[tuple[str, str]] = ()) -> list[Pair]:
    """Compare the pairs that a paper orders, the two-stage training of a model with its variants, and columns.

    Args:
        entries (list of Entry): the entries of the table.
        columns (sequence of tuple): pairs of columns, of which the first is to be better. Defaults to none.

    Returns:
        list of tuple: (better, other, Comparison, p of the t-test, corrected for all pairs).
    """
    metric = main_metric(entries)
    pairs = []
    measured = [entry for entry in entries if metric in entry.metrics]
    for better in measured:
        for other in measured:
            if better.dataset != other.dataset or not _ordered(better, other, columns):
                continue
            comparison = compare(better.metrics[metric], other.metrics[metric])
            if comparison:
                pairs.append((better, other, comparison))
    corrected = holm([comparison.t_test for *_, comparison in pairs])
    return [(*pair, p) for pair, p in zip(pairs, corrected)]


def _ordered(better, other, columns):
    if (better.column, other.column) in columns:
        return (better.backbone, better.sweep) == (other.backbone, other.sweep)
    if better.model != other.model:
        return better.sweep == other.sweep and (better.model, other.model) in paper.BETTER
    ours, theirs = dict(better.sweep).get("stages"), dict(other.sweep).get("stages")
    return ours == "two" and theirs not in (None, "two")


def pair_cells(pairs: Sequence[Pair]) -> Table:
    """Heads and cells of the table of :func:`pairs_of`."""
    cells = []
    for better, other, comparison, p in pairs:
        figures = [number(comparison.gain, sign=True), number(comparison.effect, 1), p_text(p)]
        cells.append([better.dataset, better.name, other.name, str(comparison.pairs), *figures])
    first = "first" if any(better.column and better.column != other.column for better, other, *_ in pairs) else ""
    return ["dataset", first or "better, as the paper has it", "than", "pairs", "difference", "d", "p (t)"], cells


def beside_paper(entries: Sequence[Entry]) -> Table | None:
    """Heads and cells of the table with the paper's HR@10 and NDCG@10 and ours; None if the paper has none of them.

    Entries with swept settings, or with another ranking than the paper's, are excluded.
    """
    cells = []
    for entry in entries:
        theirs = paper.TABLE2.get((entry.dataset, entry.model))
        if theirs is None or entry.sweep or not entry.as_in_paper:
            continue
        if not {"hit@10", MAIN} <= set(entry.metrics):
            continue
        means = [sum(entry.metrics[name].values()) / len(entry.metrics[name]) for name in ("hit@10", MAIN)]
        cells.append([entry.dataset, entry.name])
        for stated, mean in zip(theirs, means):
            cells[-1] += [number(stated), number(mean), number(mean - stated, sign=True)]
    heads = ["dataset", "model", "HR@10 (paper)", "ours", "difference", "NDCG@10 (paper)", "ours", "difference"]
    return (heads, cells) if cells else None


def verdict(pairs: Sequence[Pair]) -> list[str]:
    """Sentences on the pairs for which the paper's order holds, by the t-test at .05, and on those for which not."""

    def named(some):
        return "; ".join(f"{better.name} > {other.name} on {better.dataset}" for better, other, *_ in some)

    held = [pair for pair in pairs if pair[3] < 0.05 and pair[2].enough]
    ahead = [pair for pair in pairs if pair not in held and pair[2].gain > 0]
    behind = [pair for pair in pairs if pair[2].gain <= 0]
    sentences = []
    if held:
        sentences.append(f"Holds, p < .05: {named(held)}.")
    if ahead:
        sentences.append(f"Ahead, but not shown: {named(ahead)}.")
    if behind:
        sentences.append(f"Does not hold: {named(behind)}.")
    return sentences
