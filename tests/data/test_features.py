"""Which float columns are features where numerical_features is empty."""

import pytest

from recbole_iacn.data.features import float_features

FILES = {
    "inter": {"user_id": "token", "item_id": "token", "timestamp": "float", "dwell": "float"},
    "item": {"item_id": "token", "price": "float", "emb": "float_seq", "tags": "token_seq", "rating": "float"},
    "user": {"user_id": "token", "income": "float", "timestamp": "float"},
}
FIELDS = {"TIME_FIELD": "timestamp", "RATING_FIELD": "rating", "LABEL_FIELD": "label"}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ["price", "emb", "income"]),
        ({"preload_weight": {"item_id": "emb"}}, ["price", "income"]),
        ({"threshold": {"price": 3}}, ["emb", "income"]),
        ({"RATING_FIELD": "income"}, ["price", "emb", "rating"]),
        ({"TIME_FIELD": "time"}, ["price", "emb", "income", "timestamp"]),
    ],
)
def test_float_columns_of_items_and_users_that_nothing_else_uses(changes, expected):
    config = {**FIELDS, "threshold": None, "preload_weight": None, **changes}
    assert float_features(FILES, config) == expected


def test_without_tables_there_are_none():
    assert float_features({"inter": FILES["inter"]}, {**FIELDS, "threshold": None, "preload_weight": None}) == []
