"""Recommendations for a table are those of the histories that pandas makes of it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recbole_iacn.errors import ConfigError
from recbole_iacn.serving.tables.limits import Limits
from recbole_iacn.serving.tables.recommend_table import recommend_table


def expected(recommender, histories, **more):
    """What the recommender says to lists, by user."""
    table = recommender.recommend(list(histories.values()), users=list(histories), **more)
    return table.astype({"score": "float32"})


def assert_same(table, other):
    assert table.columns.tolist() == ["user_id", "item_id", "score", "rank"]
    for name in ("user_id", "item_id", "rank"):
        assert table[name].tolist() == other[name].tolist()
    np.testing.assert_allclose(table["score"].astype(float), other["score"].astype(float), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("model", ["MIND", "DIN_IaCN", "WideDeep_IaCN", "TiSASRec"])
def test_every_user_gets_what_their_sorted_history_gets(recommender, events, sorted_histories, model):
    ours = recommender(model)
    events.to_csv("events.csv", index=False)
    account = recommend_table(ours, "events.csv", "out.parquet", k=4)
    histories = sorted_histories(events)
    times = sorted_histories(events.assign(item_id=events["timestamp"]))
    more = {"times": [list(map(float, some)) for some in times.values()]} if model == "TiSASRec" else {}
    table = pd.read_parquet("out.parquet")
    assert_same(table, expected(ours, histories, k=4, **more))
    assert (account.rows, account.written) == (7, 28)
    gone = int((events["item_id"] == "gone").sum())
    assert account.counts == {
        "events of items that the model does not know": gone,
        "users with an empty history": 1,
        "users new to the model": 4,
    }


def test_format_order_and_batches_change_nothing(recommender, events):
    ours = recommender()
    events.to_csv("events.csv", index=False)
    recommend_table(ours, "events.csv", "out.parquet")
    first = pd.read_parquet("out.parquet")
    events.to_parquet("events.parquet")
    recommend_table(ours, "events.parquet", "out.csv", limits=Limits(batch_size=2))
    assert_same(pd.read_csv("out.csv"), first)
    events.sort_values(["user_id", "timestamp"], kind="stable").to_csv("sorted.csv", index=False)
    recommend_table(ours, "sorted.csv", "sorted.parquet", limits=Limits(batch_size=1, threads=1))
    again = pd.read_parquet("sorted.parquet").set_index("user_id").loc[first["user_id"].unique()].reset_index()
    assert_same(again, first)


def test_users_and_items_are_chosen_by_tables(recommender, events, sorted_histories):
    ours = recommender()
    events.to_csv("events.csv", index=False)
    Path("users.csv").write_text("customer,age\nnew,1\nabsent,2\n,2\nu1,1\nnew,2\n")
    Path("among.csv").write_text("product\ni1\ni2\ni3\nunheard\ni2\n\ni4\n")
    account = recommend_table(ours, "events.csv", "out.csv", k=4, users="users.csv", among="among.csv")
    histories = {"absent": [], **sorted_histories(events)}
    asked = {user: histories[user] for user in ("new", "absent", "u1")}
    table = pd.read_csv("out.csv")
    assert_same(table, expected(ours, asked, k=4, among=["i1", "i2", "i3", "i4"]))
    assert account.counts["items of among.csv that the model does not know"] == 1
    assert account.counts["rows of users.csv without a user"] == 1
    assert account.counts["further rows of a user in users.csv"] == 1
    assert account.counts["users with an empty history"] == 1
    known = events[events["item_id"] != "gone"]
    assert account.counts["events of other users"] == int((~known["user_id"].isin(["new", "u1"])).sum())
    assert account.counts["recommendations fewer, since there are no more items"] == 12 - len(table)
    recommend_table(
        ours,
        "events.csv",
        "seen.csv",
        k=4,
        users="users.csv",
        among="among.csv",
        exclude_seen=False,
        user_key="customer",
    )
    assert_same(pd.read_csv("seen.csv"), expected(ours, asked, k=4, among=["i1", "i2", "i3", "i4"], exclude_seen=False))
    assert len(pd.read_csv("seen.csv")) == 12


def test_columns_of_users_reach_the_model(recommender, events, sorted_histories):
    ours = recommender("DIN_IaCN", user_fields=True)
    events.to_csv("events.csv", index=False)
    Path("users.csv").write_text("user_id,age\nnew,1\nu1,2\nu2,\nother,unheard\n")
    account = recommend_table(ours, "events.csv", "out.csv", users="users.csv")
    asked = {user: sorted_histories(events)[user] for user in ("new", "u1", "u2", "other")}
    ages = pd.DataFrame({"user_id": list(asked), "age": ["1", "2", "", "unheard"]})
    table = ours.recommend(list(asked.values()), users=ages)
    assert_same(pd.read_csv("out.csv"), table)
    assert account.counts["unknown or empty cells of age"] == 2
    recommend_table(ours, "events.csv", "without.csv")
    first, without = (pd.read_csv(path).groupby("user_id")["score"].first() for path in ("out.csv", "without.csv"))
    assert (first.sort_index() != without[first.sort_index().index]).sum() >= 2


def test_histories_are_of_clicks_where_the_training_had_labels(recommender, events, sorted_histories):
    load_col = {"inter": ["user_id", "item_id", "timestamp", "rating"], "item": ["item_id"], "user": ["user_id"]}
    labelled = recommender(threshold={"rating": 3}, load_col=load_col)
    shown = events.assign(click=(np.arange(len(events)) % 3 == 0).astype(int))
    shown.to_csv("events.csv", index=False)
    account = recommend_table(labelled, "events.csv", "out.csv")
    clicks = sorted_histories(shown[shown["click"] == 1])
    histories = {user: clicks.get(user, []) for user in sorted_histories(shown)}
    assert_same(pd.read_csv("out.csv"), expected(labelled, histories))
    assert account.counts["events with label 0"] == int((shown["click"] == 0).sum())
    recommend_table(labelled, "events.csv", "all.csv", label="none")
    assert_same(pd.read_csv("all.csv"), expected(labelled, sorted_histories(shown)))
    # Events without labels are said to be taken for clicks, unless the user says so.
    events.assign(stars=np.arange(len(events)) % 5).to_csv("rated.csv", index=False)
    account = recommend_table(labelled, "rated.csv", "rated-out.csv")
    assert any("rated.csv: has no label, so every event is a click" in line for line in account.events)
    assert_same(pd.read_csv("rated-out.csv"), pd.read_csv("all.csv"))
    account = recommend_table(labelled, "rated.csv", "from.csv", label_from="stars>=2")
    assert account.counts["events with label 0"] == int((np.arange(len(events)) % 5 < 2).sum())
    for label in ("none", None):
        account = recommend_table(
            labelled if label else recommender(), "rated.csv", "x.csv", label=label, limits=Limits(overwrite=True)
        )
        assert len(account.events) == 1
    # Without labels in the training every row is a click, as it was there.
    recommend_table(recommender(), "events.csv", "plain.csv")
    assert len(pd.read_csv("plain.csv")) == len(pd.read_csv("all.csv"))


def test_rows_in_order_need_no_times(recommender, events, sorted_histories):
    ours = recommender()
    events.drop(columns="timestamp").to_csv("events.csv", index=False)
    recommend_table(ours, "events.csv", "out.csv", time="none")
    histories = sorted_histories(events.assign(timestamp=np.arange(len(events))))
    assert_same(pd.read_csv("out.csv"), expected(ours, histories))
    with pytest.raises(ConfigError, match=r"^time: TiSASRec reads the time of every event"):
        recommend_table(recommender("TiSASRec"), "events.csv", "other.csv", time="none")


@pytest.mark.parametrize(
    "content, more, message",
    [
        ("user_id,item_id\nu1,i1\n", {}, r"recognised as the time; .*'item_id' .*; --time none: rows are"),
        (
            "user_id,item_id,timestamp\nu1,i1,1500000000\nu1,i2\n",
            {},
            r"events.csv, line 3: has 2 cells, the first line",
        ),
        (
            "user_id,item_id,timestamp\nu1,i1,2019-01-02\n\nu1,i2,soon\n",
            {},
            r"events.csv, line 4: 'soon' is not a time",
        ),
        ("user_id,item_id,timestamp\n", {}, r"events.csv: has no rows"),
        (
            "user_id,item_id,timestamp\nu1,01,1500000000\nu2,02,1500000000\n",
            {},
            r"events.csv: the model knows none of its 2 items; is 'item_id' their column",
        ),
        (
            "user_id,item_id,timestamp\nu1,i1,1500000000\n",
            {"user": "customer"},
            r"user: events.csv has no column 'cust",
        ),
        ("user_id,item_id,timestamp\nu1,i1,1500000000\n", {"k": 0}, r"k: must be a whole number from 1 to 40"),
        ("user_id,item_id,timestamp\nu1,i1,1500000000\n", {"k": 41}, r"k: must be a whole number from 1 to 40"),
        ("user_id,item_id,timestamp\nu1,i1,1500000000\n", {"among": "none.csv"}, r"none.csv: No such file"),
        ("user_id,item_id,timestamp\nu1,i1,1500000000\n", {"among": "events.csv", "item_key": "user_id"}, "knows none"),
    ],
)
def test_wrong_input_is_one_line_and_leaves_nothing(recommender, tmp_path, content, more, message):
    ours = recommender()
    Path("events.csv").write_text(content)
    with pytest.raises(ConfigError, match=message) as raised:
        recommend_table(ours, "events.csv", "out.csv", **more)
    assert "\n" not in str(raised.value)
    assert sorted({path.name for path in tmp_path.iterdir()} - {"saved"}) == ["events.csv"]


def test_an_interrupted_run_leaves_nothing(recommender, events, tmp_path, monkeypatch):
    ours = recommender()
    events.to_csv("events.csv", index=False)
    best, calls = ours.best, []

    def interrupted(*given):
        calls.append(given)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return best(*given)

    monkeypatch.setattr(ours, "best", interrupted)
    for name in ("out.csv", "out.parquet"):
        calls.clear()
        with pytest.raises(KeyboardInterrupt):
            recommend_table(ours, "events.csv", name, limits=Limits(batch_size=1))
        assert sorted({path.name for path in tmp_path.iterdir()} - {"saved"}) == ["events.csv"] and len(calls) == 3


def test_rows_that_cannot_be_read_are_counted(recommender):
    ours = recommender()
    Path("events.csv").write_text(
        "user_id,item_id,timestamp\nu1,i1,1500000000\n,i2,1500000000\nu1,,1500000000\nu2,i1,soon\n"
    )
    account = recommend_table(ours, "events.csv", "out.csv", k=1, max_bad_rows=1)
    assert account.counts == {
        "events with a time that cannot be read": 1,
        "events without item": 1,
        "events without user": 1,
    }
    assert pd.read_csv("out.csv")["user_id"].tolist() == ["u1"]
