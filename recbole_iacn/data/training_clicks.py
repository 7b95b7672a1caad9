"""Who clicked what in the rows that train, without any row that validates or tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from recbole.data.dataset import Dataset

_ROWS = 1 << 16  # whose histories are in memory at once


def training_clicks(dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Users and items of all clicks that training rows have: as a target, and in their histories.

    A row with a label of 0 is no click. Where histories hold all that was shown (``history_rows: all``), what was
    shown and not clicked does not count.

    Args:
        dataset (recbole.data.dataset.Dataset): the training rows, as a model's constructor has them.

    Returns:
        tuple of numpy.ndarray: internal ids of users and items, int64; each pair of a user and an item once, in order.
    """
    rows, items = dataset.inter_feat, dataset.item_num
    users, targets = rows[dataset.uid_field].numpy(), rows[dataset.iid_field].numpy()
    clicked = np.ones(len(users), bool)
    if dataset.label_field in rows:
        clicked = rows[dataset.label_field].numpy() > 0
    pairs = np.unique(users[clicked] * items + targets[clicked])
    earlier = [_in_histories(dataset, users, start) for start in range(0, len(users), _ROWS)]
    shown = getattr(dataset, "shown", None)
    if earlier and shown is not None and dataset.config["history_rows"] == "all":
        earlier = [np.setdiff1d(some, shown[0].numpy() * items + shown[1].numpy()) for some in earlier]
    return np.divmod(np.unique(np.concatenate([pairs, *earlier])), items)


def _in_histories(dataset, users, start):
    """Keys ``user * items + item`` of the histories of some rows."""
    history = dataset.inter_feat[slice(start, start + _ROWS)][dataset.iid_field + dataset.config["LIST_SUFFIX"]].numpy()
    row, place = history.nonzero()
    return np.unique(users[start + row] * dataset.item_num + history[row, place])
