"""The order of exact times, what is before a row, and where a split by time cuts."""

import numpy as np
import pandas as pd
import pytest

from recbole_iacn.data.order import cuts_by_time, earlier
from recbole_iacn.errors import ConfigError


def test_what_is_before_a_row_by_hand():
    user = np.array([1, 1, 1, 1, 2, 2])
    times = np.array([5, 7, 7, 9, 3, 3])
    every = np.ones(6, dtype=bool)
    before, stop = earlier(user, None, every)  # without times: the order of the rows
    assert before.tolist() == [0, 1, 2, 3, 0, 1] and stop.tolist() == [0, 1, 2, 3, 4, 5]
    before, stop = earlier(user, times, every)  # rows of one moment do not see each other
    assert before.tolist() == [0, 1, 1, 3, 0, 0] and stop.tolist() == [0, 1, 1, 3, 4, 4]
    clicked = np.array([True, False, True, True, False, True])
    before, stop = earlier(user, times, clicked)
    assert before.tolist() == [0, 1, 1, 2, 0, 0] and stop.tolist() == [0, 1, 1, 2, 3, 3]


def test_what_is_before_a_row_equals_a_loop_in_pandas():
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(
        {"user": rng.integers(7, size=300), "time": rng.integers(40, size=300), "click": rng.random(300) < 0.4}
    )
    rows = rows.sort_values(["user", "time"], kind="stable").reset_index(drop=True)
    before, stop = earlier(rows["user"].to_numpy(), rows["time"].to_numpy(), rows["click"].to_numpy())
    clicks = rows[rows["click"]]
    for place, row in rows.iterrows():
        seen = clicks[(clicks["user"] == row["user"]) & (clicks["time"] < row["time"])]
        assert before[place] == len(seen)
        entries = clicks.iloc[stop[place] - before[place] : stop[place]]
        assert entries.index.tolist() == seen.index.tolist()


def test_rows_of_one_time_stay_in_one_part():
    assert cuts_by_time(np.arange(10), [0.8, 0.1, 0.1]) == [8, 9]
    assert cuts_by_time(np.array([1, 2, 3, 4, 5, 5, 5, 8, 9, 9]), [0.6, 0.2, 0.2]) == [4, 8]


def test_a_part_without_rows_is_rejected():
    with pytest.raises(ConfigError, match=r"time_shares: \[0.8, 0.1, 0.1\] leaves a part without rows, since 10 rows"):
        cuts_by_time(np.array([1, 2, 3, 4, 5, 6, 7, 8, 8, 8]), [0.8, 0.1, 0.1])
