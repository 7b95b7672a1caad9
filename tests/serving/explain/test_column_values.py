"""Lift and chance, computed by hand and by SciPy."""

from math import comb

import numpy as np
import pytest
from scipy import stats

from recbole_iacn.serving.explain.column_values import ColumnValues, corrected

# Ten items, ids from 1. Four are red, of which 1, 2 and 3 are looked at; tags are lists.
COLOURS = [[], ["red"], ["red"], ["red"], ["red"], *([["blue"]] * 5), []]
TAGS = [[], ["new", "new"], ["new", "big"], ["big"], [], ["new"], ["alone"], [], [], [], []]


def test_by_hand():
    values = ColumnValues.of({"colour": COLOURS, "tags": TAGS})
    assert sorted(values.names) == [("colour", "blue"), ("colour", "red"), ("tags", "big"), ("tags", "new")]
    red, big, new = values.over_represented(np.array([1, 2, 3]))
    assert (red.column, red.value, red.count, red.among, red.share) == ("colour", "red", 3, 3, 0.4)
    assert red.lift == pytest.approx(1 / 0.4)
    # Three of four red ones, of all ways to draw three of ten; two of two big ones; two or three of three new ones.
    p_red = comb(4, 3) / comb(10, 3)
    p_big = comb(2, 2) * 8 / comb(10, 3)
    p_new = (comb(3, 2) * 7 + 1) / comb(10, 3)
    assert p_red < p_big < p_new
    # Of four tests, blue's has probability 1: none of the items is.
    wanted = [min(4 * p_red, 2 * p_big, 4 / 3 * p_new), min(2 * p_big, 4 / 3 * p_new), 4 / 3 * p_new]
    assert [red.p, big.p, new.p] == pytest.approx(wanted)
    assert (big.lift, new.lift) == (pytest.approx((2 / 3) / 0.2), pytest.approx((2 / 3) / 0.3))


def test_what_is_rarer_than_in_all_is_not_listed():
    values = ColumnValues.of({"colour": COLOURS})
    found = values.over_represented(np.array([1, 2, 5, 6, 7, 8]))
    assert [value.value for value in found] == ["blue"]  # 4 of 6 rather than 5 of 10; red has 2 of 6 rather than 4


def test_a_value_of_one_of_the_items_alone_is_not_listed():
    values = ColumnValues.of({"tags": TAGS})
    found = values.over_represented(np.array([3, 4]))  # one of two is big, of ten two are
    assert not found


def test_every_item_its_own_value_says_nothing():
    values = ColumnValues.of({"author": [[], *([f"a{item}"] for item in range(10))]})
    assert not values.names and values.over_represented(np.array([1, 2])) == ()
    assert ColumnValues.of({}).over_represented(np.array([0])) == ()


def test_chance_finds_nothing():
    """Sets drawn at random have a significant value in about one of twenty cases at the most."""
    rng = np.random.default_rng(0)
    values = ColumnValues.of({"c": [[], *([f"v{v}"] for v in rng.integers(12, size=600))]})
    sets = [rng.permutation(600)[:20] + 1 for _ in range(400)]
    wrong = np.mean([any(value.p < 0.05 for value in values.over_represented(some)) for some in sets])
    assert wrong < 0.05


def test_correction_is_scipys():
    rng = np.random.default_rng(0)
    p = np.r_[rng.random(5) ** 4, rng.random(20)]
    wanted = stats.false_discovery_control(np.r_[p, np.ones(75)])
    np.testing.assert_allclose(corrected(p, 100), wanted[:25])
