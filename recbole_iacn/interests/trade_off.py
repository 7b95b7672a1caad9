"""What different categories cost: the accuracy and the diversity of lists of a whole test, for several lambdas."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from recbole_iacn.data.protocol import PROTOCOLS, is_sampled, ranks_items
from recbole_iacn.data.ranking import AllItems
from recbole_iacn.errors import ConfigError
from recbole_iacn.interests.test_rows import loader_of_settings
from recbole_iacn.nn.aggregation import list_diversity, select
from recbole_iacn.serving.diverse_lists import (
    Diversity,
    candidates,
    check_weight,
    interest_vectors,
    without_in_words,
)
from recbole_iacn.serving.model_rows import Rows

if TYPE_CHECKING:
    import os

    from recbole_iacn.serving.item_values import ItemValues
    from recbole_iacn.serving.recommender import Recommender

_STEPS = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 64.0)  # lambdas, in the mean step from one place of a list to the next
_PAPERS_KS = (20, 50)  # ComiRec's


@dataclass(frozen=True)
class Point:
    """What lists of one length are like at one lambda.

    Attributes:
        weight: lambda.
        k: N, items of a list.
        recall: share of the rows whose clicked item is in the list; there is one, so Recall@N is Hit@N.
        ndcg: NDCG@N.
        diversity: Diversity@N, see :func:`recbole_iacn.nn.aggregation.list_diversity`, mean over rows.
    """

    weight: float
    k: int
    recall: float
    ndcg: float
    diversity: float


@dataclass(frozen=True)
class TradeOff:
    """The curve of one model.

    Attributes:
        model, dataset: their names.
        seed: of the training.
        column: of items, whose values are to differ.
        rows: of the test.
        points: by lambda, and for each by N.
        notes: what whoever reads it should know, a sentence each.
    """

    model: str
    dataset: str
    seed: int | None
    column: str
    rows: int
    points: tuple[Point, ...]
    notes: tuple[str, ...]


def trade_off_of(
    recommender: Recommender,
    data_path: str | os.PathLike,
    values: ItemValues,
    ks: Sequence[int] | None = None,
    weights: Sequence[float] | None = None,
    progress: bool = True,
) -> TradeOff:
    """Take the curve over the test rows of the run, among all items, as its trainer ranks them: at lambda 0 the figures
    are the trainer's own.

    A run that ranked among drawn candidates is measured among all items but those clicked before, which is noted.

    Args:
        recommender: of the run's bundle.
        data_path: the folder that contains the dataset's folder.
        values: of the column of items whose values are to differ.
        ks: N, the lengths of lists. By default 20 and 50, as in the paper, but at most half of the items.
        weights: lambdas. By default 0 and multiples of the mean step of the scores from one place of the longest list
            to the next (the median over the rows): the unit of the scores is the model's own.
        progress: show a progress bar, on a terminal.

    Raises:
        ConfigError: the run's protocol ranks no items; a lambda or an N is wrong; the data are missing or others.
    """
    ks, notes = _default_ks(len(recommender.items)) if ks is None else (ks, [])
    for k in ks:
        recommender.check_k(k, len(recommender.items))
    for name, some in (("k", ks), ("lambdas", weights)):
        if some is not None and (not len(some) or len(set(some)) < len(some)):
            raise ConfigError(f"{name}: must be one or several different numbers, got {list(some)}")
    weights = None if weights is None else [check_weight(weight, "lambdas") for weight in weights]
    changes, of_test = _as_full_ranking(recommender.config)
    notes = [*of_test, *notes]
    loader = loader_of_settings(recommender, data_path, changes)
    tests = list(_tests(recommender, tqdm(loader, unit="batch", disable=None if progress else True), ks))
    if weights is None:
        weights = _default_weights([of_k[max(ks)][1] for _, of_k in tests], max(ks))
        notes.append(
            f"The λ are multiples of {weights[2]:.2g}, the median over the rows of the mean step of the scores from "
            f"one place of the list of {max(ks)} to the next."
        )
    if values.without:
        notes.append(f"{without_in_words(values).removeprefix('diversity: ')}.")
    categories = Diversity(0, values).categories
    points = [
        _point(tests, k, weight, categories)
        for weight in tqdm(sorted(weights), unit="lambda", disable=None if progress else True)
        for k in sorted(ks)
    ]
    config, rows = recommender.config, sum(len(clicked) for clicked, _ in tests)
    return TradeOff(
        config["model"], config["dataset"], config["seed"], values.column, rows, tuple(points), tuple(notes)
    )


def _default_ks(items):
    """The lengths of lists, and what to say if they are not the paper's: a list of most items leaves no choice."""
    most = max(items // 2, 1)
    ks = sorted({min(k, most) for k in _PAPERS_KS})
    if tuple(ks) == _PAPERS_KS:
        return ks, []
    lists, papers = (" and ".join(map(str, some)) for some in (ks, _PAPERS_KS))
    return ks, [f"Lists are of {lists} items, since {papers}, as in the paper, would be most of the {items} (set k)."]


def _as_full_ranking(config):
    """Settings that let the run's test rank all items, and what to say of them."""
    name = config["protocol"]
    if not ranks_items(config):
        raise ConfigError(
            f"protocol: {name or 'null'} of the run ranks no items, so there is no list to measure; give a run with "
            "protocol: leave_one_out_full (mask_history: True leaves out what was clicked before)"
        )
    if not is_sampled(config):
        left = (
            "without those that the user clicked before" if config["mask_history"] else "those clicked before included"
        )
        return {}, [f"Lists are of all items, {left}, as in the run's own test."]
    full = PROTOCOLS["leave_one_out_full"]
    if PROTOCOLS[name].settings["eval_args"]["split"] != full.settings["eval_args"]["split"]:
        raise ConfigError(
            f"protocol: {name} of the run ranks among drawn candidates and splits otherwise than leave_one_out_full; "
            "give a run that ranks among all items"
        )
    return {"protocol": "leave_one_out_full", "mask_history": True}, [
        f"The run's own test ({name}) ranks among drawn candidates; here lists are of all items, without those that "
        "the user clicked before."
    ]


@torch.no_grad()
def _tests(recommender: Recommender, loader: Any, ks: Sequence[int]) -> Iterator[tuple[Tensor, dict[int, Any]]]:
    """Of each batch the clicked items, (B,), and for each N the candidates' ids and scores, (B, C) each."""
    model, device = recommender.model, recommender.config["device"]
    for part, among, _, clicked in loader:
        assert isinstance(among, AllItems)  # the protocol ranks among all
        part = part.to(device)
        nothing = np.zeros(len(part), np.int64)  # what was seen is for the protocol to say
        scores = recommender.scores(Rows(part, np.arange(len(part)), nothing[:0], nothing))
        if among.left_out is not None:
            scores[among.left_out] = -torch.inf
        # As the trainer orders them: of equal scores the clicked item takes the middle place, and of what the run never
        # ranks (negative_items: clicked) the order is -inf.
        order = among.ranked(scores.clone(), torch.arange(len(part)), clicked)[0]
        interests = interest_vectors(model, part)
        found = {k: candidates(model, scores, k, interests, order=order) for k in ks}
        yield clicked, {k: (ids.int().cpu(), some.cpu()) for k, (ids, some) in found.items()}


def _point(tests, k, weight, categories):
    recall = ndcg = diversity = rows = 0.0
    for clicked, of_k in tests:
        ids, scores = of_k[k]
        ids = ids.long()
        chosen = select(scores, categories[ids], k, weight)
        items = ids.gather(1, chosen.clamp_min(0)).masked_fill(chosen < 0, 0)
        hit, place = (items == clicked.unsqueeze(1)).byte().max(dim=1)
        recall += float(hit.sum())
        ndcg += float((hit.double() / (place.double() + 2).log2()).sum())
        diversity += float(list_diversity(categories[items]).sum())
        rows += len(clicked)
    return Point(weight, k, recall / rows, ndcg / rows, diversity / rows)


def _default_weights(scores, k):
    """0 and multiples of the median step, rounded to two digits."""
    steps = [(some[:, 0] - some[:, min(k, some.shape[1]) - 1]) / max(k - 1, 1) for some in scores]
    known = torch.cat(steps)
    step = float(known[known.isfinite()].median()) if known.isfinite().any() else 0.0
    if step <= 0:
        raise ConfigError("lambdas: the model's scores do not differ, so they give no unit; name the λ (--lambdas)")
    return [float(f"{step * times:.2g}") for times in _STEPS]
