"""Under a protocol every model meets one test: the same rows, each against the same negatives."""

import numpy as np
import pandas as pd
import pytest

MODELS = [("DIN", {}), ("WideDeep", {}), ("LR", {}), ("BPR", {}), ("Pop", {}), ("Popularity", {})]
MODELS += [("SASRec", {"loss_type": "BPR"}), ("WideDeep_IaCN", {})]
COLUMNS = ["user_id", "item_id", "timestamp"]


@pytest.fixture
def log(tmp_path):
    """What was shown, in no order: users with one click and more, whose days overlap, many rows of a user at one time,
    and users who were shown something before their first click."""
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(
        [
            (f"u{user}", f"i{rng.integers(60)}", int(1_600_000_000 + 1000 * rng.integers(9)), int(rng.random() < 0.5))
            for user in range(80)
            for _ in range(rng.integers(2, 12))
        ],
        columns=[*COLUMNS, "label"],
    )
    (tmp_path / "log").mkdir()
    names = ["user_id:token", "item_id:token", "timestamp:float", "label:float"]
    rows.to_csv(tmp_path / "log" / "log.inter", sep="\t", index=False, header=names)
    return str(tmp_path), rows


def held_out_by(loaders, dataset):
    """Users, items and negatives of the rows that validate and test, as tokens, in the order of the loader."""
    users, items = (dataset.field2id_token[name] for name in ("user_id", "item_id"))
    return [
        (
            users[one._dataset.inter_feat["user_id"].numpy()].tolist(),
            items[one._dataset.inter_feat["item_id"].numpy()].tolist(),
            items[one.negatives.numpy().ravel()].tolist(),
        )
        for one in loaders
    ]


def last_clicks(rows, labelled):
    """The clicks that validate and that test: with a click before them, and with a row that trains."""
    clicks = rows[rows["label"] == 1] if labelled else rows
    held_out = set(), set()
    for user, own in clicks.sort_values("timestamp", kind="stable").groupby("user_id"):
        later = own[own["timestamp"] > own["timestamp"].iloc[0]] if labelled else own.iloc[1:]
        for place, part in zip((2, 1), held_out):
            if len(later) > place:
                part.add((user, later["item_id"].iloc[-place]))
    return held_out


@pytest.mark.parametrize("labelled", [True, False], ids=["labels", "no labels"])
def test_models_with_and_without_a_history_meet_one_test(build, log, labelled):
    folder, rows = log
    columns = [*COLUMNS, "label"] if labelled else COLUMNS
    cases = [*MODELS, ("DIN", {"history_rows": "all"})] if labelled else MODELS
    expected = None
    for model, changes in cases:
        _, train, valid, test, _ = build(
            model,
            "log",
            data_path=folder,
            load_col={"inter": columns},
            protocol="leave_one_out_ctr",
            iacn_mode="off" if model.endswith("IaCN") else ...,
            mlp_hidden_size=[8] if "D" in model else ...,
            embedding_size=4 if model not in ("Pop", "Popularity", "SASRec") else ...,
            **changes,
        )
        found = held_out_by((valid, test), train._dataset)
        expected = expected or found
        assert found == expected, model
    for (users, items, _), wanted in zip(expected, last_clicks(rows, labelled)):
        assert len(users) == len(wanted) > 20 and set(zip(users, items)) == wanted


def test_a_user_without_an_earlier_row_trains_a_model_without_a_history(build, log):
    folder, rows = log
    settings = {"data_path": folder, "protocol": "leave_one_out_ctr", "mlp_hidden_size": [8]}
    loaders = build("WideDeep", "log", load_col={"inter": [*COLUMNS, "label"]}, **settings)[1:4]
    assert sum(len(loader._dataset) for loader in loaders) == (rows["label"] == 1).sum()
