"""What a grouping says of clicks and items."""

import numpy as np

from recbole_iacn.interests.grouping import Grouping

HISTORY = np.array([[3, 1, 0], [0, 0, 0]])
COUPLINGS = np.array([[[0.9, 0.1], [0.3, 0.7], [0, 0]], [[0, 0], [0, 0], [0, 0]]])
VECTORS = np.array([[[1.0, 0], [0, 2.0]], [[0, 0], [0, 0]]])
ITEMS = np.array([[9.0, 9], [1, 0], [0, 1], [1, 1]])


def grouping(active=((True, True), (False, False))):
    return Grouping(HISTORY, COUPLINGS, np.array(active), VECTORS, ITEMS)


def test_a_click_belongs_to_its_largest_coupling_and_padding_to_none():
    assert grouping().belongs.tolist() == [[0, 1, -1], [-1, -1, -1]]


def test_shares_are_means_over_clicks():
    np.testing.assert_allclose(grouping().shares, [[0.6, 0.4], [0, 0]])


def test_an_item_belongs_to_the_group_with_the_largest_product():
    """Item 3 = (1, 1) has products 1 and 2; of user 0's first group alone it is the first."""
    items = np.array([[1, 2, 3, 0], [1, 2, 3, 0]])
    assert grouping().of_items(items).tolist() == [[0, 1, 1, -1], [-1, -1, -1, -1]]
    assert grouping(((True, False), (False, False))).of_items(items)[0].tolist() == [0, 0, 0, -1]
