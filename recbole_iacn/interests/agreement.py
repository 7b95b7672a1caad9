"""Do two divisions of the same clicks agree: a user's interests and the items' categories, or two seeds' interests?

A division is an array of labels, shape (B, L), of clicks; -1 where a click has none (padding, an item without a
category). Only clicks with both labels count.
"""

from __future__ import annotations

import numpy as np

from recbole_iacn.interests.contingency import Contingency


def adjusted_mutual_information(groups: np.ndarray, categories: np.ndarray) -> np.ndarray:
    """Mutual information of two divisions of a user's clicks, adjusted for chance.

    ``(I(G; C) - E[I]) / ((H(G) + H(C)) / 2 - E[I])``, E over divisions with the same sizes. 1 for the same division, 0
    on average for one at random; it can be negative.
    Source: Vinh, Epps and Bailey, JMLR 11 (2010), AMI with the mean of the entropies as the upper bound.

    Args:
        groups, categories: labels, shape (B, L); -1 for none.

    Returns:
        float64, shape (B,), at most 1. NaN where the categories could tell no division from another: fewer than two
        clicks count, all are of one category, or no two are of the same. 0 where there is one group and several
        categories.
    """
    counts = Contingency.of(groups, categories)
    kinds = counts.categories.kinds
    expected = counts.expected_information
    bound = (counts.groups.entropy + counts.categories.entropy) / 2
    defined = (kinds > 1) & (kinds < counts.categories.clicks)
    return _over(counts.information - expected, np.where(defined, bound - expected, np.nan))


def adjusted_rand_index(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Share of pairs of clicks on which two divisions agree, adjusted for chance: stability over seeds.

    1 for the same division, 0 on average for one at random; it can be negative.
    Source: Hubert and Arabie, Journal of Classification 2 (1985).

    Args:
        one, other: labels of the same clicks, shape (B, L); -1 for none.

    Returns:
        float64, shape (B,), at most 1. NaN where chance would agree as well: fewer than two clicks count, both
        divisions have one group (so two models that find nothing are not stable), or neither has two clicks in one.
    """
    counts = Contingency.of(one, other)
    clicks = counts.cells.clicks
    expected = _over(counts.groups.pairs * counts.categories.pairs, clicks * (clicks - 1) / 2)
    bound = (counts.groups.pairs + counts.categories.pairs) / 2
    return _over(counts.cells.pairs - expected, bound - expected)


def purity(groups: np.ndarray, categories: np.ndarray) -> np.ndarray:
    """Share of clicks that are of the most frequent category of their group.

    ``sum_g max_c n_gc / n``. More groups raise it, and so do few categories; hence the controls beside it.
    Source: Manning, Raghavan and Schütze, Introduction to Information Retrieval (2008), section 16.3.

    Args:
        groups, categories: labels, shape (B, L); -1 for none.

    Returns:
        float64, shape (B,), in (0, 1]; NaN where no click counts.
    """
    counts = Contingency.of(groups, categories)
    return _over(counts.largest, counts.cells.clicks)


def category_entropy(groups: np.ndarray, categories: np.ndarray) -> np.ndarray:
    """Entropy H(C) of the categories of a user's clicks, in nats: what the groups could explain.

    Args:
        groups, categories: labels, shape (B, L); -1 for none. Groups only say which clicks count.

    Returns:
        float64, shape (B,), in [0, log L]; NaN where no click counts.
    """
    return Contingency.of(groups, categories).categories.entropy


def conditional_entropy(groups: np.ndarray, categories: np.ndarray) -> np.ndarray:
    """Entropy H(C | G) of the categories within the groups, in nats: what the groups leave open.

    ``-sum_gc n_gc / n log(n_gc / n_g)``.
    Source: Rosenberg and Hirschberg, EMNLP-CoNLL '07, where homogeneity is defined.

    Args:
        groups, categories: labels, shape (B, L); -1 for none.

    Returns:
        float64, shape (B,), in [0, H(C)]; NaN where no click counts.
    """
    counts = Contingency.of(groups, categories)
    return np.maximum(counts.cells.entropy - counts.groups.entropy, 0)


def homogeneity(groups: np.ndarray, categories: np.ndarray) -> np.ndarray:
    """The part of the entropy of categories that the groups explain, ``1 - H(C | G) / H(C)``.

    1 where every group has one category, 0 where the groups say nothing. Chance is above 0: see the controls.
    Source: Rosenberg and Hirschberg, EMNLP-CoNLL '07.

    Args:
        groups, categories: labels, shape (B, L); -1 for none.

    Returns:
        float64, shape (B,), in [0, 1]; NaN where all clicks that count are of one category, or none counts.
    """
    counts = Contingency.of(groups, categories)
    return np.clip(_over(counts.information, counts.categories.entropy), 0, 1)


def _over(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """The quotient, NaN where the denominator is 0 or NaN."""
    return numerator / np.where(denominator == 0, np.nan, denominator)
