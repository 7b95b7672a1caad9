"""Places of items in the plane."""

import numpy as np
import pytest

from recbole_iacn.errors import ConfigError
from recbole_iacn.serving.page.item_map import MOST_BY_TSNE, item_map


def clusters(count=240, groups=4, size=12, seed=0):
    rng = np.random.default_rng(seed)
    kind = np.arange(count) % groups
    return (5 * rng.normal(size=(groups, size))[kind] + rng.normal(size=(count, size))).astype(np.float32), kind


def share_of_neighbours(places, kind, count=10):
    """How many of an item's nearest on the map are of its kind."""
    away = ((places[:, None] - places[None]) ** 2).sum(axis=2)
    np.fill_diagonal(away, np.inf)
    return (kind[away.argsort(axis=1)[:, :count]] == kind[:, None]).mean()


@pytest.mark.parametrize(("method", "word"), [("tsne", "t-SNE"), ("auto", "t-SNE"), ("pca", "principal components")])
def test_similar_items_lie_together(method, word):
    vectors, kind = clusters()
    found = item_map(vectors, method)
    assert found.method == word and found.places.shape == (240, 2)
    assert share_of_neighbours(found.places, kind) > 0.9


def test_directions_count_and_lengths_do_not():
    vectors, _ = clusters(80)
    longer = vectors * np.linspace(1, 9, 80)[:, None].astype(np.float32)
    np.testing.assert_allclose(item_map(vectors, "pca").places, item_map(longer, "pca").places, atol=1e-5)


def test_principal_components_are_those_of_the_covariance():
    vectors, _ = clusters(70)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    _, axes = np.linalg.eigh(np.cov(unit.T.astype(float)))
    expected = (unit - unit.mean(axis=0)) @ axes[:, ::-1][:, :2]
    found = item_map(vectors, "pca").places
    for axis in (0, 1):
        assert abs(np.corrcoef(found[:, axis], expected[:, axis])[0, 1]) > 0.99999
    assert np.ptp(found[:, 1]) / np.ptp(found[:, 0]) == pytest.approx(np.ptp(expected[:, 1]) / np.ptp(expected[:, 0]))


def test_places_fill_the_unit_square_in_one_scale():
    places = item_map(clusters()[0], "pca").places
    assert places.min() >= 0 and places.max() <= 1 and np.ptp(places, axis=0).max() == pytest.approx(1)


def test_the_map_is_the_same_again():
    vectors, _ = clusters(120)
    assert (item_map(vectors, "tsne").places == item_map(vectors, "tsne").places).all()


def test_many_items_go_by_principal_components():
    vectors = np.random.default_rng(0).normal(size=(MOST_BY_TSNE + 1, 3)).astype(np.float32)
    assert item_map(vectors).method == "principal components"


@pytest.mark.parametrize("count", [2, 3, 50])
def test_few_items_need_no_neighbours(count):
    """t-SNE has no 30 neighbours to look at."""
    found = item_map(np.eye(count, 4, dtype=np.float32) + 0.1, "tsne")
    assert found.method == "principal components" and np.isfinite(found.places).all()


def test_vectors_of_zeros_and_of_one_number():
    assert np.isfinite(item_map(np.zeros((5, 3), np.float32), "pca").places).all()
    assert np.isfinite(item_map(np.ones((5, 1), np.float32), "pca").places).all()


def test_no_map():
    assert item_map(clusters()[0], "none") is None and item_map(np.ones((1, 3))) is None


def test_an_unknown_method_is_named():
    with pytest.raises(ConfigError, match=r"map: must be one of auto, tsne, pca, none, got 'tsnee'.*tsne"):
        item_map(clusters()[0], "tsnee")
