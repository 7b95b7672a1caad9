"""Whether clicks of one moment stand in the order of the items' tokens: an order that says nothing of what came first.

A file puts clicks of one second in some order, and every dataset of histories takes it as it stands. Where that is the
order of the items' numbers, a model that sees the order learns to foresee it, in training as in the test.
"""

from __future__ import annotations

import logging
from typing import Any, NamedTuple

import numpy as np

_ENOUGH = 1000  # neighbours, so that a share is known to .02
_ORDERED = 0.9  # the share that goes up, or down; by chance it is a half
_APART = 0.2  # at least so much more than among neighbours of different moments, which may be in this order, too


class TiedOrder(NamedTuple):
    """Neighbouring clicks of a user on two items.

    Attributes:
        pairs: how many are of one moment.
        rising: the share of them whose second item has the later token; nan without any.
        others: the same share of neighbours of different moments.
    """

    pairs: int
    rising: float
    others: float

    @property
    def is_ordered(self) -> bool:
        """Whether clicks of one moment are sorted by token, and others are not."""
        if self.pairs < _ENOUGH:
            return False
        sorted_share = max(self.rising, 1 - self.rising)
        return sorted_share >= _ORDERED and not abs(self.rising - self.others) < _APART


def tied_order(users: np.ndarray, items: np.ndarray, times: np.ndarray, place: np.ndarray) -> TiedOrder:
    """Count the neighbours of one moment, and how many go up.

    Args:
        users: user of each row, shape (R,); rows are sorted by user and time.
        items: item of each row, shape (R,).
        times: exact times, shape (R,).
        place: the place of each item among the sorted tokens, shape (N + 1,).
    """
    same = (users[1:] == users[:-1]) & (items[1:] != items[:-1])
    tied = times[1:] == times[:-1]
    rises = place[items[1:]] > place[items[:-1]]
    return TiedOrder(int((same & tied).sum()), _share(rises[same & tied]), _share(rises[same & ~tied]))


def token_places(tokens: np.ndarray) -> np.ndarray:
    """The place of each token among the sorted ones: by number if all are whole numbers.

    Args:
        tokens: text, shape (N + 1,); the first is the padding, whose place is 0.

    Returns:
        numpy.ndarray: int64, shape (N + 1,).
    """
    try:
        keys = np.asarray(tokens[1:], dtype=np.int64)
    except (ValueError, OverflowError):
        keys = np.asarray(tokens[1:], dtype=str)
    return np.r_[0, 1 + np.argsort(np.argsort(keys, kind="stable"), kind="stable")]


def say_if_ordered(dataset: Any) -> None:
    """Log one line if clicks of one moment stand in the order of the items' tokens.

    Of data with labels nothing is said: there a history holds what was clicked at an earlier time, so that the order of
    one moment is seen by no model.

    Args:
        dataset (recbole.data.dataset.Dataset): while its ``inter_feat`` is a DataFrame of ids, sorted by user and time.
    """
    rows, times = dataset.inter_feat, getattr(dataset, "times", None)
    if times is None or dataset.labelled or len(rows) < _ENOUGH:
        return
    users, items = (rows[field].to_numpy() for field in (dataset.uid_field, dataset.iid_field))
    found = tied_order(users, items, times, token_places(dataset.field2id_token[dataset.iid_field]))
    if found.is_ordered:
        way = "up" if found.rising > 0.5 else "down"
        share = max(found.rising, 1 - found.rising)
        logging.getLogger(__name__).warning(
            f"{dataset.time_field}: {found.pairs:,} clicks have the time of the user's click before them, and in "
            f"{share:.1%} of these pairs {dataset.iid_field} goes {way}: the file has put them in that order, which a "
            "model that sees the order learns to foresee (docs/protocols.md)"
        )


def _share(values):
    return float(values.mean()) if len(values) else float("nan")
