"""What every single change of a history does to the list of recommendations, for a page on which it can be changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain, zip_longest

import numpy as np

from recbole_iacn.checks.evaluation import gives_probabilities
from recbole_iacn.serving.by_id import ById
from recbole_iacn.serving.explain.changed_histories import ChangedHistories
from recbole_iacn.serving.explain.explanation import Edits

_SURE = 2.0**-25  # a float32 that is nearer to 1 is 1


def margins_of(recommender: ById, scores: np.ndarray) -> tuple[np.ndarray, bool]:
    """What effects on scores are added in, and whether that is the log-odds of a probability.

    Args:
        recommender: of the model.
        scores: any shape, float64.
    """
    if not gives_probabilities(type(recommender.model), recommender.config.final_config_dict):
        return scores, False
    certain = np.clip(scores, 1e-30, 1 - _SURE)
    return np.log(certain) - np.log1p(-certain), True


def addable_items(history: np.ndarray, best: np.ndarray, nearest: Sequence[np.ndarray], count: int) -> list[int]:
    """Ids of items to add to a history: in turn one of the recommendations and of the nearest items of each interest.

    Args:
        history: ids of all its clicks, also of those that the model does not read.
        best: ids of the recommendations, best first; 0 for none.
        nearest: ids of the nearest items of each interest.
        count: how many at most.
    """
    clicked = {0, *history.tolist()}
    in_turn: Iterable[int | None] = chain.from_iterable(
        zip_longest(best.tolist(), *(some.tolist() for some in nearest))
    )
    return list(dict.fromkeys(item for item in in_turn if item is not None and item not in clicked))[:count]


def edits_of(
    changed: ChangedHistories,
    place: int,
    margins: np.ndarray,
    candidates: np.ndarray,
    added: np.ndarray,
    interests: int,
    probability: bool,
) -> Edits:
    """The changes of one history.

    Args:
        changed: all rows.
        place: the history.
        margins: of all rows, for the C candidates, shape (R, C).
        candidates: their tokens.
        added: tokens of the items that are added.
        interests: K.
        probability: whether margins are log-odds.
    """
    first, count = changed.first[place], changed.readable(place)
    of_interests = changed.interests[place]
    return Edits(
        items=tuple(candidates.tolist()),
        margins=tuple(margins[first].tolist()),
        without_click=tuple(map(tuple, margins[first + 1 : first + 1 + count].tolist())),
        without_interest=tuple(tuple(margins[of_interests.get(k, first)].tolist()) for k in range(interests)),
        addable=tuple(added.tolist()),
        with_click=tuple(tuple(margins[row].tolist()) for row in changed.added[place]),
        probability=probability,
    )
