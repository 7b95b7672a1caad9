"""Which column of items is read, and what is known of each item."""

import numpy as np

from recbole_iacn.serving.item_values import ItemValues, distinct_values


def test_values_count_once():
    assert distinct_values(np.array([[0, 0, 0], [4, 1, 4]])).tolist() == [[0, 0, 0], [1, 4, 0]]
    assert distinct_values(np.array([0, 3])).tolist() == [[0], [3]]


def test_items_without_a_value_are_counted():
    values = ItemValues("genres", np.array([[0, 0], [1, 2], [0, 0], [2, 2], [0, 0]]), np.array(["", "a", "b"]))
    assert values.without == 2 and values.distinct.tolist() == [[0, 0], [1, 2], [0, 0], [2, 0], [0, 0]]
