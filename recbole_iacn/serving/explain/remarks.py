"""What whoever reads an explanation should know, a sentence each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse.csgraph import connected_components

if TYPE_CHECKING:
    from recbole_iacn.serving.by_id import ById
    from recbole_iacn.serving.explain.changed_histories import Window
    from recbole_iacn.serving.explain.found_interests import FoundInterests

_ALIKE = 0.95  # cosine of two interests that are nearly the same


def of_history(recommender: ById, window: Window, found: FoundInterests, place: int) -> tuple[str, ...]:
    """Remarks on one explanation.

    Args:
        recommender: of the model.
        window: what it reads of the history.
        found: the interests of several histories.
        place: which of them this one is.
    """
    name = type(recommender.model).__name__
    said = []
    if recommender.queries.history is None:
        said.append(f"{name} reads no history, so no click carries a recommendation.")
    elif not len(window.ids):
        said.append(
            "The history is empty: there are no interests and no reasons, and the list is what a stranger gets."
        )
    if window.unknown:
        count = "1 item of the history is" if window.unknown == 1 else f"{window.unknown:,} items of the history are"
        said.append(f"{count} unknown to the model and left out.")
    if window.older:
        read = len(window.ids)
        said.append(f"The model reads the newest {read:,} of {read + window.older:,} clicks.")
    if found.found is None:
        said.append(f"No interests are shown; scores and reasons are measured all the same. {found.why_not}.")
    elif found.count == 1:
        said.append(f"{name} has one interest per user (K = 1), to which every click belongs.")
    elif len(window.ids):
        said += [*_alike(found, place), *_called_alike(found, place)]
    if recommender.queries.least and len(window.ids) == 1:
        said.append(f"{name} cannot read an empty history, so the only click cannot be left out.")
    return tuple(said)


def of_scores(scores: np.ndarray) -> tuple[str, ...]:
    """The remark that a list is in no order.

    Args:
        scores: of the recommended items.
    """
    if len(scores) > 1 and scores[0] == scores[-1]:
        return ("The model scores all of these items alike, so that their order means nothing.",)
    return ()


def of_pool(size: int) -> tuple[str, ...]:
    """The remark that lists of changed histories are chosen among some items.

    Args:
        size: how many.
    """
    return (f"After a change, the list is chosen among {size:,} items, the best of the history and of its parts.",)


def _cosines(found, place, order):
    vectors = found.found.vectors[place, order].astype(np.float64)
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-30)
    return unit @ unit.T


def _words(numbers):
    return f"{', '.join(map(str, numbers[:-1]))} and {numbers[-1]}"


def _called_alike(found, place):
    """Two interests of one name are not one: their names are of the columns of items, which may not tell them apart."""
    named: dict[str, list[int]] = {}
    order = found.order(place)
    for at, interest in enumerate(found.explained(place)):
        named.setdefault(interest.label, []).append(at)
    said = []
    for label, places in named.items():
        apart = _cosines(found, place, [order[at] for at in places])
        if len(places) > 1 and apart.min() <= _ALIKE:
            numbers = _words(sorted(order[at] for at in places))
            said.append(
                f"Interests {numbers} are called alike, {label}: the columns of items do not tell them apart, and the "
                f"model does (lowest cosine {apart.min():.2f})."
            )
    return said


def _alike(found, place):
    """Interests that have fallen together explain nothing by being several."""
    order = found.order(place)
    _, group = connected_components(_cosines(found, place, order) > _ALIKE, directed=False)
    several = [sorted(np.array(order)[group == one].tolist()) for one in range(len(order))]
    words = [_words(of) for of in sorted(several) if len(of) > 1]
    if not words:
        return []
    first, *others = words
    further = "".join(f", and so are {other}" for other in others)
    return [f"Interests {first} are nearly the same{further}: their cosines are above {_ALIKE}."]
