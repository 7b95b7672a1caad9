"""Histories before they are cut to L: what a user had clicked before a row, however long."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from recbole_iacn.data.windows import HistoryInteraction

if TYPE_CHECKING:
    from recbole.data.dataset import Dataset


def whole_histories(dataset: Dataset, chosen: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray] | None:
    """Where the uncut history of each row lies among the entries that histories are made of.

    Args:
        dataset: rows of a split.
        chosen: numbers of its rows, int, shape (B,); all of them by default.

    Returns:
        Two int64 arrays of shape (B,): the first entry of the row's user, counted from 0 and without the leading zero
        of the shared column, and the number of entries up to the row. None where rows hold histories ready-made
        (benchmark files), which nothing longer is known of.
    """
    feat = dataset.inter_feat
    in_history = getattr(dataset, "in_history", None)
    if not isinstance(feat, HistoryInteraction) or in_history is None or len(feat.windows) != 1:
        return None
    windows, index = feat.windows[0], feat.index.numpy()
    index = index if chosen is None else index[chosen]
    users = feat.values[dataset.uid_field].numpy()
    first = np.searchsorted(users[in_history], users[index])  # the entries' users; entry s is at s + 1
    cut = windows.length.numpy()[index]
    return first, np.where(cut > 0, windows.stop.numpy()[index] - 1 - first, 0)


def history_lengths(dataset: Dataset) -> np.ndarray:
    """Length of the uncut history of each row; of ready-made ones the length that they have.

    Args:
        dataset: rows of a split, of a sequential model.

    Returns:
        int64, shape (rows,).
    """
    found = whole_histories(dataset)
    if found is not None:
        return found[1]
    return (dataset.inter_feat[dataset.item_id_list_field] > 0).sum(dim=1).numpy()
