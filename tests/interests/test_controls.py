"""Divisions and lists that know nothing of a model's interests."""

import warnings

import numpy as np
import pytest

from recbole_iacn.interests import controls
from recbole_iacn.interests.controls import by_chance, by_k_means, random_lists
from recbole_iacn.interests.grouping import Grouping


@pytest.fixture
def soft():
    """Three users with 5, 1 and 0 clicks, and couplings that are not 0 or 1."""
    rng = np.random.default_rng(6)
    history = np.array([[3, 1, 4, 1, 5, 0], [2, 0, 0, 0, 0, 0], [0] * 6])
    couplings = rng.dirichlet(np.ones(3), (3, 6)) * (history > 0)[..., None]
    plain = rng.normal(size=(6, 4))
    plain[0] = 0
    return Grouping(
        history, couplings, (history > 0)[:, :3], rng.normal(size=(3, 3, 2)), rng.normal(size=(6, 2))
    ), plain


def test_chance_permutes_the_couplings_of_each_user(soft):
    grouping, plain = soft
    chance = by_chance(grouping, plain, seed=1)
    assert (chance.couplings != grouping.couplings).any()
    for user, clicks in enumerate((5, 1, 0)):
        before, after = grouping.couplings[user, :clicks], chance.couplings[user, :clicks]
        assert sorted(map(tuple, before)) == sorted(map(tuple, after))
        assert not chance.couplings[user, clicks:].any()
    np.testing.assert_allclose(chance.shares, grouping.shares)
    np.testing.assert_array_equal(chance.active, grouping.active)
    np.testing.assert_array_equal(by_chance(grouping, plain, seed=1).couplings, chance.couplings)
    assert (by_chance(grouping, plain, seed=2).couplings != chance.couplings).any()


def test_every_order_is_equally_likely():
    """The first click's couplings come to each of three places in a third of 3000 users; standard error .009."""
    couplings = np.tile(np.eye(3), (3000, 1, 1))
    history = np.ones((3000, 3), int)
    grouping = Grouping(history, couplings, np.ones((3000, 3), bool), np.zeros((3000, 3, 2)), np.zeros((2, 2)))
    chance = by_chance(grouping, np.ones((2, 2)), seed=0)
    np.testing.assert_allclose(chance.couplings.mean(axis=0), 1 / 3, atol=0.04)


def test_vectors_of_chance_are_means_of_clicks(soft):
    grouping, plain = soft
    chance = by_chance(grouping, plain, seed=1)
    unit = plain[1:] / np.linalg.norm(plain[1:], axis=1, keepdims=True)
    np.testing.assert_allclose(chance.item_vectors[1:], unit)
    mean = sum(chance.couplings[0, place, 2] * unit[item - 1] for place, item in enumerate([3, 1, 4, 1, 5]))
    np.testing.assert_allclose(chance.vectors[0, 2], mean / np.linalg.norm(mean))
    assert not chance.item_vectors[0].any() and not chance.vectors[2].any()


def test_k_means_of_two_bundles():
    """Items 1, 2 point right, 3, 4 up, of any length; 5 is no click. The centroid of 1 and 2 lies between them."""
    plain = np.array([[0, 0], [1, 0], [9, 0.9], [0, 5], [0.01, 0.1], [1, 1]])
    history = np.array([[1, 3, 2, 4, 0], [1, 1, 3, 0, 0], [1, 1, 0, 0, 0], [0] * 5, [3, 1, 0, 0, 0]])
    found = by_k_means(history, np.array([2, 3, 2, 2, 0]), plain, seed=0)
    first, second = found.belongs[0, [0, 1]]
    assert first != second and found.belongs[0].tolist() == [first, second, first, second, -1]
    assert found.active.sum(axis=1).tolist() == [2, 2, 1, 0, 0]  # no more than distinct items; none without clicks
    one, other = found.belongs[1, [0, 2]]
    assert one != other and found.belongs[1, 1] == one
    between = np.array([1, 0]) + np.array([9, 0.9]) / np.hypot(9, 0.9)
    np.testing.assert_allclose(found.vectors[0, first], between / np.linalg.norm(between))
    # An item is of the group whose centroid is nearest.
    distance = np.linalg.norm(found.vectors[0][:, None] - found.item_vectors[1:], axis=2)[:2]
    assert found.of_items(np.array([[1, 2, 3, 4, 5]] * 5))[0].tolist() == distance.argmin(axis=0).tolist()
    assert (found.couplings.sum(axis=2) <= 1).all()


def test_a_users_clusters_do_not_depend_on_the_others():
    """Points without clusters, which other starts divide otherwise."""
    rng = np.random.default_rng(4)
    plain = rng.normal(size=(41, 6)).astype(np.float32)
    history = np.stack([rng.permutation(40)[:24] + 1 for _ in range(6)])
    counts = np.full(6, 4)
    together = by_k_means(history, counts, plain, seed=3).belongs
    backwards = by_k_means(history[::-1], counts, plain, seed=3).belongs[::-1]
    np.testing.assert_array_equal(together, backwards)


def test_equal_vectors_are_one_cluster_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = by_k_means(np.array([[1, 2, 3]]), np.array([3]), np.ones((4, 2)), seed=0)
    assert found.belongs.tolist() == [[0, 0, 0]] and found.active.tolist() == [[True, False, False]]


def test_lists_at_random(monkeypatch):
    history = np.array([[1, 2, 0], [0, 0, 0]] * 2000)
    lists = random_lists(history, items=6, k=4, seed=0)
    assert all(len(set(row)) == 4 for row in lists[:50].tolist())
    of_first = lists[::2]
    assert set(np.unique(of_first)) == {3, 4, 5, 6}  # the only ones left
    share = (lists[1::2][:, :, None] == np.arange(1, 7)).any(axis=1).mean(axis=0)
    np.testing.assert_allclose(share, 4 / 6, atol=0.05)  # standard error .011
    np.testing.assert_array_equal(random_lists(history, 6, 4, 0), lists)
    monkeypatch.setattr(controls, "rows_at_once", lambda *given, **more: 7)
    assert (random_lists(history, 6, 4, 0)[::2] > 2).all()


def test_fewer_items_than_a_list_has():
    lists = random_lists(np.array([[1, 2], [0, 0]]), items=3, k=5, seed=0)
    assert sorted(lists[0].tolist()) == [0, 0, 0, 0, 3] and sorted(lists[1].tolist()) == [0, 0, 1, 2, 3]
