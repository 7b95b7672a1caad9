"""A trained model answers as its trainer did, whoever asks, however the question is put."""

import logging

import numpy as np
import pandas as pd
import pytest
import torch
from helpers import BACKBONES
from hypothesis import HealthCheck, given
from hypothesis import settings as how
from hypothesis import strategies as st

import recbole_iacn
from recbole_iacn.errors import ConfigError
from recbole_iacn.names import FAMILY

CASES = [
    *((f"{name}_IaCN", {"iacn_mode": mode}) for name in BACKBONES for mode in ("off", "width", "full")),
    *((name, {}) for name in FAMILY),
    ("ComiRec", {"extractor": "dr"}),
    ("MIND", {"h_layer": True}),
    *((f"{name}_IaCN", {"user_fields": True}) for name in ("DIN", "DIEN")),
    *((name, {}) for name in ("Popularity", "ItemNeighbours", "DIN", "DIEN")),
    ("SASRec", {"history_dataset": True, "loss_type": "CE", "train_neg_sample_args": None}),
    ("SASRec", {"positions_from": "newest", "history_dataset": True, "loss_type": "CE", "train_neg_sample_args": None}),
]
NAMES = [f"{name}-{'-'.join(map(str, changes.values()))}" for name, changes in CASES]
ROWS = 25


def opened(settings_of, path, model, **changes):
    """A training with random weights that every part feels, and its bundle, opened."""
    columns = {"user": ["user_id", "age"]} if changes.get("user_fields") else {}
    load = {"inter": ["user_id", "item_id", "timestamp"], "item": ["item_id", "categories"], **columns}
    if model in ("SASRec", "DIN", "DIEN"):
        changes = {"eval_args": {"split": {"LS": "valid_and_test"}, "order": "TO", "mode": "full"}, **changes}
        changes["metrics"], changes["valid_metric"] = ["Recall"], "Recall@10"
    training = recbole_iacn.build(model, "tiny", config_dict=settings_of(load_col=load, **changes))
    torch.manual_seed(1)
    for parameter in training.model.parameters():
        # Not so large that the scores are all 0 or 1.
        torch.nn.init.normal_(parameter, std=0.2 if model.startswith("AutoInt") else 0.4)
    training.save(str(path))
    return training, recbole_iacn.load(path)


def questions(training, count=ROWS):
    """Rows of the data as the trainer has them, and the same in tokens."""
    data = training.test_data._dataset
    rows = data[list(range(min(count, len(data))))]
    names = training.dataset.field2id_token
    histories = [names["item_id"][row[row > 0]].tolist() for row in rows["item_id_list"].numpy()]
    asked = {"users": names["user_id"][rows["user_id"].numpy()].tolist()}
    if "elapsed_list" in rows:
        elapsed = rows["elapsed_list"].numpy()
        asked["times"] = [row[: len(history)].tolist() for row, history in zip(elapsed, histories)]
    return rows, histories, names["item_id"][rows["item_id"].numpy()].tolist(), asked


@torch.no_grad()
def predicted(training, rows, items=None):
    """The trainer's scores of each row's item, or of other items."""
    rows = rows.to("cpu")
    if items is not None:
        rows.update(training.dataset.get_item_feature()[torch.as_tensor(items)])
        rows.update(type(rows)({"item_id": torch.as_tensor(items)}))
    return training.model.eval().predict(rows).numpy()


@pytest.mark.slow
@pytest.mark.parametrize(("model", "changes"), CASES, ids=NAMES)
def test_scores_are_the_trainers_own(settings_of, tmp_path, model, changes):
    training, recommender = opened(settings_of, tmp_path / "bundle", model, **changes)
    rows, histories, items, asked = questions(training)
    every = recommender.score(histories, recommender.items, **asked)
    wanted = predicted(training, rows)
    np.testing.assert_allclose(np.diag(recommender.score(histories, items, **asked)), wanted, rtol=1e-6, atol=1e-6)
    assert np.ptp(wanted) > 1e-3
    other = np.arange(len(histories)) % len(recommender.items)
    of_others = predicted(training, rows, other + 1)
    np.testing.assert_allclose(every[np.arange(len(histories)), other], of_others, rtol=1e-6, atol=1e-6)
    best = recommender.recommend(histories, k=5, **asked)
    for place, (name, table) in enumerate(best.groupby("user_id", sort=False)):
        assert name == asked["users"][place]
        scores = pd.Series(every[place], recommender.items).drop(set(histories[place]), errors="ignore")
        expected = scores.sort_values(ascending=False)[:5]
        np.testing.assert_allclose(table["score"], expected, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(scores[table["item_id"]], table["score"], rtol=1e-5, atol=1e-6)
        assert table["rank"].tolist() == [1, 2, 3, 4, 5]


@pytest.fixture(scope="module")
def din(settings_of, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("run"))
        return opened(settings_of, tmp_path_factory.mktemp("din") / "bundle", "DIN_IaCN")


@pytest.fixture(scope="module")
def of_model(settings_of, tmp_path_factory):
    """Open the bundle of a model, once per model."""
    made = {}

    def get(model, **changes):
        key = model, *changes.items()
        if key not in made:
            with pytest.MonkeyPatch.context() as patch:
                patch.chdir(tmp_path_factory.mktemp("run"))
                made[key] = opened(settings_of, tmp_path_factory.mktemp("of") / "bundle", model, **changes)
        return made[key]

    return get


TOKENS = st.sampled_from([f"i{place}" for place in range(40)] + ["nothing"])


@pytest.mark.parametrize("model", ["DIN_IaCN", "DIEN_IaCN", "WideDeep_IaCN", "MIND", "ComiRec"])
@how(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(histories=st.lists(st.lists(TOKENS, max_size=12), min_size=1, max_size=7), at_once=st.integers(1, 3))
def test_neighbours_in_a_batch_change_nothing(of_model, model, histories, at_once):
    _, recommender = of_model(model)
    together = recommender.score(histories, recommender.items)
    for begin in range(0, len(histories), at_once):
        alone = recommender.score(histories[begin : begin + at_once], recommender.items)
        np.testing.assert_allclose(alone, together[begin : begin + at_once], rtol=1e-5, atol=1e-6)
    assert np.isfinite(together).all()


def test_a_table_is_asked_like_lists(din):
    training, recommender = din
    _, histories, _, asked = questions(training)
    long = [
        {"user_id": user, "item_id": item, "timestamp": 100 + place}
        for user, history in zip(asked["users"], histories)
        for place, item in enumerate(history)
    ]
    shuffled = pd.DataFrame(long).sample(frac=1, random_state=0)
    from_table = recommender.recommend(shuffled, k=4)
    from_lists = recommender.recommend(histories, k=4, users=asked["users"])
    for user, table in from_lists.groupby("user_id"):
        other = from_table[from_table["user_id"] == user]
        assert other["item_id"].tolist() == table["item_id"].tolist()
    polars = pytest.importorskip("polars")
    pd.testing.assert_frame_equal(recommender.recommend(polars.DataFrame(shuffled.to_dict("list")), k=4), from_table)


def test_only_the_newest_clicks_are_read_and_all_are_left_out(din):
    _, recommender = din  # which reads 6 clicks
    items = recommender.items.tolist()
    long, newest = items[:15], items[9:15]
    np.testing.assert_array_equal(recommender.score([long], items), recommender.score([newest], items))
    assert set(recommender.recommend([long], k=20)["item_id"]).isdisjoint(long)
    assert not set(recommender.recommend([newest], k=30)["item_id"]).isdisjoint(long)
    everything = recommender.recommend([long], k=len(items), exclude_seen=False)
    assert sorted(everything["item_id"]) == sorted(items)


def test_fewer_items_than_asked(din):
    _, recommender = din
    items = recommender.items.tolist()
    assert recommender.recommend([items[:-3], items[:2]], k=5).groupby("user_id").size().tolist() == [3, 5]


def test_unknown_tokens_are_counted_and_said_once(din, caplog):
    _, recommender = din
    items = recommender.items.tolist()
    with caplog.at_level(logging.WARNING):
        known = recommender.recommend([[items[0], items[1]], []], k=3)
        assert not caplog.records
        unknown = recommender.recommend([[items[0], "x", items[1], "y"], ["z"]], k=3, users=["u1", "nobody"])
    assert unknown["item_id"].tolist() == known["item_id"].tolist()
    assert unknown.attrs["unknown"] == {"item_id": 3, "user_id": 1}
    (record,) = caplog.records
    assert "tokens that the model does not know: 3 of item_id, 1 of user_id" in record.getMessage()
    scores = recommender.score([[items[0]]], ["x", items[2]])
    assert np.isnan(scores[0, 0]) and scores[0, 1] == recommender.score([[items[0]]], [items[2]])[0, 0]


def test_candidates_of_each_history_are_ranked(din):
    training, recommender = din
    _, histories, *_ = questions(training, 2)
    items = recommender.items.tolist()
    table = recommender.rank(histories, [items[:4], [items[7], "x", items[5]]])
    assert table["user_id"].tolist() == [0, 0, 0, 0, 1, 1]
    for place, of in enumerate([items[:4], [items[7], items[5]]]):
        own = recommender.score([histories[place]], of)[0]
        order = np.argsort(-own, kind="stable")
        part = table[table["user_id"] == place]
        assert part["item_id"].tolist() == [of[i] for i in order]
        np.testing.assert_allclose(part["score"], own[order], rtol=1e-6)


def test_only_the_items_that_one_may_choose_from(din):
    _, recommender = din
    items = recommender.items.tolist()
    few = recommender.recommend([[items[0]]], k=3, among=[items[5], items[0], items[9], items[7], "x"])
    scores = pd.Series(
        recommender.score([[items[0]]], [items[5], items[9], items[7]])[0], [items[5], items[9], items[7]]
    )
    assert few["item_id"].tolist() == scores.sort_values(ascending=False).index.tolist()
    assert recommender.recommend([[items[0]]], k=1, among=["x"]).empty
    most = [item for item in items if item != items[3]]
    assert items[3] not in set(recommender.recommend([[]], k=len(most), among=most)["item_id"])


def test_few_items_of_many_histories_are_scored_in_parts(of_model, monkeypatch):
    """SASRec scores all items of a row at once, also where one is asked for."""
    _, recommender = of_model("SASRec", train_neg_sample_args=None)
    full_sort, sizes = recommender.model.full_sort_predict, []
    monkeypatch.setattr(recommender._item_scores, "rows_at_once", 3)
    monkeypatch.setattr(
        recommender.model, "full_sort_predict", lambda rows: sizes.append(len(rows["user_id"])) or full_sort(rows)
    )
    histories = [[item] for item in recommender.items[:8]]
    scores = recommender.score(histories, ["i3"])
    assert sizes == [3, 3, 2]
    np.testing.assert_allclose(scores[7], recommender.score(histories[7:], ["i3"])[0], rtol=1e-5)


def test_users_that_the_model_never_saw_are_average_ones(of_model):
    """WideDeep has a vector per user: a new one's is their mean, computed apart from the weights."""
    training, recommender = of_model("WideDeep_IaCN")
    model, table = training.model, training.model.token_embedding_table
    start = int(table.offsets[model.token_field_names.index("user_id")])
    mean = table.embedding.weight[start + 1 : start + training.dataset.user_num].mean(dim=0)
    settled = recommender.model.token_embedding_table.embedding.weight
    torch.testing.assert_close(settled[start], mean.detach())
    known = recommender.score([["i1", "i2"]], ["i3"], users=["u3"])
    new, nobody = recommender.score([["i1", "i2"]], ["i3"]), recommender.score([["i1", "i2"]], ["i3"], users=["x"])
    assert new == nobody and new != known


def test_columns_of_new_users(of_model):
    """A new user with a known one's age and history has its score, where the model reads the age, not the id."""
    for model in ("DIN_IaCN", "DIEN_IaCN"):
        training, recommender = of_model(model, user_fields=True)
        for table in (m.embedding_layer.token_embedding_table["user"] for m in (training.model, recommender.model)):
            table.embedding.weight.data[: training.dataset.user_num] = 0  # DIEN also reads the id
        ages = training.dataset.field2id_token["age"][training.dataset.user_feat["age"]]
        old, young = (f"u{place}" for place in (1, 2))
        by_name = dict(zip(training.dataset.field2id_token["user_id"].tolist(), ages.tolist()))
        asked = {"age": [by_name[old], by_name[young], by_name[old]]}
        history = ["i4", "i8", "i1"]
        new = recommender.score([history] * 3, ["i2", "i3"], users=pd.DataFrame(asked))
        known = recommender.score([history] * 2, ["i2", "i3"], users=[old, young])
        np.testing.assert_allclose(new, known[[0, 1, 0]], rtol=1e-6)
        assert np.abs(known[0] - known[1]).max() > 1e-5
        again = recommender.score([history] * 2, ["i2", "i3"], users=[old, young])
        np.testing.assert_array_equal(again, known)  # the model's own table of users is as it was


def test_the_columns_of_new_users_are_forgotten(of_model):
    """The model's table of users and the rows are as they were, also after an error."""
    _, recommender = of_model("DIN_IaCN", user_fields=True)
    known = recommender.model.embedding_layer.user_feat
    rows = recommender.rows([["i1"], ["i2"]], users={"user_id": ["u3", "new"], "age": ["1", "2"]})
    ids = rows.interaction["user_id"].clone()
    recommender.scores(rows)
    with pytest.raises(IndexError):
        recommender.scores_of(rows, torch.tensor([[10**6], [1]]))
    assert recommender.model.embedding_layer.user_feat is known
    assert torch.equal(rows.interaction["user_id"], ids) and int(ids[0]) > 0


def test_an_empty_history_has_one_padding_item_where_a_model_needs_it(of_model):
    """SASRec takes its state at the last place; DIN_IaCN reads an empty history as it is."""
    for model, changes, length in (("SASRec", {"train_neg_sample_args": None}, 1), ("DIN_IaCN", {}, 0)):
        _, recommender = of_model(model, **changes)
        assert recommender.rows([[], ["i1", "i2"]]).interaction["item_length"].tolist() == [length, 2]


def test_a_model_that_reads_times_wants_them(of_model):
    _, recommender = of_model("TiSASRec")
    history = ["i1", "i2", "i3"]
    early = recommender.score([history], ["i5"], times=[[0, 10, 20]])
    late = recommender.score([history], ["i5"], times=[[0, 10, 2000]])
    assert early != late
    table = pd.DataFrame({"user_id": "a", "item_id": history, "timestamp": [0, 10, 20]})
    np.testing.assert_array_equal(recommender.score(table, ["i5"]), early)
    moments = table.assign(timestamp=pd.to_datetime(table["timestamp"], unit="s"))
    np.testing.assert_allclose(recommender.score(moments, ["i5"]), early, rtol=1e-6)
    with pytest.raises(ConfigError, match="TiSASRec reads the time of every click; give times"):
        recommender.score([history], ["i5"])
    assert np.isfinite(recommender.score([[]], ["i5"])).all()


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"histories": "i1"}, "histories: must be a list of lists .* got str"),
        ({"histories": ["i1", "i2"]}, "histories: must be a list of lists .* got 'i1' at place 0"),
        ({"histories": [["i1"], [None]]}, "histories, place 1: must be a list of item tokens.* got None"),
        ({"histories": [["i1", 2.5]]}, r"histories, place 0: .* got 2\.5 in it"),
        ({"histories": []}, "histories: there is none"),
        ({"histories": [[0, 0, "i1"]]}, "histories: '0' looks like padding"),
        ({"histories": [["[PAD]", "i1"]]}, r"histories: '\[PAD\]' looks like padding"),
        ({"histories": [["", "i1"]]}, "histories: '' looks like padding"),
        ({"k": 0}, "k: must be a whole number from 1 to 40, .* got 0"),
        ({"k": 41}, "k: must be a whole number from 1 to 40, .* got 41"),
        ({"k": 2.0}, "k: must be a whole number"),
        ({"k": True}, "k: must be a whole number"),
        ({"k": 3, "among": ["i1", "i2"]}, "k: must be a whole number from 1 to 2"),
        ({"among": []}, "among: has no item; leave it out to choose from all"),
        ({"among": "i1"}, "among: must be a list of item tokens, got 'i1'"),
        ({"times": [[1, 2]]}, "times: the history at place 0 has 3 items"),
        ({"times": [[1, 3, 2]]}, "times: the history at place 0 is not in order"),
        ({"times": [[1, 2, "x"]]}, "times: must be numbers"),
        ({"times": [1, 2, 3]}, "times: must be a list of 1 lists|times: the history"),
        ({"users": ["u1", "u2"]}, "users: 1 histories need 1 values of 'user_id', got 2"),
        ({"users": "u1"}, "users: must be a list of user tokens, got 'u1'"),
        ({"users": {"aeg": ["1"]}}, "users: the model knows no column 'aeg'"),
        ({"histories": pd.DataFrame({"user": ["a"], "item_id": ["i1"]})}, "the table has no column 'user_id'"),
        ({"histories": pd.DataFrame({"user_id": [], "item_id": []})}, "histories: the table has no row"),
        ({"histories": pd.DataFrame({"user_id": ["a"], "item_id": [None]})}, "must not be empty"),
    ],
)
def test_wrong_questions(din, asked, message):
    _, recommender = din
    with pytest.raises(ConfigError, match=message) as error:
        recommender.recommend(**{"histories": [["i1", "i2", "i3"]], "k": 2, **asked})
    assert "\n" not in str(error.value)


def test_a_name_that_is_a_number_is_a_token(settings_of, tmp_path):
    """'0' may be an item; then it is not padding."""
    folder = tmp_path / "data" / "numbers"
    folder.mkdir(parents=True)
    clicks = [f"{user}\t{(user + step) % 7}\t{step}" for user in range(30) for step in range(5)]
    (folder / "numbers.inter").write_text("\n".join(["user_id:token\titem_id:token\ttimestamp:float", *clicks]) + "\n")
    columns = {"inter": ["user_id", "item_id", "timestamp"]}
    made = settings_of(data_path=str(tmp_path / "data"), load_col=columns)
    recbole_iacn.build("MIND", "numbers", config_dict=made).save(str(tmp_path / "bundle"))
    recommender = recbole_iacn.load(tmp_path / "bundle")
    by_number, by_text = recommender.score([[0, 3, 0]], [1, 2]), recommender.score([["0", "3", "0"]], ["1", "2"])
    np.testing.assert_array_equal(by_number, by_text)
    assert recommender.ids_of([3, 0, 9]).tolist() == recommender.ids_of(["3", "0", "9"]).tolist()
    assert recommender.ids_of([3, 0, 9]).astype(bool).tolist() == [True, True, False]


def test_the_face_of_the_package(din):
    assert recbole_iacn.Recommender is type(din[1])
    assert {"load", "Recommender"} <= set(dir(recbole_iacn))
