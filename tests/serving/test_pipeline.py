"""What interests find, a click model ranks: exactly what it would choose among these items."""

import logging

import numpy as np
import pandas as pd
import pytest
import torch
from helpers import SHORT_RANKING, give_other_weights, write_atomic

import recbole_iacn
from recbole_iacn.errors import ConfigError
from recbole_iacn.serving.pipeline import Pipeline

pytest.importorskip("faiss")

HISTORIES = [["i3", "i7", "i11"], [], ["i5"], ["i1", "i2", "i3", "i4", "i5", "i6", "i7", "i8", "i9"], ["i3", "i3"]]


@pytest.fixture(scope="module")
def recommender(settings_of, tmp_path_factory):
    """Opens a bundle of a model with random weights, large enough that no two scores are equal."""
    opened = {}

    def make(name="DIN_IaCN", dataset="tiny", **changes):
        key = name, dataset, repr(changes)
        if key not in opened:
            of_family = {} if name.endswith("_IaCN") or name in ("DIN", "BPR") else SHORT_RANKING
            training = recbole_iacn.build(name, dataset, config_dict=settings_of(**{**of_family, **changes}))
            give_other_weights(training.model)
            path = tmp_path_factory.mktemp("bundles") / name
            opened[key] = recbole_iacn.load(training.save(str(path)))
        return opened[key]

    return make


@pytest.fixture(scope="module")
def two(recommender):
    return recommender("MIND"), recommender("DIN_IaCN", user_fields=True)


def retrieved(retriever, history, count, left_out=()):
    """The items with the largest product with an interest, by NumPy; (tokens, products)."""
    tokens, vectors = retriever.item_vectors()
    interests, active = retriever.user_vectors([history])
    products = (interests[0][active[0]] @ vectors.T).max(axis=0)
    order = [place for place in np.argsort(-products) if tokens[place] not in left_out]
    return {tokens[place]: products[place] for place in order[:count]}


@pytest.mark.parametrize("retriever", ["MIND", "ComiRec", "TiMiRec", "YouTubeDNN", "DIN_IaCN", "WideDeep_IaCN"])
@pytest.mark.parametrize("exclude_seen", [True, False])
def test_the_candidates_are_those_with_the_largest_products(recommender, retriever, exclude_seen):
    retriever, ranker = recommender(retriever), recommender("DIN_IaCN", user_fields=True)
    pipeline = Pipeline(retriever, ranker)
    found = pipeline.candidates(*pipeline.rows(HISTORIES), 7, exclude_seen)
    for history, ids in zip(HISTORIES, found):
        if history:
            expected = retrieved(retriever, history, 7, history if exclude_seen else ())
            assert set(ranker.items[ids - 1]) == set(expected)
            assert (np.diff(ids) > 0).all()


def test_of_the_candidates_the_ranker_chooses(two):
    pipeline = recbole_iacn.Recommender.pipeline(*two)
    table = pipeline.recommend(HISTORIES, k=4, candidates=9)
    chosen = [retrieved(two[0], history, 9, history) for history in HISTORIES]
    expected = two[1].rank(HISTORIES, [list(of) for of in chosen])
    expected = expected[(expected["rank"] <= 4) & (expected["user_id"] != 1)].reset_index(drop=True)  # 1 is empty
    pd.testing.assert_frame_equal(table[table["user_id"] != 1].reset_index(drop=True), expected)


@pytest.mark.parametrize("kind", [None, "exact", "ivf"])
@pytest.mark.parametrize("exclude_seen", [True, False])
@pytest.mark.parametrize("candidates", [40, 1000])
def test_with_all_items_as_candidates_it_is_the_full_ranking(two, kind, exclude_seen, candidates):
    pipeline = Pipeline(*two, index=kind)
    ours = pipeline.recommend(HISTORIES, 20, exclude_seen, candidates=candidates)
    everything = two[1].recommend(HISTORIES, 20, exclude_seen)
    pd.testing.assert_frame_equal(ours, everything)
    assert ours.attrs == everything.attrs


def test_enough_remain_after_what_was_seen(two):
    """The interests of a long history find the history itself first."""
    pipeline = Pipeline(*two)
    history = [f"i{item}" for item in range(30)]
    found = pipeline.candidates(*pipeline.rows([history, ["i2"]]), 5)
    assert (found > 0).all()
    assert not set(two[1].items[found[0] - 1]) & set(history)
    short = pipeline.candidates(*pipeline.rows([history]), 20)  # 40 items, 10 of them not in the history
    assert (short > 0).sum() == 10 and (short[:, 10:] == 0).all()
    table = pipeline.recommend([history], k=20, candidates=20)
    assert table["rank"].tolist() == list(range(1, 11))


def test_the_answer_does_not_depend_on_the_company(two):
    pipeline = Pipeline(*two)
    together = pipeline.recommend(HISTORIES, k=5, candidates=8)
    alone = [pipeline.recommend([history], k=5, candidates=8).assign(user_id=i) for i, history in enumerate(HISTORIES)]
    pd.testing.assert_frame_equal(together, pd.concat(alone, ignore_index=True))


def test_many_rows_are_answered_in_parts(two, monkeypatch):
    pipeline = Pipeline(*two)
    histories = [[f"i{i % 40}", f"i{i * 7 % 40}"] for i in range(30)] + [[]]
    whole = pipeline.recommend(histories, k=3, candidates=6)
    monkeypatch.setattr("recbole_iacn.serving.pipeline._FOUND", 100)  # about two rows at a time
    pd.testing.assert_frame_equal(pipeline.recommend(histories, k=3, candidates=6), whole)


def test_a_click_twice_is_left_out_once(two):
    """A duplicate in the history neither widens what is left out nor repeats a recommendation."""
    table = Pipeline(*two).recommend([["i3", "i3", "i3"]], k=8, candidates=8)
    assert table["item_id"].is_unique and len(table) == 8 and "i3" not in set(table["item_id"])


def test_nobody_is_no_question(two):
    with pytest.raises(ConfigError, match="histories: there is none"):
        Pipeline(*two).recommend([], k=3)


def test_an_empty_history_gets_what_the_ranker_prefers_without_one(two):
    _, ranker = two
    pipeline = Pipeline(*two)
    prefers = ranker.recommend([[]], k=6)["item_id"].tolist()
    found = pipeline.candidates(*pipeline.rows([[], ["unheard of"]]), 6)
    for ids in found:
        assert set(ranker.items[ids - 1]) == set(prefers)
    # Its own columns decide the order of these.
    users = {"age": ["2"]}
    ours = pipeline.recommend([[]], k=6, users=users, candidates=6)
    pd.testing.assert_frame_equal(ours, ranker.rank([[]], [prefers], users=users))


def test_items_are_matched_by_token(recommender, tmp_path_factory, caplog):
    """Another order of the file numbers the items otherwise: the retriever's answer is the same."""
    ranker, folder = recommender("DIN_IaCN"), write_atomic(tmp_path_factory.mktemp("other"), items=45)
    path = folder / "tiny" / "tiny.inter"
    header, *lines = path.read_text().splitlines()
    kept = [line for line in lines if "\ti7\t" not in line]
    path.write_text("\n".join([header, *reversed(kept)]) + "\n")
    items = folder / "tiny" / "tiny.item"
    items.write_text("\n".join(line for line in items.read_text().splitlines() if not line.startswith("i7\t")) + "\n")
    retriever = recommender("MIND", data_path=str(folder))
    with caplog.at_level(logging.WARNING):
        pipeline = Pipeline(retriever, ranker)
    assert (pipeline.only_retriever, pipeline.only_ranker) == (5, 1)
    assert "5 items are known to the retriever only, 1 to the ranker only; they are not recommended" in caplog.text
    history = ["i3", "i9", "i12"]
    expected = retrieved(retriever, history, 10, {*history, *(f"i{item}" for item in range(40, 45))})
    found = pipeline.candidates(*pipeline.rows([history]), 10)[0]
    assert set(ranker.items[found - 1]) == set(expected)
    everything = pipeline.recommend([["i7"], history], k=30, candidates=39)
    assert "i7" not in set(everything["item_id"])
    same = ranker.recommend([["i7"], history], k=30, among=[item for item in ranker.items if item != "i7"])
    pd.testing.assert_frame_equal(everything[everything["user_id"] == 1], same[same["user_id"] == 1])


def test_among_some_items(two):
    pipeline = Pipeline(*two)
    among = [f"i{item}" for item in range(0, 40, 2)]
    few = pipeline.recommend(HISTORIES, 5, among=among, candidates=20)  # the ranker scores all of them
    pd.testing.assert_frame_equal(few, two[1].recommend(HISTORIES, 5, among=among))
    found = pipeline.candidates(*pipeline.rows([["i3", "i4"]]), 6, among=two[1].ids_of(among))[0]
    expected = retrieved(two[0], ["i3", "i4"], 6, {"i3", "i4"} | {f"i{item}" for item in range(1, 40, 2)})
    assert set(two[1].items[found - 1]) == set(expected)
    pair = pipeline.recommend([["i3"]], 3, among=["i0", "i2", "unheard of"])
    assert pair["rank"].tolist() == [1, 2] and set(pair["item_id"]) == {"i0", "i2"}
    for count in (6, 25):
        unknown = pipeline.recommend(HISTORIES, 5, among=[*among, "unheard of"], candidates=count)
        pd.testing.assert_frame_equal(unknown, pipeline.recommend(HISTORIES, 5, among=among, candidates=count))
        assert unknown.attrs == {"unknown": {"item_id": 1}}
    more = pipeline.recommend([[], ["i3"]], 5, among=among, candidates=6)
    assert set(more["item_id"]) <= set(among) and len(more) == 10


def test_each_model_gets_the_columns_that_it_knows(two, caplog):
    """The retriever was trained without the table of users."""
    pipeline = Pipeline(*two)
    histories = [["i3", "i7"], ["i5"]]
    for users in ({"age": ["1", "2"]}, pd.DataFrame({"age": ["1", "2"]})):
        rows = pipeline.rows(histories, users=users)[1]
        assert torch.equal(two[1].scores(rows), two[1].scores(two[1].rows(histories, users=users)))
    with pytest.raises(ConfigError, match="the model knows no column 'agee'"):
        pipeline.recommend(histories, users={"agee": ["1", "2"]})
    table = pipeline.recommend(histories, k=2, users=["u1", "u2"])
    assert table["user_id"].tolist() == ["u1", "u1", "u2", "u2"]


def test_what_either_model_does_not_know_is_said(recommender, two, caplog):
    pipeline = Pipeline(*two)
    with caplog.at_level(logging.WARNING):
        pipeline.recommend([["i3", "unheard of"]], k=2)
    said = [record.getMessage() for record in caplog.records]
    assert [line.partition(":")[0] for line in said] == ["DIN_IaCN", "MIND"]
    assert all("1 of item_id" in line for line in said)
    caplog.clear()
    alone = recommender("DIN_IaCN", user_fields=True)
    with caplog.at_level(logging.WARNING):
        Pipeline(alone, alone).recommend([["i3", "unheard of"]], k=2)
    assert len(caplog.records) == 1


def test_a_table_of_histories(two):
    table = pd.DataFrame({"user_id": ["b", "a", "b"], "item_id": ["i7", "i5", "i3"], "timestamp": [2, 1, 1]})
    ours = Pipeline(*two).recommend(table, k=3, candidates=5)
    lists = Pipeline(*two).recommend([["i3", "i7"], ["i5"]], k=3, candidates=5)
    assert ours["user_id"].tolist() == ["b"] * 3 + ["a"] * 3
    assert ours["item_id"].tolist() == lists["item_id"].tolist()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"k": 0}, "k: must be a whole number from 1 to 40"),
        ({"k": 41, "candidates": 50}, "k: must be a whole number from 1 to 40"),
        ({"k": 10, "candidates": 9}, "candidates: must be at least k, 10, got 9"),
        ({"candidates": 0}, "candidates: must be a whole number of at least 1, got 0"),
        ({"candidates": 1.5}, "candidates: must be a whole number of at least 1, got 1.5"),
        ({"k": 3, "among": ["i1", "i2"]}, "k: must be a whole number from 1 to 2"),
        ({"histories": "i3"}, "histories: must be a list of lists"),
    ],
)
def test_a_wrong_question_is_one_line(two, arguments, message):
    with pytest.raises(ConfigError, match=message) as error:
        Pipeline(*two).recommend(**{"histories": HISTORIES, **arguments})
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("retriever", "ranker", "options", "message"),
    [
        (("DIN", {}), "DIN_IaCN", {}, "DIN: has no interests"),
        (("DIN_IaCN", {"iacn_mode": "off"}), "DIN_IaCN", {}, "iacn_mode: interests need the capsules of mode full"),
        (("MIND", {}), "BPR", {}, "ranker: BPR reads no history"),
        (("MIND", {}), "DIN_IaCN", {"index": "tree"}, "index: must be one of exact, hnsw, ivf, got 'tree'"),
        (("MIND", {}), "DIN_IaCN", {"nprobe": 0}, "nprobe: must be an integer of at least 1, got 0"),
    ],
)
def test_two_models_that_make_no_pipeline_are_one_line(recommender, retriever, ranker, options, message):
    retriever = recommender(retriever[0], **retriever[1])
    ranker = recommender(ranker, **({"mlp_hidden_size": ...} if ranker == "BPR" else {}))
    with pytest.raises(ConfigError, match=message) as error:
        Pipeline(retriever, ranker, **options)
    assert "\n" not in str(error.value)


def test_models_without_a_common_item_make_no_pipeline(two, monkeypatch):
    monkeypatch.setattr(two[1], "ids_of", lambda tokens: np.zeros(len(tokens), np.int64))
    with pytest.raises(ConfigError, match="pipeline: retriever and ranker have no item in common"):
        Pipeline(*two)
