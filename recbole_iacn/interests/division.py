"""A model's division of histories with its lists, and those of the controls beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from recbole_iacn.interests.controls import by_chance, by_k_means, random_lists
from recbole_iacn.interests.grouping import Grouping
from recbole_iacn.interests.model_answers import Plain, grouping_of, lists_of
from recbole_iacn.interests.nearest import retrieved_items

if TYPE_CHECKING:
    from recbole_iacn.interests.test_rows import TestRows
    from recbole_iacn.serving.recommender import Recommender

MODEL, CHANCE, K_MEANS, K_MEANS_ID, K_MEANS_OWN = "model", "chance", "k_means", "k_means_id", "k_means_own"
ALL_K_MEANS = (K_MEANS, K_MEANS_ID, K_MEANS_OWN)


@dataclass(frozen=True)
class Division:
    """Histories divided into groups, and the lists that go with the groups.

    Attributes:
        grouping: B histories.
        lists: item ids, the best first, shape (B, k); 0 where there are fewer.
    """

    grouping: Grouping
    lists: np.ndarray


def divisions_of(
    recommender: Recommender, test: TestRows, plain: dict[str, Plain], k: int = 10, seed: int = 0
) -> dict[str, Division]:
    """The model's division, and the controls'.

    - ``chance``: the model's couplings, permuted among each user's clicks, and lists of random items.
    - ``k_means``, and for click models ``k_means_id`` and ``k_means_own``: as many clusters of a user's clicks as the
      user has interests, in an embedding of the same model, and the items nearest to any of the centroids.

    Args:
        recommender: the model.
        test: B rows.
        plain: of :func:`recbole_iacn.interests.model_answers.plain_embeddings`.
        k: items of a list. Defaults to 10.
        seed: of the controls. Defaults to 0.

    Returns:
        dict: ``model`` first.

    Raises:
        ConfigError: the model has no interests.
    """
    own = grouping_of(recommender, test)
    found = {MODEL: Division(own, lists_of(recommender, test, k))}
    chance = by_chance(own, plain[K_MEANS].vectors, seed)
    found[CHANCE] = Division(chance, random_lists(test.history, len(own.item_vectors) - 1, k, seed))
    for name, one in plain.items():
        clusters = by_k_means(test.history, own.active.sum(axis=1), one.vectors, seed)
        found[name] = Division(clusters, retrieved_items(clusters, k))
    return found
