"""``rows: histories``: a training row is a history, and each of its clicks the target of those before it.

A model whose state at a place depends on nothing behind it can learn from all places of a history at once. Rows are
chosen among those that there are with a row per click: the last training row of each user, the one L before it, and so
on. A row has a window of up to L clicks and its own click behind it, so together they have each target once.

    clicks of a user, L = 3    a  b c d  e f g      (a is no target: it has no history)
    rows                       a>b       d>e        the window before g is d e f, the one before d is a b c
                               a b>c     d e>f
                               a b c>d   d e f>g
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from recbole_iacn.data.windows import HistoryInteraction
from recbole_iacn.errors import ConfigError

if TYPE_CHECKING:
    from recbole.config import Config
    from recbole.data.dataset import Dataset


def asks_for_histories(config: Config) -> bool:
    """Whether a training row is a history.

    Args:
        config (recbole.config.Config): final settings.
    """
    return config["rows"] == "histories"


def keep_one_per_history(part: Dataset, max_length: int) -> None:
    """Keep the last training row of each user, the one L before it, and so on.

    Args:
        part (recbole.data.dataset.Dataset): training rows, one per click, sorted by user and time; they are replaced.
        max_length (int): L.

    Raises:
        ConfigError: the data have labels, or the rows of a user do not follow one another.
    """
    if part.labelled:
        raise ConfigError(
            f"rows: histories of {part.dataset_name} would have targets that are no clicks, or of the same time, since "
            "its rows have labels; set rows: prefixes, or leave the label out (load_col.inter)"
        )
    rows = part.inter_feat
    index, users = rows.index.numpy(), rows[part.uid_field].numpy()
    last = np.r_[users[1:] != users[:-1], True][: len(users)]
    follows = index[1:] == index[:-1] + 1
    if not (follows | last[:-1]).all():
        raise ConfigError(f"rows: histories need every click of {part.dataset_name} as a row; set rows: prefixes")
    from_end = np.flatnonzero(last)[np.cumsum(np.r_[0, last[:-1]])[: len(users)]] - np.arange(len(users))
    part.inter_feat = rows[np.flatnonzero(from_end % max_length == 0)]
    part.whole_rows = True


def training_targets(dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """User and item of every target of the training rows.

    Args:
        dataset (recbole.data.dataset.Dataset): training rows of a sequential model.

    Returns:
        tuple of numpy.ndarray: internal ids, int64, shape (targets,) each, in the order of rows, and within a history
        in that of its clicks.
    """
    rows = dataset.inter_feat
    if not getattr(dataset, "whole_rows", False):
        return rows[dataset.uid_field].numpy(), rows[dataset.iid_field].numpy()
    assert isinstance(rows, HistoryInteraction)
    length = rows.windows[0].length[rows.index].long()
    first = rows.index - length + 1  # every click is in the table, and a row's own is behind its history
    start = torch.repeat_interleave(first - (length.cumsum(0) - length), length)
    place = start + torch.arange(len(start))
    users, items = (rows.values[name][place].numpy() for name in (dataset.uid_field, dataset.iid_field))
    return users, items
