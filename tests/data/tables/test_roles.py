"""Columns are recognised by the names that they usually have."""

import pytest

from recbole_iacn.data.tables.roles import find_key, find_roles
from recbole_iacn.errors import ConfigError


@pytest.mark.parametrize(
    "columns, expected",
    [
        ("userId movieId rating timestamp", "userId movieId timestamp rating"),  # MovieLens
        ("timestamp visitorid event itemid transactionid", "visitorid itemid timestamp"),  # RetailRocket
        ("event_time event_type product_id category_id brand price user_id", "user_id product_id event_time"),
        ("t_dat customer_id article_id price sales_channel_id", "customer_id article_id t_dat"),  # H&M
        ("user_id video_id time_ms is_click is_like tab", "user_id video_id time_ms is_click"),  # KuaiRand
        ("reviewerID asin overall unixReviewTime", "reviewerID asin unixReviewTime overall"),  # Amazon
        ("Customer ID,Stock Code,Invoice Date", "Customer ID,Stock Code,Invoice Date"),  # Online Retail
        ("uid sku ts clicked stars", "uid sku ts stars clicked"),
    ],
)
def test_usual_names(columns, expected):
    separator = "," if "," in columns else " "
    found = find_roles("events.csv", columns.split(separator), {})
    assert list(found.values()) == expected.split(separator)


def test_none_means_that_there_is_none():
    columns = ["user", "item", "time", "score", "label"]
    found = find_roles("t", columns, {"rating": "none", "label": "None"})
    assert found == {"user": "user", "item": "item", "time": "time"}


def test_the_key_of_items():
    assert find_key("t", ["id", "name"], "item", None, "sku") == "id"
    assert find_key("t", ["sku", "item_id"], "item", None, "sku") == "sku"
    assert find_key("t", ["sku", "item_id"], "item", "item_id", "sku") == "item_id"
    with pytest.raises(ConfigError, match="'product_id', 'item_id' could all identify the item; name it: --item-key"):
        find_key("t", ["product_id", "item_id"], "item", None, "sku")
    with pytest.raises(ConfigError, match="item-key: t has no column 'x'"):
        find_key("t", ["product_id", "item_id"], "item", "x", "sku")
