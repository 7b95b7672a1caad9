"""What a measure would say without a model's interests: divisions by chance and by k-means, and lists at random."""

from __future__ import annotations

import numpy as np

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
