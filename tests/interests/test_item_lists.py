"""Lists beside their histories, by hand."""

import numpy as np
import pytest

from recbole_iacn.interests import item_lists
from recbole_iacn.interests.item_lists import (
    category_coverage,
    category_diversity,
    category_weights,
    interest_coverage,
    miscalibration,
    vector_diversity,
)

HISTORY = np.array([[1, 2, 3, 0], [1, 1, 0, 0], [0, 0, 0, 0]])
# Items 1 to 6; categories 1, 2, 3 by id. Item 6 has none.
VALUES = np.array([[0, 0], [1, 0], [1, 2], [2, 0], [3, 0], [3, 1], [0, 0]])


def test_coverage_of_groups(divided):
    """User 0's clicks are of groups 0 and 1; group 2 has none, so it need not be covered. Items 1 and 4 are of group 0,
    2 and 5 of group 1, 3 and 6 of group 2."""
    grouping = divided(HISTORY, [[0, 1, 1, -1], [0, 0, -1, -1], [-1] * 4], [0, 1, 2, 0, 1, 2], [[True] * 3] * 3)
    lists = [[4, 5], [4, 1], [5, 6], [6, 3], [0, 0]]
    found = [interest_coverage(grouping, np.array([items] * 3))[:2].tolist() for items in lists[:-1]]
    assert found == [[1, 1], [0.5, 1], [0.5, 0], [0, 0]]
    assert np.isnan(interest_coverage(grouping, np.array([[4, 5]] * 3))[2])
    assert np.isnan(interest_coverage(grouping, np.array([lists[-1]] * 3))).all()


def test_a_user_without_groups_has_no_coverage(divided):
    grouping = divided(HISTORY, [[0, 1, 1, -1], [0, 0, -1, -1], [-1] * 4], [0, 1, 0, 0, 1, 0], [[False] * 2] * 3)
    assert np.isnan(interest_coverage(grouping, np.array([[4, 5]] * 3))).all()


def test_coverage_of_categories():
    """User 0 has clicked categories 0, 1 and 2: a list with 0 and one more covers 2/3."""
    of_items = np.array([-1, 0, 1, 2, 0, 1, -1])
    found = category_coverage(HISTORY, np.array([[4, 5], [5, 6], [4, 5]]), of_items)
    np.testing.assert_allclose(found, [2 / 3, 0, np.nan])
    np.testing.assert_allclose(category_coverage(HISTORY, np.array([[6], [4], [4]]), of_items), [0, 1, np.nan])
    assert np.isnan(category_coverage(HISTORY, np.zeros((3, 2), int), of_items)).all()


def test_diversity_by_vectors():
    """(1, 0), (2, 0), (0, 1): cosines 1, 0, 0, so 1 - 1/3."""
    plain = np.array([[5, 5], [1, 0], [2, 0], [0, 1]], np.float32)
    found = vector_diversity(np.array([[1, 2, 3], [1, 2, 0], [3, 0, 0]]), plain)
    np.testing.assert_allclose(found, [2 / 3, 0, np.nan], atol=1e-12)


def test_diversity_by_categories():
    """{1}, {1, 2}, {2}: Jaccard 1/2, 0, 1/2, so 1 - 1/3. Item 6 has no value: the pair {1}, {1, 2} is left, 1/2."""
    items = np.array([[1, 2, 3], [1, 6, 2], [6, 1, 0], [4, 4, 0]])
    wanted = [2 / 3, 1 / 2, np.nan, 0]
    np.testing.assert_allclose(category_diversity(items, VALUES), wanted)
    repeated = np.concatenate([VALUES, VALUES[:, :1]], axis=1)  # a value that is written twice counts once
    np.testing.assert_allclose(category_diversity(items, repeated), wanted)
    np.testing.assert_allclose(category_diversity(items[:, ::-1], VALUES), wanted)
    one = category_diversity(items, VALUES[:, 0])  # one value per item: 1, 1, 2 and so on
    np.testing.assert_allclose(one, [2 / 3, 0, np.nan, 0])


def test_weights_of_values():
    wanted = [[0, 0, 0, 0], [0, 1, 0, 0], [0, 0.5, 0.5, 0], [0, 0, 1, 0], [0, 0, 0, 1], [0, 0.5, 0, 0.5], [0, 0, 0, 0]]
    np.testing.assert_array_equal(category_weights(VALUES).toarray(), wanted)


def test_calibration(monkeypatch):
    """User 0 has clicked {1}, {1, 2}, {2}: p = (1/2, 1/2). A list of {1} and {2} has the same shares: 0. A list of {1}
    alone: q' = (.995, .005), so 1/2 log(.5 / .995) + 1/2 log(.5 / .005) = 1.9585. User 1, p = (1, 0, 0), and a list of
    {3}: q' has alpha of it, so -log .01. Item 6 does not count."""
    weights = category_weights(VALUES)
    found = miscalibration(HISTORY, np.array([[1, 3, 6], [4, 4, 0], [1, 1, 1]]), weights)
    np.testing.assert_allclose(found, [0, -np.log(0.01), np.nan], atol=1e-12)
    alone = miscalibration(HISTORY, np.array([[1, 6], [6, 0], [1, 1]]), weights)
    np.testing.assert_allclose(alone, [0.5 * np.log(0.5 / 0.995) + 0.5 * np.log(100), np.nan, np.nan])
    assert miscalibration(HISTORY, np.array([[4], [4], [4]]), weights, alpha=0.5)[1] == pytest.approx(np.log(2))
    monkeypatch.setattr(item_lists, "rows_at_once", lambda *given, **more: 2)  # blocks of two users
    np.testing.assert_array_equal(miscalibration(HISTORY, np.array([[1, 6], [6, 0], [1, 1]]), weights), alone)


def test_padding_changes_nothing(divided):
    wider, items = np.pad(HISTORY, ((0, 0), (0, 3))), np.array([[4, 5], [1, 6], [2, 3]])
    longer, weights = np.pad(items, ((0, 0), (0, 2))), category_weights(VALUES)
    of_items = np.array([-1, 0, 1, 2, 0, 1, -1])
    for one, other in [
        (miscalibration(HISTORY, items, weights), miscalibration(wider, longer, weights)),
        (category_coverage(HISTORY, items, of_items), category_coverage(wider, longer, of_items)),
        (category_diversity(items, VALUES), category_diversity(longer, VALUES)),
        (vector_diversity(items, np.eye(7)), vector_diversity(longer, np.eye(7))),
    ]:
        np.testing.assert_allclose(one, other)


def test_nobody():
    nobody, weights = np.zeros((0, 3), int), category_weights(VALUES)
    assert category_diversity(nobody, VALUES).shape == miscalibration(nobody, nobody, weights).shape == (0,)
    assert (
        vector_diversity(nobody, np.eye(7)).shape == category_coverage(nobody, nobody, np.zeros(7, int)).shape == (0,)
    )
