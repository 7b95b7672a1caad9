"""What is said about times: nothing of real ones and of places, one notice of those that cannot be seconds."""

import numpy as np
import pytest

from recbole_iacn.data import times


def seconds(low, count=100, step=86_400.0):
    return low + step * np.arange(count)


@pytest.mark.parametrize(
    ("values", "places"),
    [
        (np.arange(50.0), True),
        (np.arange(1, 51.0), True),
        (np.tile(np.arange(5.0), 10), True),  # places in each user's history
        (np.arange(50.0) + 0.5, False),
        (np.arange(50.0) * 2, False),
        (18_000 + np.arange(50.0), False),
        (seconds(1.6e9), False),
        (np.zeros(0), False),
        (np.array([1.0]), True),
    ],
)
def test_places_are_integers_without_gaps_at_their_end(values, places):
    assert times.are_places(values) is places
    if places:
        assert times.notice(values, "day") is None


def test_nothing_is_said_of_real_times():
    for values in (seconds(8.7e8), seconds(1.6e9), seconds(-1e9), seconds(0, 10) + 31_536_000):
        assert times.notice(values, "day") is None


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            seconds(1.6e12),
            "100 of 100 are after 2100 (1600000000000 to 1600008553600); as milliseconds they make sense.",
        ),
        (seconds(1.6e15), "as microseconds they make sense."),
        ((1_600_000_000_000_000_000 + np.arange(100)), "as nanoseconds they make sense."),
        (
            np.r_[seconds(1.6e9), 1.6e12],
            "1 of 101 are after 2100 (1600000000 to 1600000000000); are they all in one unit?",
        ),
        (
            18_000 + np.arange(100.0),
            "100 of 100 times are in 1970 (18000 to 18099); perhaps they count from another start, or are",
        ),
        (
            np.r_[seconds(1.6e9), 0, 0],
            "2 of 102 times are in 1970 (0 to 1608553600); 0 often stands for an unknown time.",
        ),
    ],
)
def test_times_that_cannot_be_seconds_get_one_notice(values, message):
    said = times.notice(values, "day")
    assert said.startswith("day: read as seconds, ") and message in said
    assert said.endswith("in any unit; models of intervals count them as seconds; nothing else reads the unit.")
    assert "\n" not in said


def test_a_unit_is_named_only_where_all_times_have_it():
    milliseconds = 1_650_000_000_000 + np.arange(3)
    assert "as milliseconds they make sense" in times.notice(milliseconds, "time")
    assert "are they all in one unit?" in times.notice(np.append(milliseconds, 1_650_000_000), "time")
