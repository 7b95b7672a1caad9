"""An index finds the largest inner products: all of them exactly, or most of them fast."""

import sys

import numpy as np
import pytest

from recbole_iacn.errors import ConfigError
from recbole_iacn.serving.index import KINDS, VectorIndex

faiss = pytest.importorskip("faiss")


def clustered(count, size=16, clusters=40, seed=0):
    """Vectors around some centres, of different lengths, as item vectors are."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(clusters, size))
    vectors = centres[rng.integers(0, clusters, count)] + 0.5 * rng.normal(size=(count, size))
    return (vectors * rng.lognormal(0, 0.3, size=(count, 1))).astype(np.float32)


def best_by_numpy(vectors, queries, count, among=None):
    products = queries @ vectors.T
    if among is not None:
        products[:, np.setdiff1d(np.arange(len(vectors)), among)] = -np.inf
    order = np.argsort(-products, axis=1)[:, :count]
    return np.take_along_axis(products, order, axis=1), order


@pytest.mark.parametrize("kind", [None, "exact"])
def test_exact_finds_what_sorting_all_products_finds(kind):
    vectors, queries = clustered(500), clustered(7, seed=1)
    index = VectorIndex(vectors, kind)
    products, positions = index.search(queries, 20)
    expected, order = best_by_numpy(vectors, queries, 20)
    assert index.kind == "exact" and len(index) == 500 and index.size == 16
    np.testing.assert_array_equal(positions, order)
    np.testing.assert_allclose(products, expected, rtol=1e-5)


@pytest.mark.parametrize("kind", ["hnsw", "ivf"])
def test_the_others_find_most_of_it_and_report_its_products(kind):
    vectors, queries = clustered(20_000), clustered(30, seed=1)
    products, positions = VectorIndex(vectors, kind).search(queries, 50)
    _, order = best_by_numpy(vectors, queries, 50)
    found = np.mean([len(np.intersect1d(ours, exact)) / 50 for ours, exact in zip(positions, order)])
    assert found > 0.9
    of_positions = np.einsum("qd,qcd->qc", queries, vectors[positions])
    np.testing.assert_allclose(products, of_positions, rtol=1e-4, atol=1e-4)
    assert (np.diff(products, axis=1) <= 0).all()  # best first


@pytest.mark.parametrize(("kind", "option"), [("ivf", {"nprobe": 1}), ("hnsw", {"ef_search": 1})])
def test_a_wider_search_finds_more(kind, option):
    vectors, queries = clustered(20_000), clustered(30, seed=1)
    _, order = best_by_numpy(vectors, queries, 10)

    def recall(**options):
        _, positions = VectorIndex(vectors, kind, **options).search(queries, 10)
        return np.mean([len(np.intersect1d(ours, exact)) / 10 for ours, exact in zip(positions, order)])

    assert recall(**option) < recall() - 0.05


@pytest.mark.parametrize("kind", KINDS)
def test_all_vectors_can_be_asked_for(kind):
    """Clusters and links that a search usually leaves out are then visited."""
    vectors, queries = clustered(3_000), clustered(3, seed=1)
    _, positions = VectorIndex(vectors, kind).search(queries, 5_000)
    assert positions.shape == (3, 3_000)
    if kind != "hnsw":  # a graph may have nodes that no path reaches
        np.testing.assert_array_equal(np.sort(positions), np.tile(np.arange(3_000), (3, 1)))


@pytest.mark.parametrize("kind", KINDS)
def test_a_search_among_some_finds_these_only(kind):
    vectors, queries = clustered(3_000), clustered(4, seed=1)
    among = np.random.default_rng(0).permutation(3_000)[:100]
    _, positions = VectorIndex(vectors, kind).search(queries, 10, among)
    _, order = best_by_numpy(vectors, queries, 10, among)
    if kind != "hnsw":
        np.testing.assert_array_equal(positions, order)
    assert np.isin(positions[positions >= 0], among).all()
    products, positions = VectorIndex(vectors, kind).search(queries, 10, among[:3])
    assert (np.sort(positions)[:, -3:] == np.sort(among[:3])).all()
    assert (positions[:, 3:] == -1).all() and np.isneginf(products[:, 3:]).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [1, 2, 70])
def test_few_vectors_are_an_index_too(kind, count, capfd):
    _, positions = VectorIndex(clustered(count), kind).search(clustered(2, seed=1), 3)
    assert positions.shape == (2, min(3, count)) and (positions >= 0).all()
    assert capfd.readouterr() == ("", "")  # faiss warns of few vectors per cluster


@pytest.mark.parametrize("kind", KINDS)
def test_the_products_decide_not_the_angles(kind):
    vectors = np.array([[1.0, 0.0], [3.0, 3.0]], np.float32)
    _, positions = VectorIndex(vectors, kind).search([[1.0, 0.0]], 2)
    assert positions.tolist() == [[1, 0]]


def test_nothing_asked_nothing_found():
    index = VectorIndex(clustered(10))
    for queries, count in ((np.empty((0, 16)), 5), (clustered(2), 0)):
        assert [found.shape for found in index.search(queries, count)] == [(len(queries), min(count, 10))] * 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "flat"}, "index: must be one of exact, hnsw, ivf, got 'flat'"),
        ({"kind": "hsnw"}, "Did you mean 'hnsw'"),
        ({"nprobe": 0}, "nprobe: must be an integer of at least 1, got 0"),
        ({"ef_search": 2.5}, "ef_search: must be an integer of at least 1, got 2.5"),
        ({"vectors": np.zeros(4)}, r"vectors: must have shape \(N, D\) and at least one row, got \(4,\)"),
        ({"vectors": np.zeros((0, 4))}, r"at least one row, got \(0, 4\)"),
        ({"vectors": np.array([[1, np.nan], [1, 2], [np.inf, 1]])}, "vectors: 2 of 3 are not finite"),
    ],
)
def test_wrong_input_is_one_line(arguments, message):
    with pytest.raises(ConfigError, match=message) as error:
        VectorIndex(**{"vectors": clustered(10), **arguments})
    assert "\n" not in str(error.value)


def test_queries_of_another_size_are_rejected():
    with pytest.raises(ConfigError, match=r"queries: must have shape \(Q, 16\), got \(2, 8\)"):
        VectorIndex(clustered(10)).search(np.zeros((2, 8)), 3)


def test_without_faiss_the_message_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(ConfigError, match=r"^an index needs faiss: pip install 'recbole_iacn\[serve\]'$"):
        VectorIndex(clustered(10))
