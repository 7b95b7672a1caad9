"""Times in words."""

import numpy as np
import pytest

from recbole_iacn.data.moments import are_places, day_in_words, in_words


@pytest.mark.parametrize(
    "time, words",
    [
        (0, "1970-01-01 00:00:00"),
        (881_250_949, "1997-12-04 15:55:49"),
        (1_546_398_245.25, "2019-01-02 03:04:05.25"),
        (1_546_398_245.9999999, "2019-01-02 03:04:06"),
        (-1.5, "1969-12-31 23:59:58.5"),
        (1e15, "1000000000000000.000000 s"),
    ],
)
def test_times_are_exact_to_the_microsecond(time, words):
    assert in_words(time) == words
    assert day_in_words(time) == words.split(" ")[0]


def test_places_are_small():
    assert are_places(np.array([0, 1, 35.0])) and not are_places(np.array([0, 1, 881_250_949.0]))
    assert not are_places(np.array([]))
