"""The items nearest to groups' vectors: of each group, and of a user by the group that likes an item most."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from recbole_iacn.data.score_blocks import rows_at_once
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
    near = [_best(products, clicked, n, has[..., None]) for products, clicked, has in _blocks(grouping)]
    return np.concatenate(near) if near else np.zeros((0, grouping.vectors.shape[1], n), np.int64)


def retrieved_items(grouping: Grouping, k: int) -> np.ndarray:
    """The k items with the largest score ``max_k v_k . e`` over a user's groups, without the user's clicks.

    So do models of the family retrieve, and so a control has a list to measure.
    Source: Li et al. (MIND), CIKM '19, on serving.

    Args:
        grouping: B histories with at most K groups.
        k: how many.

    Returns:
        Item ids, the first first, int64, shape (B, k); 0 for a user without groups, and where there are fewer items.
    """
    lists = [
        _best(
            np.where(has[..., None], products, -np.inf).max(axis=1, keepdims=True),
            clicked,
            k,
            np.any(has, axis=1, keepdims=True)[..., None],
        )[:, 0]
        for products, clicked, has in _blocks(grouping)
    ]
    return np.concatenate(lists) if lists else np.zeros((0, k), np.int64)


def neighbour_purity(grouping: Grouping, of_items: np.ndarray, n: int = 20) -> np.ndarray:
    """Share of the most frequent category among the n nearest items of a group, averaged over a user's groups.

    Purity (Manning et al., 2008, section 16.3) of the neighbourhoods in place of the clicks. It says more of the space
    of items than of the division: where categories lie apart, also the mean of clicks at random is nearest to one.

    Args:
        grouping: B histories.
        of_items: category by item id, shape (N + 1,); -1 for none, and such items do not count.
        n: how many items are near. Defaults to 20.

    Returns:
        Shape (B,), in (0, 1]; NaN for users without groups, and where no near item has a category.
    """
    categories = of_items[nearest_items(grouping, n)].reshape(-1, n)  # of item 0: none
    group, place = np.nonzero(categories >= 0)
    width = int(of_items.max(initial=0)) + 1
    count = np.bincount(group * width + categories[group, place], minlength=len(categories) * width)
    count = count.reshape(*grouping.active.shape, width)
    of_group, there = count.max(axis=2), count.sum(axis=2)
    shares = np.where(there > 0, of_group / np.maximum(there, 1), 0)
    groups = (there > 0).sum(axis=1)
    return np.where(groups > 0, shares.sum(axis=1) / np.maximum(groups, 1), np.nan)


def _blocks(grouping: Grouping) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Products of groups and all items (b, K, N + 1), histories and active groups of some users at a time."""
    groups = max(grouping.vectors.shape[1], 1)
    step = rows_at_once(len(grouping.item_vectors), tables=3 * groups)
    for begin in range(0, len(grouping.history), step):
        some = slice(begin, begin + step)
        yield grouping.vectors[some] @ grouping.item_vectors.T, grouping.history[some], grouping.active[some]


def _best(products: np.ndarray, history: np.ndarray, n: int, has: np.ndarray) -> np.ndarray:
    """Ids of the n largest products (b, G, N + 1) besides padding and the history's; 0 where there are none."""
    np.put_along_axis(products, history[:, None, :], -np.inf, axis=2)  # padding is item 0
    products[..., 0] = -np.inf
    # PyTorch's takes half the time of NumPy's partition. Among equals the smaller id comes first.
    values, first = (of.numpy() for of in torch.from_numpy(products).topk(min(n, products.shape[2])))
    order = np.lexsort((first, -values), axis=2)
    found = np.take_along_axis(np.where(has & np.isfinite(values), first, 0), order, axis=2)
    return np.pad(found, ((0, 0), (0, 0), (0, n - found.shape[2])))
