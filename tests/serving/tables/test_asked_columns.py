"""What a model reads of users and of the situation comes from tables as it came from the training's files."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from helpers import give_other_weights

import recbole_iacn
from recbole_iacn.errors import ConfigError
from recbole_iacn.serving.recommender import load
from recbole_iacn.serving.tables.recommend_table import recommend_table
from recbole_iacn.serving.tables.score_table import score_table

pytest.importorskip("duckdb")


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    """A page, an hour and tags per row; an income and likes per user."""
    folder = tmp_path_factory.mktemp("data") / "log"
    folder.mkdir()
    rng = np.random.default_rng(0)
    rows = ["user_id:token\titem_id:token\ttimestamp:float\tpage:token\thour:float\ttags:token_seq"]
    for user in range(30):
        for step in range(8):
            tags = " ".join(rng.choice(["a", "b", "c"], rng.integers(1, 3), replace=False))
            rows.append(f"u{user}\ti{rng.integers(20)}\t{step}\tp{rng.integers(3)}\t{rng.integers(24)}\t{tags}")
    (folder / "log.inter").write_text("\n".join(rows) + "\n")
    users = ["user_id:token\tincome:float\tlikes:token_seq"]
    users += [f"u{user}\t{user / 40:.3f}\t{'x y' if user % 2 else 'z'}" for user in range(30)]
    (folder / "log.user").write_text("\n".join(users) + "\n")
    return folder


@pytest.fixture
def opened(log, settings_of, tmp_path):
    def make(model):
        columns = {"inter": ["user_id", "item_id", "timestamp", "page", "hour", "tags"]}
        columns["user"] = ["user_id", "income", "likes"]
        more = {"user_fields": True} if model.startswith("DI") else {}
        given = {"data_path": str(log.parent), "load_col": columns, "numerical_features": ["hour", "income"]}
        training = recbole_iacn.build(model, "log", config_dict=settings_of(**given, **more))
        give_other_weights(training.model)
        training.save(str(tmp_path / model))
        return training, load(tmp_path / model)

    return make


def in_csv(path, name):
    """A file of the data as a user has it: CSV with plain names."""
    table = pd.read_csv(path, sep="\t", dtype=str)
    table.columns = [column.partition(":")[0] for column in table]
    table.to_csv(name, index=False)
    return table


@pytest.mark.parametrize("model", ["DIN_IaCN", "WideDeep_IaCN"])
def test_the_test_rows_score_as_the_trainer_scores_them(opened, log, model):
    training, recommender = opened(model)
    data, tokens = training.test_data._dataset, training.dataset.field2id_token
    rows = data[list(range(30))]
    with torch.no_grad():
        wanted = training.model.eval().predict(rows.to("cpu")).numpy()
    shown = in_csv(log / "log.inter", "log.csv")
    last = shown.groupby("user_id").tail(1).set_index("user_id").loc[tokens["user_id"][rows["user_id"].numpy()]]
    assert last["item_id"].tolist() == tokens["item_id"][rows["item_id"].numpy()].tolist()
    last.reset_index().to_csv("rows.csv", index=False)
    in_csv(log / "log.user", "users.csv")
    score_table(recommender, "rows.csv", "out.csv", events="log.csv")
    np.testing.assert_allclose(pd.read_csv("out.csv")["score"], wanted, rtol=1e-5, atol=1e-6)
    # The users' own columns, from a table of theirs: the same, and others are others.
    score_table(recommender, "rows.csv", "own.parquet", events="log.csv", users="users.csv")
    np.testing.assert_allclose(pd.read_parquet("own.parquet")["score"], wanted, rtol=1e-5, atol=1e-6)
    users = pd.read_csv("users.csv")
    users.assign(likes=[["x", "z"]] * len(users)).to_parquet("users.parquet")
    score_table(recommender, "rows.csv", "other.csv", events="log.csv", users="users.parquet")
    assert np.abs(pd.read_csv("other.csv")["score"] - wanted).max() > 1e-5


def test_recommendations_in_a_situation(opened, log):
    _, recommender = opened("WideDeep_IaCN")
    shown = in_csv(log / "log.inter", "log.csv")
    Path("asked.csv").write_text("user_id,page,hour,tags,income,likes\nu3,p1,20,a c,0.5,x\nnew,p2,3,,1.5,y z\n")
    recommend_table(recommender, "log.csv", "out.csv", k=5, users="asked.csv")
    asked = {"user_id": ["u3", "new"], "page": ["p1", "p2"], "hour": [20.0, 3.0], "tags": [["a", "c"], []]}
    asked |= {"income": [0.5, 1.5], "likes": [["x"], ["y", "z"]]}
    histories = [shown[shown["user_id"] == user]["item_id"].tolist() for user in asked["user_id"]]
    table, wanted = pd.read_csv("out.csv"), recommender.recommend(histories, 5, users=asked)
    assert table["item_id"].tolist() == wanted["item_id"].tolist()
    np.testing.assert_allclose(table["score"], wanted["score"], rtol=1e-5, atol=1e-6)


def test_wrong_cells_are_one_line(opened, log):
    _, recommender = opened("WideDeep_IaCN")
    in_csv(log / "log.inter", "log.csv")
    for content, message in (
        ("user_id,item_id,timestamp,page\nu3,i1,9,p1\n", "WideDeep_IaCN reads 'hour' of every row, .*: in asked.csv"),
        ("user_id,item_id,timestamp,hour\nu3,i1,9,3\nu3,i1,9,late\n", "asked.csv, line 3: 'hour' 'late' is not a num"),
        ("user_id,item_id,timestamp,hour\nu3,i1,9,\n", "asked.csv, line 2: 'hour' is empty, and the model reads a num"),
    ):
        Path("asked.csv").write_text(content)
        with pytest.raises(ConfigError, match=message):
            score_table(recommender, "asked.csv", "out.csv", events="log.csv")
    with pytest.raises(
        ConfigError, match="WideDeep_IaCN reads 'hour' of every row, which has to be given: in --users U"
    ):
        recommend_table(recommender, "log.csv", "out.csv")
    pd.DataFrame({"user_id": ["u3"], "hour": [[1, 2]]}).to_parquet("lists.parquet")
    with pytest.raises(ConfigError, match=r"lists.parquet: the cells of 'hour' are BIGINT\[\]; the model reads float"):
        recommend_table(recommender, "log.csv", "out.csv", users="lists.parquet")
