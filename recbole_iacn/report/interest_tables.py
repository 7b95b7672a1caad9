"""The table of what runs' interests mean: measures beside chance and k-means, as far as the experiment asked."""

from __future__ import annotations

from collections.abc import Sequence

from recbole_iacn.experiments.plan import swept_pairs
from recbole_iacn.experiments.results import column_of
from recbole_iacn.report.tables import Result, Table, in_order, spread

TITLE = "Interests"
TEXT = """Measures of the interests on test rows, beside two controls that know nothing of them: chance (the model's
couplings, permuted among each user's clicks; random lists) and k-means (as many clusters of each user's clicks in the
plain embedding of the same model; of click models also by the item's own vector alone, where they read features of
items, and in the space of the interests itself). Mean ± standard deviation over seeds of the means over users, the same
users for a model and its controls. ↑: more is better, ↓: less."""

_OF = ("model", "chance", "k_means", "k_means_id", "k_means_own")


def interest_cells(results: Sequence[Result]) -> Table | None:
    """Heads and cells: a column per measure; for each model, with its swept settings, a row of its own and one for each
    control.

    Args:
        results: of runs.

    Returns:
        None where no run has measured its interests, or none has several.
    """
    from recbole_iacn.interests.measure_table import MEASURES
    from recbole_iacn.interests.sheet import title_of

    measured = [one for one in results if one.get("interests")]
    asked = {name for one in measured for name in one["interests"]}
    chosen = [one for one in MEASURES if one.name in asked]
    if not chosen:
        return None
    groups: dict[tuple, list[Result]] = {}
    for one in measured:
        name = " ".join(filter(None, (one["model"], column_of(one))))
        groups.setdefault((one["dataset"], name, swept_pairs(one["sweep"])), []).append(one)
    order = sorted(groups, key=lambda key: (key[0], key[1], in_order(value for _, value in key[2])))
    cells = []
    for key in order:
        dataset, name, sweep = key
        title = ", ".join([name, *(f"{setting} {value}" for setting, value in sweep)])
        for control in _OF:
            by_seed = [
                {one["seed"]: value for one in groups[key] if (value := _value(one, measure.name, control)) is not None}
                for measure in chosen
            ]
            if any(by_seed):
                seeds = str(max(map(len, by_seed)))
                cells.append([dataset, title, title_of(control), seeds, *map(spread, by_seed)])
    if not cells:
        return None
    signs = {"higher": " ↑", "lower": " ↓"}
    return ["dataset", "model", "of", "seeds", *(one.name + signs.get(one.better, "") for one in chosen)], cells


def _value(one, measure, control):
    return one["interests"].get(measure, {}).get(control)


def legend(results: Sequence[Result]) -> str:
    """What the columns of :func:`interest_cells` are, in one paragraph."""
    from recbole_iacn.interests.measure_table import MEASURES

    asked = {name for one in results for name in one.get("interests") or ()}
    return "; ".join(f"{one.name}: {one.title.lstrip('… ')}" for one in MEASURES if one.name in asked) + "."
