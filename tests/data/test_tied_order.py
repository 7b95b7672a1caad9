"""Clicks of one moment in the order of the items' tokens: counted as one pair at a time would be, and said once."""

import logging

import numpy as np
import pytest

from recbole_iacn.data.tied_order import TiedOrder, tied_order, token_places


def one_by_one(users, items, times, place):
    """The same, a pair at a time."""
    tied, others = [], []
    for row in range(1, len(users)):
        if users[row] == users[row - 1] and items[row] != items[row - 1]:
            (tied if times[row] == times[row - 1] else others).append(place[items[row]] > place[items[row - 1]])
    return len(tied), np.mean(tied), np.mean(others)


def test_pairs_are_counted_within_users_and_moments():
    rng = np.random.default_rng(0)
    users = np.sort(rng.integers(1, 30, 2000))
    times = np.where(rng.random(2000) < 0.5, 0.0, 0.25).cumsum()
    items, place = rng.integers(1, 9, 2000), rng.permutation(9)
    found = tied_order(users, items, times, place)
    assert found.pairs > 300
    np.testing.assert_allclose(found, one_by_one(users, items, times, place))


def test_whole_numbers_are_sorted_as_numbers_and_text_as_text():
    assert token_places(np.array(["[PAD]", "10", "9", "-1"])).tolist() == [0, 3, 2, 1]
    assert token_places(np.array(["[PAD]", "b10", "b9", "a"])).tolist() == [0, 2, 3, 1]
    assert token_places(np.array(["[PAD]", "9" * 30, "1"])).tolist() == [0, 2, 1]


@pytest.mark.parametrize(
    ("count", "rising", "others", "ordered"),
    [
        (1000, 0.9, 0.5, True),
        (1000, 0.1, 0.5, True),
        (999, 0.9, 0.5, False),  # too few to know a share by
        (1000, 0.89, 0.5, False),
        (1000, 0.11, 0.5, False),
        (1000, 0.95, 0.8, False),  # tokens are numbered in the order of time, as of news
        (1000, 0.95, float("nan"), True),  # there is nothing but ties
    ],
)
def test_the_share_of_rising_pairs_decides(count, rising, others, ordered):
    assert TiedOrder(count, rising, others).is_ordered == ordered


@pytest.fixture
def said(build, data_path, caplog):
    """What is said of 200 users with twelve clicks in three moments."""

    def read(name, sort, model="YouTubeDNN", **changes):
        rng, rows = np.random.default_rng(0), ["user_id:token\titem_id:token\ttimestamp:float\tlabel:float"]
        for user in range(200):
            for moment in range(3):
                items = rng.choice(np.arange(1, 40), 4, replace=False)
                rows += [f"{user}\t{item}\t{1_400_000_000 + moment}\t{item % 2}" for item in sort(items)]
        (data_path / name).mkdir(exist_ok=True)
        (data_path / name / f"{name}.inter").write_text("\n".join(rows) + "\n")
        load = {
            "load_col": {"inter": ["user_id", "item_id", "timestamp"]},
            "mlp_hidden_size": ...,
            "eval_negatives": 20,
        }
        caplog.clear()
        with caplog.at_level(logging.WARNING, logger="recbole_iacn"):
            build(model, name, **{**load, **changes})
        return [one.getMessage() for one in caplog.records if "before them" in one.getMessage()]

    return read


def test_it_is_said_once_of_a_file_that_has_sorted_them(said):
    line = (
        "timestamp: 1,800 clicks have the time of the user's click before them, and in 100.0% of these pairs item_id "
        "goes {}: the file has put them in that order, which a model that sees the order learns to foresee "
        "(docs/protocols.md)"
    )
    assert said("tied_up", np.sort) == [line.format("up")]
    assert said("tied_down", lambda items: -np.sort(-items)) == [line.format("down")]
    assert len(said("tied_mostly_down", lambda items: -np.sort(-items) if items[0] > 3 else np.sort(items))) == 1
    assert said("tied_random", lambda items: items) == []
    noisy = [8, 3, 1, 2]  # goes down twice of three times
    assert said("tied_noisy", lambda items: np.sort(items)[np.argsort(noisy)]) == []


def test_nothing_is_said_of_labels_whose_histories_hold_earlier_moments_alone(said):
    shown = {"load_col": {"inter": ["user_id", "item_id", "timestamp", "label"]}, "protocol": "impressions_by_time"}
    shown["time_shares"] = [0.34, 0.33, 0.33]
    assert said("tied_shown", np.sort, "WideDeep_IaCN", **shown, eval_negatives=..., mlp_hidden_size=[8]) == []
