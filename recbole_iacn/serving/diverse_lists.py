"""Lists that trade scores for different categories: each interest's best items, and ComiRec's greedy choice of them."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from recbole_iacn.errors import ConfigError
from recbole_iacn.model.retrieval.base import InterestRecommender
from recbole_iacn.nn.aggregation import select
from recbole_iacn.serving.item_values import ItemValues, Wording
from recbole_iacn.serving.newcomers import beside_the_known

if TYPE_CHECKING:
    from recbole_iacn.serving.item_scores import ItemScores
    from recbole_iacn.serving.model_rows import Rows

WORDS = Wording(
    "diversity_by",
    "diversity_by={0!r} (--diversity-by {0})",
    "whose values are to differ",
    "Recommender.item_values(TABLE), or --items FILE",
)
_ALIKE = 1 - 1e-5  # the cosine from which on two vectors order the items alike
_LISTS = 4  # of k items that are candidates where there are not several interests: as many as of ComiRec's interests


@dataclass(frozen=True)
class Diversity:
    """What lists are to differ in, and how much that counts.

    Attributes:
        weight: lambda, in the unit of the scores; see :func:`recbole_iacn.nn.aggregation.select`.
        values: the column of items whose values are to differ.
    """

    weight: float
    values: ItemValues

    @cached_property
    def categories(self) -> Tensor:
        """The distinct values by item id, int32, shape (N + 1, M)."""
        return torch.from_numpy(self.values.distinct.astype(np.int32))


def check_weight(weight: Any, option: str = "diversity") -> float:
    """Reject what cannot be a lambda.

    Args:
        weight: the number.
        option: its name.

    Raises:
        ConfigError: it is not a finite number of 0 or more.
    """
    number = isinstance(weight, int | float | np.integer | np.floating) and not isinstance(weight, bool)
    if not number or not math.isfinite(weight) or weight < 0:
        raise ConfigError(
            f"{option}: must be a finite number, 0 or more (λ, in the unit of the model's scores), got {weight!r}"
        )
    return float(weight)


def say_without(values: ItemValues) -> None:
    """One line of the log counts the items that have no value."""
    if values.without:
        logging.getLogger(__name__).warning(without_in_words(values))


def without_in_words(values: ItemValues) -> str:
    """How many items have no value, and what that means."""
    return f"diversity: {values.without:,} items have no {values.column}, so they count as different from no other item"


@torch.no_grad()
def diverse_best(
    item_scores: ItemScores,
    rows: Rows,
    k: int,
    exclude_seen: bool,
    among: np.ndarray | None,
    diversity: Diversity,
) -> tuple[Tensor, Tensor]:
    """The list of k items of each row that the aggregation chooses.

    Args:
        item_scores: of the model.
        rows: B of them.
        k, exclude_seen, among: as for :meth:`recbole_iacn.serving.recommender.Recommender.best`.
        diversity: lambda and the values.

    Returns:
        Ids (B, k) in the order of the choice, 0 where there are fewer, and their scores (B, k), -inf there. The scores
        are the model's own, so they do not fall from place to place.
    """
    ids = torch.zeros(len(rows), k, dtype=torch.int64, device=item_scores.device)
    best = torch.full((len(rows), k), -torch.inf, device=item_scores.device)
    categories = diversity.categories.to(item_scores.device)
    for begin, some, scores, columns in item_scores.allowed(rows, exclude_seen, among):
        if not scores.shape[1]:
            continue
        with beside_the_known(item_scores.model, some.interaction, item_scores.catalogue.user, some.users):
            interests = interest_vectors(item_scores.model, some.interaction)
        place, found = candidates(item_scores.model, scores, k, interests, columns)
        item = place if columns is None else columns[place]
        chosen = select(found, categories[item], k, diversity.weight)
        there = slice(begin, begin + len(some))
        ids[there] = item.gather(1, chosen.clamp_min(0)).masked_fill(chosen < 0, 0)
        best[there] = found.gather(1, chosen.clamp_min(0)).masked_fill(chosen < 0, -torch.inf)
    return ids, best


def interest_vectors(model: Any, interaction: Any) -> Tensor | None:
    """The vectors of which each finds candidates, (B, K, D); None if the model's score is not the largest product with
    one of several.

    Args:
        model: any.
        interaction: rows as it reads them.
    """
    if not isinstance(model, InterestRecommender):
        return None
    users, active = model.users(interaction)
    if users.shape[1] == 1:
        return None
    return torch.where(active.unsqueeze(2), users, users[:, :1])  # every user has the first


def candidates(
    model: Any,
    scores: Tensor,
    count: int,
    interests: Tensor | None,
    columns: Tensor | None = None,
    order: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """The items that a list is chosen from: the N best of each interest, and the N best of all interests together,
    which are among them but for ties. Without several interests, or for a user whose interests have one direction,
    the best 4 N by the scores.

    Args:
        model: whose item table the interests are compared with.
        scores: of all items that may be chosen, -inf for one that may not, shape (B, I).
        count: N.
        interests: of :func:`interest_vectors`.
        columns: the ids of these items; by default all.
        order: orders the items in place of the scores, as if it were their scores, -inf for one that may not be chosen;
            shape (B, I).

    Returns:
        Places among the I items, best first, of equal ones the smaller place first, shape (B, C), and their scores,
        -inf where a row has fewer candidates.
    """
    order = scores if order is None else order
    most = min(count, scores.shape[1])
    found = [order.topk(min(_LISTS * count, scores.shape[1]), dim=1).indices]
    if interests is not None:
        several = _differ(interests)
        found[0][:, most:] = found[0][:, most:].where(~several, found[0][:, :1])
        hidden = order == -torch.inf
        table = model.item_embedding.weight
        items = (table if columns is None else table[columns]).T
        for vectors in interests.unbind(1):
            found.append((vectors @ items).masked_fill_(hidden, -torch.inf).topk(most, dim=1).indices)
    place = torch.cat(found, dim=1).sort(dim=1).values
    twice = torch.zeros_like(place, dtype=torch.bool)
    twice[:, 1:] = place[:, 1:] == place[:, :-1]
    lost = twice | (order.gather(1, place) == -torch.inf)
    by = order.gather(1, place).masked_fill(lost, -torch.inf).argsort(dim=1, descending=True, stable=True)
    by = by[:, : int((~lost).sum(dim=1).max())]
    place = place.gather(1, by)
    return place, scores.gather(1, place).masked_fill(lost.gather(1, by), -torch.inf)


def _differ(interests):
    """Whether a user's interests have several directions, shape (B, 1)."""
    units = torch.nn.functional.normalize(interests, dim=2)
    alike = (units * units[:, :1]).sum(dim=2) > _ALIKE
    return ~(alike | (interests == interests[:, :1]).all(dim=2)).all(dim=1, keepdim=True)
