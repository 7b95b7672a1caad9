"""Is the reason given for a recommendation the model's reason? Clicks are left out, and the model is asked again.

The reason for an item is the clicks of the group that it belongs to. Which clicks those are, and as many at random, are
masks here; the model's answers become figures here; asking the model is the caller's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recbole_iacn.interests.grouping import Grouping


def reasons(grouping: Grouping, items: np.ndarray) -> np.ndarray:
    """The clicks of the group that an item belongs to.

    Args:
        grouping: B histories.
        items: one per user, ids, shape (B,); 0 for none.

    Returns:
        Bool, shape (B, L); False at padding, and for a user without groups.
    """
    group = grouping.of_items(items[:, None])
    return (grouping.belongs == group) & (grouping.history > 0)


def at_random(history: np.ndarray, count: np.ndarray, draws: int, seed: int) -> np.ndarray:
    """Sets of clicks at random, as large as the reasons.

    Args:
        history: item ids, 0 at padding, shape (B, L).
        count: how many clicks of each user, shape (B,); at most as many as there are.
        draws: how many sets, R.
        seed: the same seed gives the same sets.

    Returns:
        Bool, shape (R, B, L); False at padding.
    """
    keys = np.random.default_rng(seed).random((draws, *history.shape))
    keys[:, history == 0] = np.inf
    place = keys.argsort(axis=2).argsort(axis=2)
    return (place < count[:, None]) & (history > 0)


@dataclass(frozen=True)
class Faithfulness:
    """What leaving clicks out does to the margin of a recommended item; each of shape (B,), NaN where not defined.

    Not defined: without reasons, or where all clicks are reasons, since chance would leave out the same.

    Attributes:
        deletion: comprehensiveness, the margin lost without the reasons; the larger, the more the reasons matter.
        deletion_chance: the same without as many clicks at random.
        deletion_wins: share of random sets whose loss is smaller than the reasons', ties half, in [0, 1]; chance: .5.
            Free of the scale of scores, so models can be compared by it.
        insertion: sufficiency, the margin lost with the reasons alone; the smaller, the more they suffice.
        insertion_chance: the same with as many clicks at random alone.
        insertion_wins: share of random sets whose loss is larger than the reasons', ties half; chance: .5.
    """

    deletion: np.ndarray
    deletion_chance: np.ndarray
    deletion_wins: np.ndarray
    insertion: np.ndarray
    insertion_chance: np.ndarray
    insertion_wins: np.ndarray


def faithfulness(
    whole: np.ndarray,
    without: np.ndarray,
    alone: np.ndarray,
    without_random: np.ndarray,
    alone_random: np.ndarray,
    comparable: np.ndarray,
) -> Faithfulness:
    """Comprehensiveness and sufficiency of reasons, beside random clicks.

    ``m(x) - m(x without r)`` and ``m(x) - m(r)``, m the margin of the item that is first by the whole history x.
    Source: DeYoung et al. (ERASER), ACL '20, equations 1 and 2.

    Args:
        whole: margins by the whole history, shape (B,).
        without: by the history without the reasons, shape (B,).
        alone: by the reasons alone, shape (B,).
        without_random: by the history without as many clicks at random, shape (R, B).
        alone_random: by as many clicks at random alone, shape (R, B).
        comparable: of :func:`comparable`, bool, shape (B,).
    """
    deletion, insertion = whole - without, whole - alone
    deletion_random, insertion_random = whole - without_random, whole - alone_random
    figures = (
        deletion,
        deletion_random.mean(axis=0),
        _wins(deletion, deletion_random),
        insertion,
        insertion_random.mean(axis=0),
        _wins(insertion_random, insertion),
    )
    return Faithfulness(*(np.where(comparable, figure, np.nan).astype(np.float64) for figure in figures))


def comparable(history: np.ndarray, reasons: np.ndarray) -> np.ndarray:
    """Whether a user has both clicks that are reasons and clicks that are not; bool, shape (B,)."""
    return reasons.any(axis=1) & ((history > 0) & ~reasons).any(axis=1)


def _wins(larger: np.ndarray, smaller: np.ndarray) -> np.ndarray:
    """Share of random sets, the first axis of one of the two, by which the first is larger; ties count half."""
    return ((larger > smaller) + (larger == smaller) / 2).mean(axis=0)
