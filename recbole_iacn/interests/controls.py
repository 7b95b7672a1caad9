"""What a measure would say without a model's interests: divisions by chance and by k-means, and lists at random."""

from __future__ import annotations

import numpy as np
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from recbole_iacn.data.score_blocks import rows_at_once
from recbole_iacn.interests.grouping import Grouping


def by_chance(grouping: Grouping, plain: np.ndarray, seed: int) -> Grouping:
    """The same couplings, permuted among each user's clicks: groups of the same sizes that mean nothing.

    Vectors are the coupling-weighted means of the clicks' plain vectors. Vectors of groups and items have length 1, so
    that an item belongs to the nearest group.

    Args:
        grouping: the model's, B histories.
        plain: item vectors by id, shape (N + 1, D').
        seed: the same seed gives the same permutations.

    Returns:
        Grouping: with vectors of shape (B, K, D').
    """
    history = grouping.history
    keys = np.random.default_rng(seed).random(history.shape)
    keys[history == 0] = np.inf
    to = np.argsort(history == 0, axis=1, kind="stable")  # the clicks' places; those of padding come last, as in keys
    couplings = np.zeros_like(grouping.couplings)
    rows = np.arange(len(history))[:, None]
    couplings[rows, to] = grouping.couplings[rows, keys.argsort(axis=1)]
    unit = _of_length_one(plain)
    vectors = _of_length_one(np.einsum("blk,bld->bkd", couplings, unit[history]))
    return Grouping(history, couplings, grouping.active, vectors, unit)


def by_k_means(history: np.ndarray, counts: np.ndarray, plain: np.ndarray, seed: int) -> Grouping:
    """k-means clusters of each user's clicks on plain vectors of length 1, as many as the model has interests.

    Source: Lloyd (1982), started by k-means++ (Arthur and Vassilvitskii, SODA '07), of scikit-learn.

    Args:
        history: item ids, 0 at padding, shape (B, L).
        counts: K_u, how many clusters each user has, shape (B,); no more than the user's distinct items are made.
        plain: item vectors by id, shape (N + 1, D').
        seed: of every user's start, so that a user's clusters do not depend on the others.

    Returns:
        Grouping: K = max counts; couplings are 0 or 1; vectors (the centroids) and item vectors have length 1.
    """
    unit = _of_length_one(plain)
    groups = int(counts.max(initial=0))
    belongs = np.full(history.shape, -1)
    with threadpool_limits(1):  # waiting for each other, threads take twenty times as long over fifty clicks
        for user, count in enumerate(counts):
            clicks = history[user] > 0
            if clicks.any() and count > 0:
                belongs[user, clicks] = _clusters(unit[history[user, clicks]], int(count), seed)
    couplings = (belongs[:, :, None] == np.arange(groups)).astype(unit.dtype)
    vectors = _of_length_one(np.einsum("blk,bld->bkd", couplings, unit[history]))
    return Grouping(history, couplings, couplings.any(axis=1), vectors, unit)


def random_lists(history: np.ndarray, items: int, k: int, seed: int) -> np.ndarray:
    """k different items at random for each user, without the clicks.

    Args:
        history: item ids, 0 at padding, shape (B, L).
        items: N, the number of items; ids run from 1 to N.
        k: the length of the lists.
        seed: the same seed gives the same lists.

    Returns:
        Ids, int64, shape (B, k); 0 where there are fewer items.
    """
    rng = np.random.default_rng(seed)
    lists = np.zeros((len(history), k), np.int64)
    step = rows_at_once(items, tables=4)
    for begin in range(0, len(history), step):
        some = history[begin : begin + step]
        keys = rng.random((len(some), items + 1))
        np.put_along_axis(keys, some, np.inf, axis=1)
        keys[:, 0] = np.inf
        order = np.argpartition(keys, min(k, items), axis=1)[:, :k]
        there = np.isfinite(np.take_along_axis(keys, order, axis=1))
        lists[begin : begin + step, : order.shape[1]] = np.where(there, order, 0)
    return lists


def _clusters(points: np.ndarray, count: int, seed: int) -> np.ndarray:
    """The cluster of each point (n, D); no more clusters than distinct points."""
    count = min(count, len(np.unique(points, axis=0)))
    return KMeans(count, n_init=4, random_state=seed).fit_predict(points)


def _of_length_one(vectors: np.ndarray) -> np.ndarray:
    """Vectors (…, D) of length 1; zeros remain."""
    size = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(size > 0, size, 1)
