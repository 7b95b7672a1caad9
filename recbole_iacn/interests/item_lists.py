"""Lists of recommended items, beside the history that they come from."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array
from scipy.special import rel_entr

from recbole_iacn.data.score_blocks import rows_at_once
from recbole_iacn.interests.collapse import pairwise_cosine
from recbole_iacn.interests.grouping import Grouping
from recbole_iacn.serving.item_values import distinct_values


def interest_coverage(grouping: Grouping, items: np.ndarray) -> np.ndarray:
    """IC@k: share of a user's groups with clicks that have at least one item in the list.

    Subtopic recall (Zhai, Cohen and Lafferty, SIGIR '03) with the user's groups for subtopics. Wu et al.
    (GPR4DUR), NeurIPS '24, take categories instead: :func:`category_coverage`, which favours no model's own groups.

    Args:
        grouping: B histories.
        items: lists of k items by id, shape (B, k); 0 for none.

    Returns:
        Shape (B,), in [0, 1]; NaN for an empty history, a user without groups, or an empty list.
    """
    covered = _covered(grouping.belongs, grouping.of_items(items), grouping.active.shape[1])
    return np.where(np.any(items > 0, axis=1) & np.any(grouping.active, axis=1), covered, np.nan)


def category_coverage(history: np.ndarray, items: np.ndarray, of_items: np.ndarray) -> np.ndarray:
    """IC@k by categories: share of the categories of a user's clicks that have at least one item in the list.

    Source: Wu et al. (GPR4DUR), NeurIPS '24 (IC@k); Zhai, Cohen and Lafferty, SIGIR '03 (subtopic recall).

    Args:
        history: item ids, 0 at padding, shape (B, L).
        items: lists of k items by id, shape (B, k); 0 for none.
        of_items: category by item id, shape (N + 1,); -1 for none.

    Returns:
        Shape (B,), in [0, 1]; NaN where no click has a category or the list is empty.
    """
    of_list = np.where(items > 0, of_items[items], -1)
    covered = _covered(of_items[history], of_list, int(of_items.max(initial=0)) + 1)
    return np.where(np.any(items > 0, axis=1), covered, np.nan)


def vector_diversity(items: np.ndarray, plain: np.ndarray) -> np.ndarray:
    """Intra-list diversity by vectors: one minus the mean cosine of all pairs of a list.

    Source: Ziegler et al., WWW '05, as the mean distance of Castells, Hurley and Vargas (Recommender
    Systems Handbook, 2015). Vectors that a model was trained with favour it: compare models by
    :func:`category_diversity`.

    Args:
        items: lists of k items by id, shape (B, k); 0 for none.
        plain: item vectors by id, shape (N + 1, D).

    Returns:
        Shape (B,), in [0, 2]; NaN for lists of fewer than two items.
    """
    return 1 - pairwise_cosine(plain[items], items > 0)


def category_diversity(items: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Intra-list diversity by categories: one minus the mean Jaccard similarity of all pairs' values.

    Source: as :func:`vector_diversity`. The space of no model, so that models can be compared.

    Args:
        items: lists of k items by id, shape (B, k); 0 for none.
        values: all values of an item by id, shape (N + 1,) or (N + 1, M); 0 is padding. Items without values do not
            count.

    Returns:
        Shape (B,), in [0, 1]; NaN for lists of fewer than two items with values.
    """
    distinct = distinct_values(values)
    blocks = np.array_split(items, max(1, items.size * items.shape[1] * distinct.shape[1] ** 2 // 50_000_000))
    return np.concatenate([1 - _pairwise_jaccard(distinct[block]) for block in blocks])


def category_weights(values: np.ndarray) -> csr_array:
    """p(g | i): each of an item's n values has the weight 1 / n.

    Source: Steck, RecSys '18, section 3.

    Args:
        values: ids by item id, shape (N + 1,) or (N + 1, M); 0 is padding.

    Returns:
        Sparse, shape (N + 1, values' ids); zeros for items without values.
    """
    distinct = distinct_values(values)
    item, place = np.nonzero(distinct)
    weights = 1 / (distinct > 0).sum(axis=1)[item]
    return csr_array((weights, (item, distinct[item, place])), shape=(len(distinct), int(distinct.max(initial=0)) + 1))


def miscalibration(history: np.ndarray, items: np.ndarray, weights: csr_array, alpha: float = 0.01) -> np.ndarray:
    """KL divergence of the category shares of a list from those of the history, in nats; 0 for the same shares.

    ``sum_g p(g) log(p(g) / q'(g))`` with ``q' = (1 - alpha) q + alpha p``, p and q the mean p(g | i) of history and
    list. Source: Steck, RecSys '18, section 3 (without weights for time and rank).

    Args:
        history: item ids, 0 at padding, shape (B, L).
        items: lists of k items by id, shape (B, k); 0 for none.
        weights: of :func:`category_weights`.
        alpha: keeps it finite where the list lacks a category. Defaults to .01.

    Returns:
        Shape (B,), in [0, -log alpha]; NaN where no click or no item of the list has a category.
    """
    found = np.zeros(len(history))
    step = rows_at_once(weights.shape[1], tables=4)
    for begin in range(0, len(history), step):
        some = slice(begin, begin + step)
        p, q = _shares(history[some], weights), _shares(items[some], weights)
        found[some] = rel_entr(p, (1 - alpha) * q + alpha * p).sum(axis=1)
    return found


def _covered(wanted: np.ndarray, had: np.ndarray, kinds: int) -> np.ndarray:
    """Share of the kinds in each row of ``wanted`` that are in the same row of ``had``; labels, -1 for none."""
    rows = np.arange(len(wanted))[:, None]
    present = np.zeros((2, len(wanted), kinds + 1), bool)
    present[0, rows, wanted] = present[1, rows, had] = True  # -1 is the last column
    wants, has = present[:, :, :-1]
    count = wants.sum(axis=1)
    return np.where(count > 0, (wants & has).sum(axis=1) / np.maximum(count, 1), np.nan)


def _pairwise_jaccard(values: np.ndarray) -> np.ndarray:
    """Mean Jaccard similarity of pairs of sets: distinct ids (B, k, M), 0 for none; (B,), NaN without a pair."""
    size = (values > 0).sum(axis=2)
    same = (values[:, :, None, :, None] == values[:, None, :, None, :]) & (values > 0)[:, :, None, :, None]
    common = same.sum(axis=(3, 4))
    union = size[:, :, None] + size[:, None, :] - common
    pairs = np.triu(np.ones(common.shape[1:], bool), 1) & (size > 0)[:, :, None] & (size > 0)[:, None, :]
    count = pairs.sum(axis=(1, 2))
    total = np.where(pairs, common / np.maximum(union, 1), 0).sum(axis=(1, 2))
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _shares(items: np.ndarray, weights: csr_array) -> np.ndarray:
    """The mean p(g | i) of each row's items that have values, shape (B, values' ids); NaN where none has."""
    rows = np.repeat(np.arange(len(items)), items.shape[1])
    chosen = csr_array((np.ones(items.size), (rows, items.ravel())), shape=(len(items), weights.shape[0]))
    total = (chosen @ weights).toarray()
    count = total.sum(axis=1, keepdims=True)
    return total / np.where(count > 0, count, np.nan)
