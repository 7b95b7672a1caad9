"""The items nearest to groups' vectors: of each group, and of a user by the group that likes an item most."""

from __future__ import annotations

import numpy as np

from recbole_iacn.interests.grouping import Grouping


def nearest_items(grouping: Grouping, n: int) -> np.ndarray:
    """The n items with the largest products with each group's vector, without the user's clicks.

    Without them, since a mean of clicks would otherwise be credited with the clicks themselves.

    Args:
        grouping: B histories with at most K groups.
        n: how many.

    Returns:
        Item ids, the nearest first, int64, shape (B, K, n); 0 for groups that a user does not have, and where there are
        fewer items.
    """


def retrieved_items(grouping: Grouping, k: int) -> np.ndarray:
    """The k items with the largest score ``max_k v_k . e`` over a user's groups, without the user's clicks.

    So do models of the family retrieve, and so a control has a list to measure.
    Source: Li et al. (MIND), CIKM '19, section 3.6.

    Args:
        grouping: B histories with at most K groups.
        k: how many.

    Returns:
        Item ids, the first first, int64, shape (B, k); 0 for a user without groups, and where there are fewer items.
    """


def neighbour_purity(grouping: Grouping, of_items: np.ndarray, n: int = 20) -> np.ndarray:
    """Share of the most frequent category among the n nearest items of a group, averaged over a user's groups.

    Purity (Manning et al., 2008, equation 16.1) of the neighbourhoods in place of the clicks.

    Args:
        grouping: B histories.
        of_items: category by item id, shape (N + 1,); -1 for none, and such items do not count.
        n: how many items are near. Defaults to 20.

    Returns:
        Shape (B,), in (0, 1]; NaN for users without groups, and where no near item has a category.
    """
