"""What is said of columns that a model does not read."""

import pytest

from recbole_iacn.checks.unread import columns_in_use, unread

LOADED = {
    "inter": ["user_id", "item_id", "timestamp", "tab"],
    "item": ["item_id", "categories", "price"],
    "user": ["user_id", "age", "city"],
}
IDS = {"user_id", "item_id", "timestamp"}


@pytest.mark.parametrize(
    ("read", "more", "line"),
    [
        ({"categories", "price", "age", "city", "tab"}, {}, None),
        (set(), {}, "M does not read tab (inter), categories, price (item), age, city (user)"),
        ({"categories", "price"}, {}, "M does not read tab (inter), age, city (user)"),
        (
            {"categories", "price"},
            {"joins": True},
            "M does not read tab (inter), age, city (user); "
            "user_fields: True lets columns of users and interactions join",
        ),
        ({"age", "city", "tab"}, {"joins": True}, "M does not read categories, price (item)"),
        (
            {"categories", "price", "tab", "city"},
            {"profile": ["age"]},
            "M reads age (iacn_user_profile) in the auxiliary task alone, not for its scores",
        ),
        (
            {"categories", "price", "tab"},
            {"profile": ["age"], "joins": True},
            "M does not read city (user), and reads age (iacn_user_profile) in the auxiliary task alone, not for its "
            "scores; user_fields: True lets columns of users and interactions join",
        ),
        ({"categories", "price", "tab", "age", "city"}, {"profile": ["age"]}, None),
    ],
)
def test_the_line(read, more, line):
    assert unread("M", LOADED, read | IDS, **more) == line


def test_columns_that_settings_use_otherwise():
    config = {
        "USER_ID_FIELD": "user_id",
        "ITEM_ID_FIELD": "item_id",
        "TIME_FIELD": "time",
        "RATING_FIELD": "stars",
        "LABEL_FIELD": "label",
        "ITEM_LIST_LENGTH_FIELD": "length",
        "threshold": {"watched": 3},
        "val_interval": {"year": "[2000,inf)"},
        "alias_of_user_id": ["friend"],
        "alias_of_item_id": None,
        "preload_weight": {"ent": "vector"},
        "unused_col": {"inter": ["raw"]},
    }
    wanted = "user_id item_id time stars label length watched year friend ent vector raw"
    assert columns_in_use(config) == set(wanted.split())
