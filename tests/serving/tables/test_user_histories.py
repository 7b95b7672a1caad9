"""Histories of a few users that are named, against pandas."""

import pandas as pd
import pytest

from recbole_iacn.data.tables.options import Options
from recbole_iacn.errors import ConfigError
from recbole_iacn.serving.tables.limits import Limits
from recbole_iacn.serving.tables.user_histories import histories_of_users, named_users


@pytest.fixture
def read(recommender, events, tmp_path):
    """The histories that MIND is given of the fixture's events."""

    def go(users, table=None, most=50, **options):
        (tmp_path / "work").mkdir(exist_ok=True)
        given = events if table is None else table
        return histories_of_users([recommender()], given, users, tmp_path / "work", Limits(), Options(**options), most)

    return go


def test_histories_are_sorted_and_in_the_order_that_is_asked_for(read, events, sorted_histories):
    found = read(["u30", "new", "empty", "u1"])
    assert found.users == ["u30", "new", "empty", "u1"] and not found.in_places
    for user, items, times in zip(found.users, found.items, found.times):
        known = [item for item in sorted_histories(events)[user] if item != "gone"]
        assert items == known
        of_user = events[(events["user_id"] == user) & (events["item_id"] != "gone")]
        assert times == sorted(of_user["timestamp"].tolist())
    assert found.account.counts["users with an empty history"] == 1
    assert found.account.counts["events of items that the model does not know"] == (events["item_id"] == "gone").sum()


def test_events_without_times_are_in_the_order_of_rows(read, events):
    found = read("u1,u2", table=events.drop(columns="timestamp"), time="none")
    for user, items in zip(found.users, found.items):
        of_user = events[(events["user_id"] == user) & (events["item_id"] != "gone")]
        assert items == of_user["item_id"].tolist()
    assert found.in_places


def test_a_file_of_recboles_is_read_by_its_columns_names(read, events, tmp_path):
    table = events.set_axis(["user_id:token", "item_id:token", "timestamp:float"], axis=1)
    table.to_csv(tmp_path / "shop.inter", sep="\t", index=False)
    pd.DataFrame({"user_id:token": ["u2", "u1"]}).to_csv(tmp_path / "shop.user", sep="\t", index=False)
    found = read(str(tmp_path / "shop.user"), table=str(tmp_path / "shop.inter"))
    assert (found.users, found.items) == (["u2", "u1"], read("u2,u1").items)


def test_who_is_meant(tmp_path):
    (tmp_path / "people").write_text("user\nu1\n")
    assert named_users(" u1, u2,u1,") == (["u1", "u2"], 2)
    assert named_users([3, "u1"]) == (["3", "u1"], 2)
    assert named_users(str(tmp_path / "people")) == (str(tmp_path / "people"), None)
    for nobody in ("", " ,", []):
        with pytest.raises(ConfigError, match="users: there is none; name them with commas between"):
            named_users(nobody)
    with pytest.raises(ConfigError, match=r"people\.csv: No such file"):
        named_users("people.csv")


def test_users_that_the_events_lack_and_too_many(read):
    with pytest.raises(ConfigError, match="users: 'u9' has no event in events; name users of its column of users"):
        read("u1,u9")
    with pytest.raises(ConfigError, match=r"users: 2 are more than the 1 that a page holds; .* --most 2"):
        read("u1,u2", most=1)
