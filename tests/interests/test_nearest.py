"""Nearest items: against a full sort, and on planted interests."""

import numpy as np

from recbole_iacn.interests import nearest
from recbole_iacn.interests.controls import by_chance
from recbole_iacn.interests.grouping import Grouping
from recbole_iacn.interests.nearest import nearest_items, neighbour_purity, retrieved_items


def some_grouping(users=5, groups=3, items=30):
    rng = np.random.default_rng(3)
    history = rng.integers(1, items + 1, (users, 6))
    history[1:, 4:] = 0
    history[-1] = 0
    active = np.ones((users, groups), bool)
    active[1, 2] = active[-1] = False
    couplings = np.zeros((users, 6, groups))
    vectors, of_items = rng.normal(size=(users, groups, 4)), rng.normal(size=(items + 1, 4))
    of_items[0] = 100  # what padding has must not matter
    return Grouping(history, couplings, active, vectors, of_items)


def sorted_items(scores, history, n):
    return [item for item in np.argsort(-scores) if item > 0 and item not in history][:n]


def test_the_nearest_items_of_groups_without_the_clicks(monkeypatch):
    grouping = some_grouping()
    found = nearest_items(grouping, 7)
    for user in range(5):
        for group in range(3):
            scores = grouping.item_vectors @ grouping.vectors[user, group]
            wanted = sorted_items(scores, grouping.history[user], 7) if grouping.active[user, group] else [0] * 7
            assert found[user, group].tolist() == wanted
    monkeypatch.setattr(nearest, "rows_at_once", lambda *given, **more: 2)  # blocks of two users
    np.testing.assert_array_equal(nearest_items(grouping, 7), found)


def test_lists_by_the_best_group():
    grouping = some_grouping()
    found = retrieved_items(grouping, 4)
    for user in range(4):
        of_groups = grouping.vectors[user, grouping.active[user]] @ grouping.item_vectors.T
        assert found[user].tolist() == sorted_items(of_groups.max(axis=0), grouping.history[user], 4)
    assert found[4].tolist() == [0] * 4  # without groups


def test_more_than_there_are():
    grouping = some_grouping(items=6)
    found = nearest_items(grouping, 9)
    for user in range(4):
        there = 6 - len(set(grouping.history[user]) - {0})
        assert (found[user, 0] > 0).sum() == there and not found[user, 0, there:].any()
    assert retrieved_items(grouping, 9).shape == (5, 9)


def test_purity_of_neighbours():
    """Group 0 = (1, 0) is near items 1, 2, 3 of categories 0, 0, 1: 2/3. Group 1 is near items 4, 5, 6; 6 has none, so
    1. The mean is 5/6; with one near item each it is 1."""
    items = np.array([[0, 0], [9, 0], [8, 0], [7, 0], [0, 9], [0, 8], [0, 7], [0, 0]], float)
    of_items = np.array([-1, 0, 0, 1, 2, 2, -1, 0])
    active = np.array([[True, True], [True, False], [False, False]])
    history = np.zeros((3, 2), int)
    grouping = Grouping(history, np.zeros((3, 2, 2)), active, np.tile(np.eye(2), (3, 1, 1)), items)
    found = neighbour_purity(grouping, of_items, n=3)
    np.testing.assert_allclose(found, [5 / 6, 2 / 3, np.nan])
    np.testing.assert_allclose(neighbour_purity(grouping, of_items, n=1), [1, 1, np.nan])
    assert np.isnan(neighbour_purity(grouping, np.full(8, -1), n=3)).all()


def test_neighbours_of_planted_interests(planted):
    """A cluster has 40 items, of which a user has clicked at most 20. By chance some groups lie between clusters; most
    are nearest to that of most of their clicks, so the mean is high all the same."""
    assert (neighbour_purity(planted.grouping, planted.categories.of_items) == 1).all()
    chance = by_chance(planted.grouping, planted.plain, seed=0)
    of_chance = neighbour_purity(chance, planted.categories.of_items)
    assert (of_chance < 1).mean() > 0.5 and (of_chance > 1 / 3).all()


def test_nobody():
    grouping = some_grouping()
    nobody = Grouping(
        *(of[:0] for of in (grouping.history, grouping.couplings, grouping.active, grouping.vectors)),
        grouping.item_vectors,
    )
    assert nearest_items(nobody, 3).shape == (0, 3, 3) and retrieved_items(nobody, 3).shape == (0, 3)
    assert neighbour_purity(nobody, np.zeros(31, int)).shape == (0,)
