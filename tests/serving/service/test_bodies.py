"""What bodies hold, after they are checked."""

import math

import pytest

pytest.importorskip("pydantic")
from recbole_iacn.serving.service.bodies import Recommend


def test_columns_of_users_hold_tokens_numbers_and_lists():
    users = {"age": [18, "25", 0.5], "likes": [["a", 3], []]}
    body = Recommend.model_validate({"histories": [["a"], []], "users": users})
    assert body.users == {"age": ["18", "25", 0.5], "likes": [["a", "3"], []]}


def test_times_that_numpy_cannot_hold_are_floats():
    times = [[-(2**63), 2**63 - 1, 2**63, 10**400, -(10**400)]]
    body = Recommend.model_validate({"histories": [["a"] * 5], "times": times})
    assert body.times == [[-(2**63), 2**63 - 1, 2.0**63, math.inf, -math.inf]]
    assert [type(time) for time in body.times[0]] == [int, int, float, float, float]
