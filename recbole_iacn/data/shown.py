"""Training negatives among what the user was shown and did not click."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from recbole_iacn.data.sampling import OwnItems
from recbole_iacn.errors import ConfigError

if TYPE_CHECKING:
    from recbole.data.dataset import Dataset


class ShownItems:
    """For each user the rows that were shown and not clicked while the user trains.

    A row counts if its time is not after the user's last training click, and before the user's first click that is for
    validation or test: what was shown beside or after those would tell the model what the user did not choose then.
    Rows of items that may not be negatives do not count.

    Args:
        whole (recbole.data.dataset.Dataset): the dataset that RecBole built the splits from; its attribute ``shown``
            has users, items and exact times of what was shown and not clicked.
        training (recbole.data.dataset.Dataset): the training rows.
        excluded (OwnItems): items that may not be negatives.

    Raises:
        ConfigError: the data have no labels, or the model's dataset does not keep them.
    """

    def __init__(self, whole: Dataset, training: Dataset, excluded: OwnItems) -> None:
        if not hasattr(whole, "shown") or not hasattr(whole.inter_feat, "index"):
            raise ConfigError(f"shown_negatives: {whole.config['model']} has its own dataset class; leave it out")
        if whole.shown is None:
            raise ConfigError(
                f"shown_negatives: the data have no labels ({whole.label_field}, or threshold), which say what was "
                "shown and not clicked; leave it out"
            )
        users, items, times = (np.asarray(column) for column in whole.shown)
        last, held_out = _end_of_training(whole, training)
        counts = (times <= last[users]) & (times < held_out[users]) & ~excluded.contains(users, items)
        if excluded.drawable is not None:
            counts &= np.isin(items, excluded.drawable)
        order = np.argsort(users[counts], kind="stable")
        self.items = items[counts][order].astype(np.int64)
        self.count = np.bincount(users[counts], minlength=whole.user_num)
        self.begin = np.cumsum(self.count) - self.count

    def has_some(self, users: np.ndarray) -> np.ndarray:
        """True where a row's user has anything to draw, shape (rows,)."""
        return self.count[users] > 0

    def sample(self, users: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
        """Draw ``count`` of the user's rows for each row, with replacement, all equally.

        Args:
            users (numpy.ndarray): user of each row, who :meth:`has_some`, shape (rows,).
            count (int): negatives per row.
            rng (numpy.random.Generator): determines the outcome completely.

        Returns:
            numpy.ndarray: item ids, int64, shape (rows, count).
        """
        place = rng.integers(self.count[users][:, None], size=(len(users), count))
        return self.items[self.begin[users][:, None] + place]


def _end_of_training(whole, training):
    """For each user the time of the last training row, and of the first row that does not train; float64."""
    last, held_out = np.full(whole.user_num, -np.inf), np.full(whole.user_num, np.inf)
    index, trains = whole.inter_feat.index.numpy(), training.inter_feat.index.numpy()
    users = whole.inter_feat.values[whole.uid_field].numpy()
    np.maximum.at(last, users[trains], whole.times[trains])
    tests = np.setdiff1d(index, trains)
    np.minimum.at(held_out, users[tests], whole.times[tests])
    return last, held_out
