"""Lists of recommended items, beside the history that they come from."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from recbole_iacn.interests.grouping import Grouping


def interest_coverage(grouping: Grouping, items: np.ndarray) -> np.ndarray:
    """IC@k: share of a user's groups with clicks that have at least one item in the list.

    Subtopic recall (Zhai, Cohen and Lafferty, SIGIR '03, section 4) with the user's groups for subtopics. Wu et al.
    (GPR4DUR), NeurIPS '24, take categories instead: :func:`category_coverage`, which favours no model's own groups.

    Args:
        grouping: B histories.
        items: lists of k items by id, shape (B, k); 0 for none.

    Returns:
        Shape (B,), in [0, 1]; NaN for an empty history, a user without groups, or an empty list.
    """


def category_coverage(history: np.ndarray, items: np.ndarray, of_items: np.ndarray) -> np.ndarray:
    """IC@k by categories: share of the categories of a user's clicks that have at least one item in the list.

    Source: Wu et al. (GPR4DUR), NeurIPS '24 (IC@k); Zhai, Cohen and Lafferty, SIGIR '03, section 4 (subtopic recall).

    Args:
        history: item ids, 0 at padding, shape (B, L).
        items: lists of k items by id, shape (B, k); 0 for none.
        of_items: category by item id, shape (N + 1,); -1 for none.

    Returns:
        Shape (B,), in [0, 1]; NaN where no click has a category or the list is empty.
    """


def vector_diversity(items: np.ndarray, plain: np.ndarray) -> np.ndarray:
    """Intra-list diversity by vectors: one minus the mean cosine of all pairs of a list.

    Source: Ziegler et al., WWW '05, definition 1, as the mean distance of Castells, Hurley and Vargas (Recommender
    Systems Handbook, 2015). Vectors that a model was trained with favour it: compare models by
    :func:`category_diversity`.

    Args:
        items: lists of k items by id, shape (B, k); 0 for none.
        plain: item vectors by id, shape (N + 1, D).

    Returns:
        Shape (B,), in [0, 2]; NaN for lists of fewer than two items.
    """


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


def category_weights(values: np.ndarray) -> csr_array:
    """p(g | i): each of an item's n values has the weight 1 / n.

    Source: Steck, RecSys '18, section 3.

    Args:
        values: ids by item id, shape (N + 1,) or (N + 1, M); 0 is padding.

    Returns:
        Sparse, shape (N + 1, values' ids); zeros for items without values.
    """


def miscalibration(history: np.ndarray, items: np.ndarray, weights: csr_array, alpha: float = 0.01) -> np.ndarray:
    """KL divergence of the category shares of a list from those of the history, in nats; 0 for the same shares.

    ``sum_g p(g) log(p(g) / q'(g))`` with ``q' = (1 - alpha) q + alpha p``, p and q the mean p(g | i) of history and
    list. Source: Steck, RecSys '18, equations 2, 3, 6 and 7 (without weights for time and rank).

    Args:
        history: item ids, 0 at padding, shape (B, L).
        items: lists of k items by id, shape (B, k); 0 for none.
        weights: of :func:`category_weights`.
        alpha: keeps it finite where the list lacks a category. Defaults to .01.

    Returns:
        Shape (B,), in [0, -log alpha]; NaN where no click or no item of the list has a category.
    """
