"""Which runs were ended by their limit of epochs while they still improved."""

from collections.abc import Sequence

from recbole_iacn.experiments.plan import swept_pairs
from recbole_iacn.experiments.results import column_of
from recbole_iacn.report.tables import Result


def unended(results: Sequence[Result]) -> list[str]:
    """A sentence that names the models whose best epoch by validation is the last one of a run, with the number of such
    runs and their modes or columns; none if there are none.

    Such a figure says what a model had reached, not what it can reach. Runs of one validation are left out.

    Args:
        results (list of dict): the results of the runs.
    """
    groups: dict[str, list[Result]] = {}
    for one in results:
        groups.setdefault(_name(one), []).append(one)
    named = [_counted(name, runs) for name, runs in groups.items() if any(map(_improved_to_the_end, runs))]
    if not named:
        return []
    return [f"Best in the last epoch, so that longer trainings (epochs) may reach more: {'; '.join(named)}."]


def _name(one):
    swept = "".join(f", {key} {value}" for key, value in swept_pairs(one["sweep"]))
    return f"{one['model']} on {one['dataset']}{swept}"


def _counted(name, runs):
    improving = [one for one in runs if _improved_to_the_end(one)]
    count = f"{len(improving)} of {len(runs)}"
    columns = list(dict.fromkeys(filter(None, map(column_of, improving))))
    return f"{name} ({count}: {', '.join(columns)})" if columns else f"{name} ({count})"


def _improved_to_the_end(one):
    scores = [epoch["valid"] for epoch in one["epochs"]]
    best = one.get("best")
    if len(scores) == 1:  # one epoch does not rise; a model that only counts has no more
        return False
    return scores[-1] == (max(scores) if best is None else best)  # earlier versions record none, and measured AUC
