"""Which clicks a model may count: those of rows that train, by pandas from the file itself."""

import numpy as np
import pandas as pd
import pytest

from recbole_iacn.data.training_clicks import training_clicks

CLICKS = {"load_col": {"inter": ["user_id", "item_id", "timestamp"]}}


def counted(train):
    data = train._dataset
    users, items = training_clicks(data)
    return set(zip(data.field2id_token["user_id"][users], data.field2id_token["item_id"][items]))


def by_user(data_path):
    clicks = pd.read_csv(data_path / "tiny" / "tiny.inter", sep="\t").sort_values("timestamp:float", kind="stable")
    return {user: rows["item_id:token"].tolist() for user, rows in clicks.groupby("user_id:token")}


@pytest.mark.parametrize("protocol", ["leave_one_out_ctr", "leave_one_out_sampled", "leave_one_out_full"])
def test_all_but_each_users_last_two(build, data_path, protocol):
    """The first one, which is no row of its own, too; also where a history holds fewer than a user's clicks."""
    changes = {"metrics": ["AUC"], "valid_metric": "AUC"} if protocol == "leave_one_out_ctr" else {"topk": [5]}
    _, train, *_ = build(
        "Popularity", **CLICKS, protocol=protocol, MAX_ITEM_LIST_LENGTH=2, mlp_hidden_size=..., **changes
    )
    assert counted(train) == {(user, item) for user, items in by_user(data_path).items() for item in items[:-2]}


def test_of_users_who_train_alone(build, data_path):
    """dien_books: all clicks of eight users in ten, none of the others'."""
    changes = {"metrics": ["AUC"], "valid_metric": "AUC", "MAX_ITEM_LIST_LENGTH": 20}
    _, train, *_ = build("Popularity", **CLICKS, protocol="dien_books", **changes)
    names = train._dataset.field2id_token["user_id"]
    training = set(names[train._dataset.inter_feat["user_id"]])
    assert 40 < len(training) < 55
    assert counted(train) == {(user, item) for user in training for item in by_user(data_path)[user]}


def test_a_row_that_was_not_clicked_does_not_count(build, tmp_path):
    """A user's newest training row stands in no training history: it counts if it was clicked, and only then."""
    (tmp_path / "shown").mkdir()
    lines = ["user_id:token\titem_id:token\ttimestamp:float\tlabel:float"]
    rng = np.random.default_rng(0)
    for user in range(20):
        lines += [f"u{user}\ti{item}\t{time}\t{int(item % 3 == 0)}" for time, item in enumerate(rng.permutation(12))]
    (tmp_path / "shown" / "shown.inter").write_text("\n".join(lines) + "\n")
    changes = {
        "data_path": str(tmp_path),
        "load_col": {"inter": ["user_id", "item_id", "timestamp", "label"]},
        "protocol": None,
        "train_neg_sample_args": None,
        "eval_args": {"split": {"RS": [0.8, 0.1, 0.1]}, "order": "TO", "group_by": "user", "mode": "labeled"},
        "metrics": ["AUC"],
        "valid_metric": "AUC",
        "MAX_ITEM_LIST_LENGTH": 1,
    }
    _, train, *_ = build("Popularity", "shown", **changes)
    rows, names = train._dataset.inter_feat, train._dataset.field2id_token
    columns = {name: rows[name].numpy() for name in ("user_id", "item_id", "timestamp", "label")}
    newest = pd.DataFrame(columns).sort_values("timestamp").groupby("user_id").last().reset_index()
    pairs = zip(names["user_id"][newest["user_id"]], names["item_id"][newest["item_id"]])
    found = counted(train)
    assert [pair in found for pair in pairs] == (newest["label"] > 0).tolist()
    assert 0 < newest["label"].sum() < 20
