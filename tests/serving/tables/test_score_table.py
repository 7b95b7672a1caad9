"""Scores of rows are those of the histories that pandas finds before each row's time."""

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from recbole_iacn.errors import ConfigError
from recbole_iacn.serving.tables import score_table as module
from recbole_iacn.serving.tables.limits import Limits
from recbole_iacn.serving.tables.score_table import score_table


@pytest.fixture(scope="session")
def rows():
    """Users and items old and new, in no order; several rows of a user at a time of an event."""
    rng = np.random.default_rng(5)
    table = pd.DataFrame(
        {
            "place": np.arange(70),
            "user_id": rng.choice(["u1", "u2", "new", "other", "absent"], 70),
            "item_id": rng.choice([*(f"i{item}" for item in range(40)), "unheard"], 70),
            "timestamp": 1_500_000_000 + rng.integers(0, 45, 70),
        }
    )
    return pd.concat([table, table.iloc[:12].assign(item_id="i7")], ignore_index=True)


def histories_before(rows, events):
    """Of each row, what its user clicked strictly before; and the times."""
    ordered = events.sort_values("timestamp", kind="stable")
    parts = [
        ordered[(ordered["user_id"] == row.user_id) & (ordered["timestamp"] < row.timestamp)]
        for row in rows.itertuples()
    ]
    return [part["item_id"].tolist() for part in parts], [part["timestamp"].astype(float).tolist() for part in parts]


def expected(recommender, rows, histories, **more):
    """Each row's score, by the recommender's own method for lists."""
    scores = [
        recommender.score([history], [item], users=[user], **{name: [values[at]] for name, values in more.items()})[
            0, 0
        ]
        for at, (history, item, user) in enumerate(zip(histories, rows["item_id"], rows["user_id"]))
    ]
    return np.array(scores, dtype=float)


@pytest.mark.parametrize("model", ["MIND", "DIN_IaCN", "WideDeep_IaCN", "TiSASRec"])
def test_a_row_sees_what_lies_strictly_before_it(recommender, rows, events, model):
    ours = recommender(model)
    rows.to_csv("rows.csv", index=False)
    events.to_csv("events.csv", index=False)
    account = score_table(ours, "rows.csv", "out.csv", events="events.csv")
    histories, times = histories_before(rows, events)
    more = {"times": times} if model == "TiSASRec" else {}
    table = pd.read_csv("out.csv")
    pd.testing.assert_frame_equal(table[rows.columns.tolist()], rows, check_dtype=False)
    np.testing.assert_allclose(table["score"], expected(ours, rows, histories, **more), rtol=1e-5, atol=1e-6)
    known = [[item for item in history if item != "gone"] for history in histories]
    assert account.counts["rows with an empty history"] == sum(not history for history in known) > 0
    assert account.counts["rows of items that the model does not know, without a score"] == table["score"].isna().sum()
    assert account.counts["rows of new users"] == (~rows["user_id"].isin(["u1", "u2"])).sum()


def test_format_order_and_batches_change_nothing(recommender, rows, events):
    ours = recommender()
    rows.to_csv("rows.csv", index=False)
    events.to_csv("events.csv", index=False)
    score_table(ours, "rows.csv", "out.csv", events="events.csv")
    first = pd.read_csv("out.csv")
    rows.to_parquet("rows.parquet")
    events.sort_values(["user_id", "timestamp"], kind="stable").to_parquet("events.parquet")
    for size in (1, 7, 4096):
        limits = Limits(batch_size=size, overwrite=True)
        score_table(ours, "rows.parquet", "out.parquet", events="events.parquet", limits=limits)
        table = pd.read_parquet("out.parquet")
        pd.testing.assert_frame_equal(table[rows.columns.tolist()], rows, check_dtype=False)
        np.testing.assert_allclose(table["score"], first["score"], rtol=1e-5, atol=1e-6)
    # Rows of one history in succession are one question to the model.
    ordered = rows.sort_values(["user_id", "timestamp"], kind="stable").reset_index(drop=True)
    ordered.to_csv("rows.csv", index=False)
    score_table(ours, "rows.csv", "out.csv", events="events.csv", limits=Limits(overwrite=True))
    again = pd.read_csv("out.csv").sort_values(["place", "item_id"])
    np.testing.assert_allclose(again["score"], first.sort_values(["place", "item_id"])["score"], rtol=1e-5, atol=1e-6)


def test_a_history_is_read_once_for_rows_in_succession(recommender, events, monkeypatch):
    ours, asked = recommender(), []
    events.to_csv("events.csv", index=False)
    pd.DataFrame(
        {"user_id": ["u1"] * 6 + ["new"] * 6, "item_id": [f"i{n}" for n in range(12)], "timestamp": 1_500_000_020}
    ).to_csv("rows.csv", index=False)
    rows_of_ids = ours.rows_of_ids
    monkeypatch.setattr(
        ours,
        "rows_of_ids",
        lambda ids, lengths, **more: asked.append(len(lengths)) or rows_of_ids(ids, lengths, **more),
    )
    score_table(ours, "rows.csv", "grouped.csv", events="events.csv")
    assert asked == [2]
    monkeypatch.setattr(module, "_groups", lambda batch: (np.arange(12), (np.arange(12), np.zeros(12, int))))
    score_table(ours, "rows.csv", "alone.csv", events="events.csv")
    assert asked == [2, 12]
    np.testing.assert_allclose(pd.read_csv("grouped.csv")["score"], pd.read_csv("alone.csv")["score"], rtol=1e-5)


def test_users_without_events_are_not_one_user(recommender, events):
    """Their histories are empty, and what the model knows of them differs."""
    ours = recommender("DIN_IaCN", user_fields=True)
    events.to_csv("events.csv", index=False)
    rows = pd.DataFrame({"user_id": ["u3", "u4", "u4", "u5"], "item_id": "i7"})
    rows.to_csv("rows.csv", index=False)
    score_table(ours, "rows.csv", "out.csv", events="events.csv")
    scores = expected(ours, rows, [[]] * 4)
    assert len(set(scores)) == 3
    np.testing.assert_allclose(pd.read_csv("out.csv")["score"], scores, rtol=1e-5, atol=1e-6)


def test_rows_without_times_see_all_events(recommender, rows, events):
    ours = recommender()
    rows.drop(columns="timestamp").to_csv("rows.csv", index=False)
    events.to_csv("events.csv", index=False)
    account = score_table(ours, "rows.csv", "out.csv", events="events.csv")
    assert "without a time, so all events of a user are in the history" in account.events[0]
    histories, _ = histories_before(rows.assign(timestamp=2_000_000_000), events)
    np.testing.assert_allclose(pd.read_csv("out.csv")["score"], expected(ours, rows, histories), rtol=1e-5, atol=1e-6)
    # An empty time in one row means the same.
    rows.assign(timestamp=pd.array([None] * len(rows), "Int64")).to_csv("none.csv", index=False)
    score_table(ours, "none.csv", "none-out.csv", events="events.csv")
    np.testing.assert_allclose(pd.read_csv("none-out.csv")["score"], pd.read_csv("out.csv")["score"])


def test_histories_in_the_rows(recommender):
    ours = recommender("DIN_IaCN")
    lists = [["i1", "i2", "i3"], [], ["unheard", "i4"], [f"i{n}" for n in range(20)], None]
    table = pd.DataFrame(
        {"item_id": ["i5", "i5", "i6", "i7", "i8"], "item_id_list": lists, "note": ["a,b", "", 'c"', "d", None]}
    )
    table.to_parquet("rows.parquet")
    account = score_table(ours, "rows.parquet", "out.parquet")
    rows = table.assign(user_id="")
    scores = expected(ours, rows, [one or [] for one in lists])
    out = pd.read_parquet("out.parquet")
    np.testing.assert_allclose(out["score"], scores, rtol=1e-5, atol=1e-6)
    assert pq.read_schema("out.parquet").names == ["item_id", "item_id_list", "note", "score"]
    assert [None if one is None else list(one) for one in out["item_id_list"]] == lists
    assert account.counts == {"entries of histories that the model does not know": 1, "rows with an empty history": 2}
    # In CSV a history is text with blanks, in input and output.
    table.assign(past=[" ".join(one or []) for one in lists]).drop(columns="item_id_list").to_csv(
        "rows.csv", index=False
    )
    score_table(ours, "rows.csv", "out.csv", history="past")
    np.testing.assert_allclose(pd.read_csv("out.csv")["score"], scores, rtol=1e-5, atol=1e-6)
    score_table(ours, "rows.parquet", "lists.csv")
    again = pd.read_csv("lists.csv", keep_default_na=False)
    assert again["item_id_list"].tolist() == [" ".join(one or []) for one in lists]
    assert again["note"].tolist() == ["a,b", "", 'c"', "d", ""]


def test_columns_of_users_reach_the_model(recommender, rows, events):
    ours = recommender("DIN_IaCN", user_fields=True)
    rows.to_csv("rows.csv", index=False)
    events.to_csv("events.csv", index=False)
    ages = {"u1": "2", "u2": "1", "new": "0", "other": "1", "absent": ""}
    pd.DataFrame({"user_id": list(ages), "age": list(ages.values())}).to_csv("users.csv", index=False)
    score_table(ours, "rows.csv", "out.csv", events="events.csv", users="users.csv")
    histories, _ = histories_before(rows, events)
    scores = [
        ours.score([history], [item], users={"user_id": [user], "age": [ages[user]]})[0, 0]
        for history, item, user in zip(histories, rows["item_id"], rows["user_id"])
    ]
    np.testing.assert_allclose(pd.read_csv("out.csv")["score"], scores, rtol=1e-5, atol=1e-6)
    # The same columns in the rows themselves.
    rows.assign(age=rows["user_id"].map(ages)).to_csv("with.csv", index=False)
    score_table(ours, "with.csv", "with-out.csv", events="events.csv")
    np.testing.assert_allclose(pd.read_csv("with-out.csv")["score"], scores, rtol=1e-5, atol=1e-6)
    with pytest.raises(ConfigError, match=r"users: 'age' is also a column of the rows; remove it from users.csv"):
        score_table(ours, "with.csv", "twice.csv", events="events.csv", users="users.csv")
    Path("some.csv").write_text("user_id,age\nu1,1\n")
    with pytest.raises(ConfigError, match=r"rows.csv, line \d: the user '.*' has no row in some.csv; add it, or leave"):
        score_table(ours, "rows.csv", "some-out.csv", events="events.csv", users="some.csv")


ROWS = "user_id,item_id,timestamp\nu1,i1,1500000000\n"


@pytest.mark.parametrize(
    "content, more, message",
    [
        (
            "user_id,item_id\nu1,i1\n",
            {"events": None},
            "rows.csv: has no column 'item_id_list', and MIND reads histories",
        ),
        ("item_id,timestamp\ni1,2019-01-02\n", {}, "rows.csv: no column is recognised as the user; name it: --user"),
        (ROWS + "u1,i2\n", {}, "rows.csv, line 3: has 2 cells, the first line has 3; mend the line"),
        (ROWS + "u1,i2,soon\n", {}, "rows.csv, line 3: 'soon' is not a time .*-format, such as '%d/%m/%Y %H:%M'$"),
        (ROWS.replace("1500000000", "soon"), {}, "rows.csv, line 2: 'soon' is not a time .*-format, such as .*M'$"),
        (
            ROWS.replace("1500000000", "3"),
            {},
            "time: those of events.csv are seconds since 1970, and those of rows.csv",
        ),
        (ROWS.replace("timestamp", "timestamp,score").replace("0\n", "0,1\n"), {}, "has a column 'score' already"),
        (
            "user_id,item_id,item_id_list\nu1,i1,i2\n",
            {},
            "events: rows.csv has histories of its own, in 'item_id_list'",
        ),
        (ROWS, {"history": "past"}, "history: rows.csv has no column 'past'"),
        (ROWS, {"event_user": "customer"}, "event-user: events.csv has no column 'customer'"),
        ("user_id,item_id,timestamp\n", {}, "rows.csv: has no rows"),
    ],
)
def test_wrong_input_is_one_line_and_leaves_nothing(recommender, tmp_path, content, more, message):
    ours = recommender()
    Path("rows.csv").write_text(content)
    Path("events.csv").write_text("user_id,item_id,timestamp\nu1,i1,1500000000\nu1,i2,1500000001\n")
    with pytest.raises(ConfigError, match=message) as raised:
        score_table(ours, "rows.csv", "out.csv", **{"events": "events.csv", **more})
    assert "\n" not in str(raised.value)
    assert sorted({path.name for path in tmp_path.iterdir()} - {"saved"}) == ["events.csv", "rows.csv"]


def test_events_in_order_are_named_as_an_option_of_the_events(recommender):
    """All columns of the events are taken, so none is offered for the time."""
    Path("rows.csv").write_text("user_id,item_id\nu1,i1\n")
    Path("events.csv").write_text("user_id,item_id\nu1,i2\nu1,i3\n")
    with pytest.raises(
        ConfigError, match=r"--event-time COLUMN; its columns are 'user_id', .*; --event-time none: rows"
    ):
        score_table(recommender(), "rows.csv", "out.csv", events="events.csv")
    score_table(recommender(), "rows.csv", "out.csv", events="events.csv", event_time="none")
    score = recommender().score([["i2", "i3"]], ["i1"], users=["u1"])[0, 0]
    np.testing.assert_allclose(pd.read_csv("out.csv")["score"], [score], rtol=1e-5, atol=1e-6)


def test_two_tables_may_name_and_write_their_columns_in_two_ways(recommender, rows, events):
    ours = recommender()
    rows.to_csv("rows.csv", index=False)
    events.to_csv("events.csv", index=False)
    score_table(ours, "rows.csv", "out.csv", events="events.csv")
    renamed = rows.rename(columns={"user_id": "who", "item_id": "what", "timestamp": "asked"})
    renamed.assign(asked=pd.to_datetime(renamed["asked"], unit="s")).to_parquet("rows.parquet")
    other = events.rename(columns={"user_id": "buyer_key", "item_id": "bought", "timestamp": "moment"})
    other.assign(moment=other["moment"] * 1000).to_csv("other.csv", index=False)
    names = {"user": "who", "item": "what", "time": "asked"}
    names |= {"event_user": "buyer_key", "event_item": "bought", "event_time": "moment", "time_unit": "ms"}
    score_table(ours, "rows.parquet", "other-out.csv", events="other.csv", **names)
    np.testing.assert_allclose(pd.read_csv("other-out.csv")["score"], pd.read_csv("out.csv")["score"])


def test_cells_that_csv_quotes_come_back_to_the_letter(recommender):
    notes = ["a\rb", "a\nb", 'a "b"', "a,b", "plain"]
    rows = pd.DataFrame({"user_id": "u1", "item_id": "i1", "timestamp": 1_500_000_000, "note": notes})
    rows.to_parquet("rows.parquet")
    rows[["user_id", "item_id", "timestamp"]].to_csv("events.csv", index=False)
    score_table(recommender(), "rows.parquet", "out.csv", events="events.csv")
    with open("out.csv", newline="") as file:
        assert [row["note"] for row in csv.DictReader(file)] == notes
