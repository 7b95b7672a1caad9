"""Which items may be in the list after one change of a history."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from recbole_iacn.serving.by_id import ById
from recbole_iacn.serving.explain.asked import Asked
from recbole_iacn.serving.explain.changed_histories import ChangedHistories

_POOL = 200  # items per history that is scored against all items


def united(first: np.ndarray, of_rows: np.ndarray, owner: np.ndarray) -> np.ndarray:
    """What several rows of each history have, each item once, in the order of their appearance.

    Args:
        first: ids of items of each history, 0 for none, shape (B, k).
        of_rows: ids of items of each row, shape (R, k).
        owner: which history a row belongs to, shape (R,).

    Returns:
        Ids, padded with 0 on the right, shape (B, C).
    """
    lists = []
    for place, items in enumerate(first):
        further = of_rows[owner == place].ravel().tolist()
        lists.append([item for item in dict.fromkeys([*items.tolist(), *further]) if item])
    padded = np.zeros((len(lists), max(map(len, lists), default=0)), dtype=np.int64)
    for row, items in zip(padded, lists):
        row[: len(items)] = items
    return padded


def best_of_pool(
    recommender: ById, changed: ChangedHistories, added: Sequence[Sequence[int]], asked: Asked
) -> tuple[np.ndarray, np.ndarray]:
    """The best k items of each changed history, looked for among few. All items are scored for the history as it is and
    for those that lack an interest or everything; their best make the pool.

    Args:
        recommender: of the model.
        changed: the rows.
        added: ids of the items that are added to each history.
        asked: what is asked.

    Returns:
        The pool of each history, ids (B, P), 0 where there are fewer; and the best of each row, ids (R, k).
    """
    large = changed.large_changes()
    count = max(_POOL, asked.k)
    found = recommender.best(changed.rows.take(large), count, asked.exclude_seen, asked.among)[0].cpu().numpy()
    pool = united(np.zeros((len(changed.first), 0), dtype=np.int64), found, changed.owner[large])
    of_rows = pool[changed.owner]
    scores = recommender.scores_of(changed.rows, torch.from_numpy(of_rows)).cpu().numpy()
    scores[of_rows == 0] = -np.inf
    if asked.exclude_seen:
        for rows, items in zip(changed.added, added):
            for row, item in zip(rows, items):
                scores[row, of_rows[row] == item] = -np.inf
    order = np.argsort(-scores, axis=1, kind="stable")[:, : asked.k]
    return pool, np.take_along_axis(of_rows, order, axis=1)
