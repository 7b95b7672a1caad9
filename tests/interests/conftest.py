"""Groupings whose answer is known; bundles of models with interests."""

from dataclasses import dataclass

import numpy as np
import pytest
from helpers import give_other_weights

import recbole_iacn
from recbole_iacn.data.synthetic import PlantedInterests
from recbole_iacn.interests.categories import Categories, main_categories
from recbole_iacn.interests.grouping import Grouping


@dataclass
class Planted:
    """Users whose clicks all lie in three of eight clusters, and the division by these."""

    history: np.ndarray
    categories: Categories
    grouping: Grouping
    plain: np.ndarray


@pytest.fixture(scope="session")
def planted():
    data = PlantedInterests(users=150, interests=3, events=20, noise=0)
    history = np.pad(data.clicks + 1, ((0, 0), (0, 2)))
    cluster = np.concatenate([[0], data.cluster + 1])  # id 0: padding
    categories = main_categories(cluster, np.array(["[PAD]", *(f"c{number}" for number in range(data.clusters))]))
    of_clicks = np.where(history > 0, cluster[history] - 1, -1)
    couplings = (of_clicks[:, :, None] == data.liked[:, None, :]).astype(np.float32)
    corners = np.eye(data.clusters, dtype=np.float32)
    of_items = np.concatenate([np.zeros((1, data.clusters), np.float32), corners[data.cluster]])
    grouping = Grouping(history, couplings, couplings.any(axis=1), corners[data.liked], of_items)
    noise = np.random.default_rng(0).normal(scale=0.1, size=of_items.shape).astype(np.float32)
    return Planted(history, categories, grouping, of_items + noise)


@pytest.fixture
def divided():
    """A grouping from labels of clicks: group k has the vector e_k; so has an item if it is of group k."""

    def make(history, belongs, items_of, active=None):
        history, belongs = np.array(history), np.array(belongs)
        groups = max(belongs.max(), max(items_of)) + 1
        couplings = (belongs[:, :, None] == np.arange(groups)).astype(np.float32)
        has = np.array(active) if active is not None else couplings.any(axis=1)
        corners = np.eye(groups, dtype=np.float32)
        vectors = np.tile(corners, (len(history), 1, 1)) * has[..., None]
        return Grouping(
            history, couplings, has, vectors, np.concatenate([np.zeros_like(corners[:1]), corners[items_of]])
        )

    return make


BUNDLED = {"MIND": {}, "DIN_IaCN": {"iacn_item_features": ["categories"]}, "YouTubeDNN": {}, "MIND again": {"seed": 8}}


@pytest.fixture(scope="session")
def bundles(settings_of, tmp_path_factory):
    """Paths of bundles on the tiny dataset, by the model's name, with random weights that scores feel; ``MIND again``
    differs in its seed and weights."""
    folder, found = tmp_path_factory.mktemp("bundles"), {}
    for name, changes in BUNDLED.items():
        training = recbole_iacn.build(name.split()[0], "tiny", config_dict=settings_of(**changes))
        if name != "MIND again":
            give_other_weights(training.model)
        found[name] = training.save(str(folder / name))
    return found
