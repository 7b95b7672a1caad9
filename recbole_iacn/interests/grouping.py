"""A way to divide histories into interests: the model's, or a control's. Measures read this and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Grouping:
    """B histories, each divided into at most K groups.

    Attributes:
        history: item ids, oldest first, 0 at padding, int64, shape (B, L).
        couplings: how much each click belongs to each group, float, shape (B, L, K); at each click they add up to 1
            over K, at padding they are 0. A control's are 0 or 1.
        active: which groups a user may have, bool, shape (B, K).
        vectors: of groups, shape (B, K, D).
        item_vectors: of items by id, shape (N + 1, D), in the space of ``vectors``; row 0 is padding.
    """

    history: np.ndarray
    couplings: np.ndarray
    active: np.ndarray
    vectors: np.ndarray
    item_vectors: np.ndarray

    @property
    def belongs(self) -> np.ndarray:
        """The group with the largest coupling, of each click; -1 at padding. Shape (B, L)."""
        return np.where(self.history > 0, self.couplings.argmax(axis=2), -1)

    @property
    def shares(self) -> np.ndarray:
        """The mean of each group's couplings over the history, shape (B, K); zeros for an empty history."""
        count = np.maximum((self.history > 0).sum(axis=1), 1)
        return self.couplings.sum(axis=1) / count[:, None]

    def of_items(self, items: np.ndarray) -> np.ndarray:
        """The group whose vector has the largest product with an item's.

        Args:
            items: ids, shape (B, M); 0 for none.

        Returns:
            Shape (B, M); -1 for no item and for a user without groups.
        """
        products = np.einsum("bkd,bmd->bkm", self.vectors, self.item_vectors[items])
        products[~self.active] = -np.inf
        there = (items > 0) & self.active.any(axis=1, keepdims=True)
        return np.where(there, products.argmax(axis=1), -1)
