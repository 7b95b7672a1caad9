"""One category per item, where the data have a column that says several things of each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recbole_iacn.errors import ConfigError
from recbole_iacn.serving.item_values import distinct_values


@dataclass(frozen=True)
class Categories:
    """One category per item.

    Attributes:
        of_items: by item id, int64, shape (N + 1,); -1 for padding and for an item without a category.
        names: of the C categories that an item has, the most frequent first, shape (C,).
        sizes: how many items are in each, shape (C,).
        values: how many different values the column has.
        several: how many items have more than one value.
        rare: how many items have values, but none that is frequent enough.
        empty: how many items have no value.
    """

    of_items: np.ndarray
    names: np.ndarray
    sizes: np.ndarray
    values: int
    several: int
    rare: int
    empty: int

    def of(self, items: np.ndarray) -> np.ndarray:
        """The categories of items, by id, of any shape; -1 for none."""
        return self.of_items[items]


def main_categories(values: np.ndarray, tokens: np.ndarray, share: float = 0.01) -> Categories:
    """Choose one category per item: the rarest of its values that at least a share of all items have.

    The rarest says most: of a film's genres Animation rather than Comedy; of a path of categories the leaf rather than
    the root. The share keeps out what is so rare that two clicks hardly ever have it in common (brands). Of two equally
    frequent values the one with the smaller id counts.

    Args:
        values: the column by item id, int, shape (N + 1,) or (N + 1, M); 0 is padding, row 0 is no item.
        tokens: the column's tokens by id, shape (V,); 0 is padding.
        share: the least share of all items that must have a value. Defaults to .01.

    Returns:
        Categories: with C = 0 if no value is frequent enough.

    Raises:
        ConfigError: the share lies outside [0, 1].
    """
    if not 0 <= share <= 1:
        raise ConfigError(f"share: must lie in [0, 1], got {share}")
    distinct = distinct_values(values)[1:]
    present = distinct > 0
    count = np.bincount(distinct[present], minlength=len(tokens))
    frequent = present & (count[distinct] >= max(share * len(distinct), 1))
    # Rarest first, then the smaller id: one number that orders both.
    order = np.where(frequent, count[distinct] * len(tokens) + distinct, np.iinfo(np.int64).max)
    best = np.take_along_axis(distinct, order.argmin(axis=1)[:, None], axis=1)[:, 0]
    best = np.where(frequent.any(axis=1), best, 0)
    sizes = np.bincount(best, minlength=len(tokens))
    sizes[0] = 0
    chosen = np.argsort(-sizes, kind="stable")[: np.count_nonzero(sizes)]
    number = np.full(len(tokens), -1)
    number[chosen] = np.arange(len(chosen))
    return Categories(
        of_items=np.concatenate([[-1], number[best]]),
        names=np.asarray(tokens)[chosen],
        sizes=sizes[chosen],
        values=int(np.count_nonzero(count)),
        several=int((present.sum(axis=1) > 1).sum()),
        rare=int((present.any(axis=1) & ~frequent.any(axis=1)).sum()),
        empty=int((~present.any(axis=1)).sum()),
    )
