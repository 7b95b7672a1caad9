"""Columns of users and of the question's context reach the model as in training; what is missing is said."""

import logging

import numpy as np
import pandas as pd
import pytest
import torch

import recbole_iacn
from recbole_iacn.errors import ConfigError

MODELS = ["DIN_IaCN", "DIEN_IaCN", "WideDeep_IaCN", "FFM_IaCN"]


@pytest.fixture(scope="module")
def impressions(tmp_path_factory):
    """A log with a page and an hour per row, users with a number and a list, items with a number."""
    folder = tmp_path_factory.mktemp("data") / "log"
    folder.mkdir()
    rng = np.random.default_rng(0)
    rows = ["user_id:token\titem_id:token\ttimestamp:float\tpage:token\thour:float\ttags:token_seq"]
    for user in range(40):
        for step in range(8):
            tags = " ".join(rng.choice(["a", "b", "c"], rng.integers(1, 3), replace=False))
            rows.append(f"u{user}\ti{rng.integers(20)}\t{step}\tp{rng.integers(3)}\t{rng.integers(24)}\t{tags}")
    (folder / "log.inter").write_text("\n".join(rows) + "\n")
    users = ["user_id:token\tage:token\tincome:float\tlikes:token_seq"]
    users += [f"u{user}\t{user % 3}\t{user / 40:.3f}\t{'x y' if user % 2 else 'z'}" for user in range(40)]
    (folder / "log.user").write_text("\n".join(users) + "\n")
    items = ["item_id:token\tprice:float\tkind:token"] + [f"i{item}\t{item / 20}\tk{item % 4}" for item in range(20)]
    (folder / "log.item").write_text("\n".join(items) + "\n")
    return folder.parent


@pytest.fixture
def opened(impressions, settings_of, tmp_path):
    def get(model, **changes):
        columns = {
            "inter": ["user_id", "item_id", "timestamp", "page", "hour", "tags"],
            "user": ["user_id", "age", "income", "likes"],
            "item": ["item_id", "price", "kind"],
        }
        more = {"user_fields": True} if model.startswith("DI") else {}
        given = {"data_path": str(impressions), "load_col": columns, "normalize_field": ["hour"], **more, **changes}
        given["numerical_features"] = ["hour", "income", "price"]
        training = recbole_iacn.build(model, "log", config_dict=settings_of(**given))
        torch.manual_seed(0)
        for parameter in training.model.parameters():
            torch.nn.init.normal_(parameter, std=0.4)
        training.save(str(tmp_path / model), overwrite=True)
        return training, recbole_iacn.load(tmp_path / model)

    return get


def questions(training, impressions):
    """Rows as the trainer has them, and the same in words, the hour as it stands in the file."""
    data = training.test_data._dataset
    rows, tokens = data[list(range(20))], training.dataset.field2id_token
    users = tokens["user_id"][rows["user_id"].numpy()]
    items = tokens["item_id"][rows["item_id"].numpy()]
    histories = [tokens["item_id"][row[row > 0]].tolist() for row in rows["item_id_list"].numpy()]
    lists = [tokens["tags"][row[row > 0]].tolist() for row in rows["tags"].numpy()]
    hours = rows["hour"].numpy()
    hours = hours[:, 0] if hours.ndim == 2 else hours
    asked = {
        "user_id": users.tolist(),
        "page": tokens["page"][rows["page"].numpy()].tolist(),
        "hour": np.rint(hours * 23).tolist(),  # 0 to 23, scaled to [0, 1]
        "tags": lists,
    }
    return rows, histories, items.tolist(), asked


@pytest.mark.parametrize("model", MODELS)
def test_rows_with_context_score_as_in_the_test(opened, impressions, model):
    training, recommender = opened(model)
    rows, histories, items, asked = questions(training, impressions)
    with torch.no_grad():
        wanted = training.model.eval().predict(rows.to("cpu")).numpy()
    found = np.diag(recommender.score(histories, items, users=asked))
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-6)
    for name, other in (("page", "p0"), ("hour", 5), ("tags", ["c"])):
        changed = {**asked, name: [other] * len(items)}
        assert np.abs(np.diag(recommender.score(histories, items, users=changed)) - wanted).max() > 1e-5, name


@pytest.mark.parametrize("model", MODELS)
def test_new_users_with_columns_of_their_own(opened, impressions, model):
    """Someone new with a known user's columns differs from it by the user's own vector alone."""
    training, recommender = opened(model)
    _, histories, items, asked = questions(training, impressions)
    table = pd.read_csv(impressions / "log" / "log.user", sep="\t")
    table.columns = [name.partition(":")[0] for name in table]
    own = table.set_index("user_id").loc[asked["user_id"]]
    new = {**asked, "age": own["age"].astype(str).tolist(), "income": own["income"].tolist()}
    new["likes"] = [words.split() for words in own["likes"]]
    known = recommender.score(histories, items, users=asked)
    np.testing.assert_allclose(recommender.score(histories, items, users=new), known, rtol=1e-5, atol=1e-6)
    del new["user_id"]
    nobody = recommender.score(histories, items, users=new)
    reads_the_id = model != "DIN_IaCN"
    assert (np.abs(nobody - known).max() > 1e-5) == reads_the_id
    for name, other in (("age", "2"), ("income", 0.9), ("likes", ["x", "z"])):
        changed = {**new, name: [other] * len(items)}
        assert np.abs(recommender.score(histories, items, users=changed) - nobody).max() > 1e-5, name


def test_context_that_is_missing_is_said_once(opened, caplog):
    _, recommender = opened("WideDeep_IaCN")
    with pytest.raises(ConfigError, match="WideDeep_IaCN reads the number 'hour' of each row; give this column"):
        recommender.score([["i1"]], ["i2"])
    with caplog.at_level(logging.WARNING):
        recommender.score([["i1"]], ["i2"], users={"hour": [3], "tags": [["a"]]})
        recommender.score([["i1"]], ["i2"], users={"hour": [3], "tags": [["a"]]})
    (record,) = [record for record in caplog.records if record.name == "recbole_iacn.serving.queries"]
    assert "reads the column 'page' of each row, which was not given" in record.getMessage()


def test_values_that_are_unknown_are_counted(opened):
    _, recommender = opened("WideDeep_IaCN")
    asked = {"hour": [3, 4], "tags": [["a", "?"], []], "page": ["p1", "p9"], "age": ["1", "77"]}
    table = recommender.recommend([["i1"], []], k=2, users=asked)
    assert table.attrs["unknown"] == {"tags": 1, "page": 1, "age": 1}


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"hour": ["late"]}, "users: 'hour' must be numbers, got"),
        ({"hour": [float("nan")]}, "users: 'hour' must be finite numbers"),
        ({"hour": [1], "pages": ["p1"]}, r"users: the model knows no column 'pages'\. Did you mean 'page'"),
        ({"hour": [1, 2]}, "users: 1 histories need 1 values of 'hour', got 2"),
    ],
)
def test_wrong_columns(opened, asked, message):
    _, recommender = opened("WideDeep_IaCN")
    with pytest.raises(ConfigError, match=message):
        recommender.score([["i1"]], ["i2"], users=asked)


@pytest.mark.parametrize("model", ["DIN_IaCN", "WideDeep_IaCN"])
def test_numbers_in_buckets(opened, impressions, model):
    """They are embedded by bucket; a bundle does not have the buckets, so new values cannot be asked for."""
    training, recommender = opened(model, discretization={"hour": {"method": "ED", "bucket": 4}}, normalize_field=None)
    rows, *_ = questions(training, impressions)
    assert rows["hour"][:, 1].max() == 4
    with torch.no_grad():
        assert torch.equal(training.model.eval().predict(rows), recommender.model.predict(rows))
    for users in ({"hour": [3]}, None):
        with pytest.raises(ConfigError, match=f"users: {model} reads 'hour' of each row, which is .* in buckets"):
            recommender.score([["i1"]], ["i2"], users=users)
    # Of users the bundle has each one's bucket.
    training, recommender = opened(model, discretization={"income": {"method": "ED", "bucket": 4}})
    rows, histories, items, asked = questions(training, impressions)
    with torch.no_grad():
        wanted = training.model.eval().predict(rows.to("cpu")).numpy()
    np.testing.assert_allclose(np.diag(recommender.score(histories, items, users=asked)), wanted, rtol=1e-6, atol=1e-6)
    with pytest.raises(ConfigError, match=r"users: 'income' is a list of numbers or in buckets.* leave it out"):
        recommender.score([["i1"]], ["i2"], users={"hour": [3], "income": [0.3]})


def test_columns_that_the_model_does_not_read_are_said(opened, caplog):
    _, recommender = opened("DIN_IaCN", user_fields=False)
    plain = recommender.score([["i1"]], ["i2"])
    with caplog.at_level(logging.WARNING):
        assert recommender.score([["i1"]], ["i2"], users={"age": ["1"], "page": ["p1"]}) == plain
    assert "DIN_IaCN does not read age, page: these columns change nothing" in caplog.text


def test_a_table_of_users_beside_a_table_of_clicks(opened):
    """They are joined by the user, whatever the order of either."""
    _, recommender = opened("WideDeep_IaCN")
    clicks = pd.DataFrame({"user_id": ["b", "a", "b"], "item_id": ["i1", "i2", "i3"], "timestamp": [2, 1, 1]})
    users = pd.DataFrame({"user_id": ["a", "b"], "age": ["0", "2"], "income": [0.1, 0.9], "likes": [["x"], ["z"]]})
    users = users.assign(hour=[1, 22], page=["p0", "p1"], tags=[["a"], ["b"]])
    found = recommender.score(clicks, ["i5"], users=users)
    rows = {name: [users[name][1], users[name][0]] for name in users if name != "user_id"}
    np.testing.assert_array_equal(found, recommender.score([["i3", "i1"], ["i2"]], ["i5"], users=rows))
    with pytest.raises(ConfigError, match="users: 'b' has a history, but no row in the table of users"):
        recommender.score(clicks, ["i5"], users=users[:1])
    with pytest.raises(ConfigError, match="users: 'a' has two rows"):
        recommender.score(clicks, ["i5"], users=pd.concat([users, users[:1]]))
