"""Values that are endless when every reference is followed are counted without following them."""

import pytest

from recbole_iacn.system.nested import Endless, check_size


def doubled(times):
    value = []
    for _ in range(times):
        value = [value, value]
    return value


def test_values_are_counted_as_often_as_they_are_referred_to():
    check_size(doubled(3), most=15)  # 1 + 2 * (1 + 2 * (1 + 2 * 1))
    with pytest.raises(Endless, match="more than 14 values"):
        check_size(doubled(3), most=14)
    with pytest.raises(Endless, match="more than 1,000,000 values"):
        check_size(doubled(60))


def test_depth_and_circles():
    deep = []
    for _ in range(99):
        deep = {"a": deep}
    check_size(deep)
    with pytest.raises(Endless, match="within each other"):
        check_size((deep,))
    circle = {}
    circle["a"] = [circle]
    with pytest.raises(Endless, match="contains itself"):
        check_size(circle)
    shared = [1]
    check_size([shared, {"a": shared}])
