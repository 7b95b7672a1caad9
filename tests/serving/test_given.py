"""What people pass in, as pandas, Polars and Arrow have it, becomes the tokens and times that were meant."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from recbole_iacn.data.catalogue import Catalogue, Column
from recbole_iacn.errors import ConfigError
from recbole_iacn.serving.given import Given, list_of, words

CLICKS = pd.DataFrame({"user_id": ["b", "a", "b"], "item_id": [7, 8, 9], "timestamp": [20, 10, 30]})


@pytest.fixture
def catalogue():
    tokens = {"user_id": ["[PAD]", "a", "b"], "item_id": ["[PAD]", "7", "8", "9"], "age": ["[PAD]", "24.0", "31.0"]}
    columns = {"user_id": Column("token", "user_id"), "item_id": Column("token", "item_id")}
    columns["age"] = Column("token", "user")
    return Catalogue("user_id", "item_id", columns, {n: np.array(t) for n, t in tokens.items()}, {}, {}, 5)


@pytest.fixture
def read(catalogue):
    return lambda histories, times=None, users=None: Given.read(histories, times, users, catalogue, "timestamp")


@pytest.mark.parametrize("kind", ["int64", "float64", "Int64", "Float64", "object", "category", "str"])
def test_numbers_are_tokens_however_pandas_keeps_them(read, kind):
    given = read(CLICKS.astype({"item_id": kind}))
    assert given.tokens == ["7", "9", "8"] and given.names.tolist() == ["b", "a"]
    assert given.times.tolist() == [20, 30, 10]


def test_whole_numbers_keep_their_fraction_where_the_data_have_it(catalogue):
    assert words([24.0, None, 31.0], "age", catalogue) == ["24.0", "", "31.0"]
    assert words([7.0, float("nan"), 2.5, pd.NA, "x"], "item_id", catalogue) == ["7", "", "2.5", "", "x"]


def test_cells_of_list_columns():
    cells = [["a", "b"], np.array(["a"]), "a b  c", "", None, float("nan"), 3]
    assert [list_of(cell, " ") for cell in cells] == [["a", "b"], ["a"], ["a", "b", "c"], [], [], [], [3]]


MOMENTS = pd.to_datetime([20.25, 10, 30], unit="s")


@pytest.mark.parametrize(
    "moments",
    [
        MOMENTS,
        MOMENTS.astype("datetime64[us]"),
        MOMENTS.tz_localize("UTC").tz_convert("Asia/Tokyo"),
        pd.Series([moment.to_pydatetime() for moment in MOMENTS], dtype=object),
    ],
    ids=["ns", "us", "zone", "python"],
)
def test_moments_are_seconds(read, moments):
    given = read(CLICKS.assign(timestamp=moments))
    assert given.times.tolist() == [20.25, 30, 10]


def test_moments_beside_lists(read):
    days = [dt.date(1970, 1, 2), dt.date(1970, 1, 3)]
    assert read([["7", "8"]], [days]).times.tolist() == [86400, 2 * 86400]
    far = np.array(["1970-01-01", "9999-12-31"], "datetime64[us]")  # beyond what nanoseconds reach
    assert read([["7", "8"]], [far]).times[1] == 253402214400
    assert read([["7", "8"]], np.array([[1, 2]])).times.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("times", "message"),
    [
        (pd.to_datetime([20, None, 30], unit="s"), "timestamp: must not be empty"),
        ([20, None, 30], "timestamp: must be finite numbers"),
        (["2020-01-01"] * 3, "got '2020-01-01'; pandas.to_datetime makes moments of text"),
        (["20", "x", "30"], "timestamp: must be numbers or moments, got 'x'"),
        (pd.to_timedelta([20, 10, 30], unit="s"), "timestamp: must be numbers or moments, got .*timedelta64"),
    ],
)
def test_times_that_are_none(read, times, message):
    with pytest.raises(ConfigError, match=message):
        read(CLICKS.assign(timestamp=times))


def test_columns_of_users_find_their_histories_by_name(read):
    """In a dict as in a table; the table of clicks names 'b' first."""
    users = {"user_id": ["a", "c", "b"], "age": ["24.0", "5", "31.0"]}
    for form in (users, pd.DataFrame(users)):
        given = read(CLICKS, users=form)
        assert given.names.tolist() == ["b", "a"] and given.columns["age"] == ["31.0", "24.0"]
        assert given.columns["user_id"] == ["b", "a"]


@pytest.mark.parametrize(
    ("users", "message"),
    [
        (["a", "b"], "users: the table of histories says who they are, in its column 'user_id'"),
        ({"user_id": ["a", "b"], "age": ["24.0"]}, "users: 2 of 'user_id' need as many values of 'age', got 1"),
        ({"age": "24"}, "users: 'age' must be a list with a value for each history, got '24'"),
        ({"age": 24}, "users: 'age' must be a list with a value for each history, got 24"),
        ({"age": {"24", "31"}}, "users: 'age' must be a list with a value for each history"),
        (pd.DataFrame([["1", "2"]] * 2, columns=["age", "age"]), "users: two columns of the table are called 'age'"),
    ],
)
def test_users_of_another_form(read, users, message):
    with pytest.raises(ConfigError, match=message):
        read(CLICKS, users=users)


def test_two_columns_of_one_name(read):
    with pytest.raises(ConfigError, match="histories: two columns of the table are called 'item_id'; leave one"):
        read(pd.concat([CLICKS, CLICKS[["item_id"]]], axis=1))
