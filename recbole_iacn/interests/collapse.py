"""Have a user's interests fallen together, or are some of them empty?"""

from __future__ import annotations

import numpy as np
from scipy.special import entr

from recbole_iacn.interests.grouping import Grouping


def pairwise_cosine(vectors: np.ndarray, active: np.ndarray) -> np.ndarray:
    """Mean cosine of all pairs of a user's groups; 1 where all point the same way.

    Args:
        vectors: shape (B, K, D).
        active: which groups a user has, bool, shape (B, K).

    Returns:
        Shape (B,), in [-1, 1]; NaN for users with fewer than two groups. A vector of zeros has cosine 0 with others.
    """
    sizes = np.linalg.norm(vectors, axis=2, keepdims=True).astype(np.float64)
    unit = vectors * active[..., None] / np.where(sizes > 0, sizes, 1)
    # The sum over pairs from the sum of all: |sum u|^2 = sum |u|^2 + 2 sum of pairs.
    twice = (unit.sum(axis=1) ** 2).sum(axis=1) - (unit**2).sum(axis=(1, 2))
    count = active.sum(axis=1)
    return np.where(count > 1, np.clip(twice / np.maximum(count * (count - 1), 1), -1, 1), np.nan)


def effective_number(shares: np.ndarray) -> np.ndarray:
    """How many equally large groups would be as diverse as a user's: ``exp(-sum_k p_k log p_k)``.

    The Hill number of order 1. Source: Jost, Oikos 113 (2006), table 1; Hill, Ecology 54 (1973).

    Args:
        shares: how much each group counts, shape (B, K), at least 0; a user's need not add up to 1.

    Returns:
        Shape (B,), in [1, K]; NaN where all shares are 0 (an empty history).
    """
    total = shares.sum(axis=1, dtype=np.float64)
    part = shares / np.where(total > 0, total, 1)[:, None]
    return np.where(total > 0, np.exp(entr(part).sum(axis=1)), np.nan)


def effective_share(shares: np.ndarray, active: np.ndarray) -> np.ndarray:
    """The effective number of groups as a share of those that a user may have, ``exp(H) / K_u``.

    Args:
        shares: shape (B, K).
        active: which groups a user may have, bool, shape (B, K); K_u of them.

    Returns:
        Shape (B,), in (0, 1]; NaN for an empty history and for K_u < 2, where nothing can fall together.
    """
    groups = active.sum(axis=1)
    return np.where(groups > 1, effective_number(shares) / np.maximum(groups, 1), np.nan)


def empty_groups(grouping: Grouping) -> np.ndarray:
    """Share of a user's groups to which no click belongs.

    Args:
        grouping: B histories.

    Returns:
        Shape (B,), in [0, 1); NaN for an empty history or a user without groups.
    """
    groups = np.arange(grouping.active.shape[1])
    filled = (grouping.belongs[:, :, None] == groups).any(axis=1)
    return np.where(_defined(grouping), 1 - filled.sum(axis=1) / np.maximum(grouping.active.sum(axis=1), 1), np.nan)


def largest_coupling(grouping: Grouping) -> np.ndarray:
    """Mean over a user's clicks of the largest coupling: 1 where each click is in one group, 1 / K_u where in all.

    Args:
        grouping: B histories.

    Returns:
        Shape (B,), in (0, 1]; NaN for an empty history or a user without groups.
    """
    count = (grouping.history > 0).sum(axis=1)
    total = grouping.couplings.max(axis=2).sum(axis=1, dtype=np.float64)  # couplings at padding are 0
    return np.where(_defined(grouping), total / np.maximum(count, 1), np.nan)


def _defined(grouping: Grouping) -> np.ndarray:
    """Who has both clicks and groups, shape (B,)."""
    return np.any(grouping.history > 0, axis=1) & np.any(grouping.active, axis=1)
