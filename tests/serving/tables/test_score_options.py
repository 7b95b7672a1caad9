"""What the user may say about rows that ask for scores, checked before a table is read."""

import pytest

from recbole_iacn.errors import ConfigError
from recbole_iacn.serving.tables.score_options import ScoreOptions


@pytest.mark.parametrize(
    "option, value, message",
    [
        ("time_unit", "item_id", "time-unit: must be one of s, ms, us, ns, place, got 'item_id'"),
        ("label_from", "rating", "label-from: must be a condition such as rating>=4 or event=purchase, got 'rating'"),
        ("max_bad_rows", -1, "max-bad-rows: must be at least 0, got -1"),
    ],
)
def test_a_value_without_a_meaning(option, value, message):
    with pytest.raises(ConfigError, match=message):
        ScoreOptions(**{option: value})
