"""Reported inputs that gave wrong figures in 0.5.0 (../shared/cases): each now gives the right value, or one line.

The right values are computed from the files, by pandas.
"""

import shutil
from pathlib import Path

import pandas as pd
import pytest
import torch

import recbole_iacn
from recbole_iacn.errors import ConfigError

CASES = Path(__file__).parents[2] / "shared" / "cases"

pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="../shared/cases is not available")

SPLIT = {"split": {"LS": "valid_and_test"}, "order": "TO", "group_by": "user"}
FULL = {
    "protocol": None,
    "eval_args": {**SPLIT, "mode": "full"},
    "metrics": ["Hit"],
    "valid_metric": "Hit@5",
    "topk": [5],
}
CLICKS = {"inter": ["user_id", "item_id", "timestamp"]}
LABELS = {"inter": ["user_id", "item_id", "timestamp", "label"]}
RATINGS = {"inter": ["user_id", "item_id", "timestamp", "rating"]}


@pytest.fixture
def case(tmp_path):
    """Copies a case; returns a function that builds a training on it, and one that reads its files."""

    def open_case(name):
        shutil.copytree(CASES / name, tmp_path, dirs_exist_ok=True)
        for path in tmp_path.rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)

        def build(model, dataset="shop", **more):
            base = {"data_path": str(tmp_path / "data"), "epochs": 1, "show_progress": False, "state": "ERROR"}
            layers = (
                {} if model in ("MIND", "ComiRec", "TiMiRec", "TiSASRec", "SASRec") else {"mlp_hidden_size": [16, 8]}
            )
            return recbole_iacn.build(model, dataset, config_dict={**base, **layers, **more})

        def read(file):
            rows = pd.read_csv(tmp_path / "data" / file, sep="\t", quoting=3, dtype=str, keep_default_na=False)
            return rows.rename(columns=lambda column: column.partition(":")[0])

        return build, read

    return open_case


def rows_of(loader, history=None):
    """User, history and item of each row, as tokens."""
    data = loader._dataset
    feat = data.inter_feat.gather() if hasattr(data.inter_feat, "gather") else data.inter_feat
    users, items = data.field2id_token[data.uid_field], data.field2id_token[data.iid_field]
    lists = feat[history or f"{data.iid_field}_list"].tolist()
    for user, seen, item in zip(feat[data.uid_field].tolist(), lists, feat[data.iid_field].tolist()):
        yield str(users[user]), [str(items[one]) for one in seen if one], str(items[item])


FILES = {
    "benchmark_filename": ["train", "valid", "test"],
    "load_col": {"inter": ["user_id", "item_id_list", "item_id"]},
}


@pytest.mark.parametrize("alias", [{}, {"alias_of_item_id": ["item_id_list"]}], ids=["without", "with"])
@pytest.mark.parametrize("model", ["DIN_IaCN", "WideDeep_IaCN", "MIND", "SASRec"])
def test_benchmark_lists_numbered_apart(case, model, alias):
    build, read = case("benchmark-lists-numbered-apart")
    made = build(model, **FILES, **FULL, **({"loss_type": "BPR"} if model == "SASRec" else {}), **alias)
    told = read("shop/shop.test.inter")
    assert [seen for _, seen, _ in rows_of(made.test_data)] == told["item_id_list"].str.split().tolist()
    assert [item for *_, item in rows_of(made.test_data)] == told["item_id"].tolist()


@pytest.mark.parametrize("model", ["DIN_IaCN", "WideDeep_IaCN", "MIND"])
def test_benchmark_lists_longer_than_a_history_keep_the_newest(case, model):
    build, read = case("benchmark-other-tracebacks")
    told = read("shop/shop.test.inter")["item_id_list"].str.split()
    for more, length in (({}, 20), ({"seq_len": {"item_id_list": 10}}, 10)):
        made = build(model, **FILES, **FULL, **more)
        assert [seen for _, seen, _ in rows_of(made.test_data)] == [row[-length:] for row in told]
        assert made.fit(saved=False) and made.test()


@pytest.mark.parametrize("model", ["DIN_IaCN", "MIND"])
def test_benchmark_files_in_two_parts(case, model):
    build, read = case("benchmark-other-tracebacks")
    made = build(model, **{**FILES, "benchmark_filename": ["train", "test"]}, **FULL)
    made.fit(saved=False)
    assert len(made.test_data._dataset) == len(read("shop/shop.test.inter")) and "hit@5" in made.test()


def test_benchmark_files_with_an_item_column_of_ones_own(case):
    build, read = case("benchmark-other-tracebacks")
    load = {"inter": ["user_id", "p_id_list", "p_id"]}
    made = build(
        "DIN_IaCN", "own", **{**FILES, "load_col": load}, **{**FULL, "MAX_ITEM_LIST_LENGTH": 60}, ITEM_ID_FIELD="p_id"
    )
    told = read("own/own.test.inter")
    assert [seen for _, seen, _ in rows_of(made.test_data)] == told["p_id_list"].str.split().tolist()
    assert [item for *_, item in rows_of(made.test_data)] == told["p_id"].tolist()
    made.fit(saved=False)


@pytest.mark.parametrize("columns", [["price"], ["emb"], ["price", "weight"]])
@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("model", ["DIN", "DIN_IaCN", "DIEN_IaCN", "WideDeep_IaCN", "DSSM_IaCN"])
def test_float_features(case, model, columns, named):
    build, _ = case("float-features")
    more = {} if "IaCN" in model else {"protocol": "leave_one_out_ctr", "metrics": ["AUC"], "valid_metric": "AUC"}

    def scores(dataset):
        made = build(
            model,
            dataset,
            load_col={**CLICKS, "item": ["item_id", *columns]},
            numerical_features=columns if named else [],
            **more,
        )
        torch.manual_seed(0)
        network = type(made.model)(made.config, made.train_data._dataset).eval()
        with torch.no_grad():
            return network.predict(next(iter(made.test_data))[0])

    assert not torch.equal(scores("shop"), scores("shop2"))


@pytest.mark.parametrize(
    "mend",
    [
        {"protocol": "impressions_by_time"},
        {"val_interval": {"label": "[1,1]"}, "unused_col": {"inter": ["label"]}},
        {"protocol": None, "eval_args": {"mode": "labeled"}},
        {"protocol": None, "eval_args": {"mode": "labeled"}, "train_neg_sample_args": None},
    ],
)
def test_label_advice(case, mend):
    build, _ = case("label-advice-fails")
    made = build("DIN_IaCN", load_col=LABELS, **mend)
    made.fit(saved=False)
    assert 0 <= made.test()["auc"] <= 1


@pytest.mark.parametrize(
    ("model", "more", "message"),
    [
        ("DIN_IaCN", {"eval_args": {**SPLIT, "mode": "labeled"}, "train_neg_sample_args": None}, "NDCG needs ranks"),
        ("MIND", {"eval_args": {**SPLIT, "mode": "labeled"}, "train_neg_sample_args": None}, "NDCG needs ranks"),
        (
            "SASRec",
            {"eval_args": {**SPLIT, "mode": "labeled"}, "train_neg_sample_args": None, "loss_type": "CE"},
            "NDCG",
        ),
        (
            "DIN_IaCN",
            {"eval_args": {**SPLIT, "mode": "full"}, "metrics": ["AUC"], "valid_metric": "AUC"},
            "AUC needs scores",
        ),
    ],
)
def test_labeled_mode_with_ranking_metrics(case, model, more, message):
    build, _ = case("labeled-mode-with-ranking-metrics")
    ranks = {"metrics": ["NDCG"], "valid_metric": "NDCG@10", "topk": [10]}
    with pytest.raises(ConfigError, match=message):
        build(model, **{"protocol": None, "load_col": LABELS, **ranks, **more})


@pytest.mark.parametrize("model", ["DIN_IaCN", "WideDeep_IaCN"])
def test_labelled_histories_hold_no_non_clicks(case, model):
    build, read = case("labelled-histories-hold-non-clicks")
    made = build(
        model, load_col=LABELS, protocol=None, eval_args={**SPLIT, "mode": "labeled"}, train_neg_sample_args=None
    )
    rows = read("shop/shop.inter")
    clicked = set(zip(*(rows[rows["label"].astype(float) == 1][name] for name in ("user_id", "item_id"))))
    entries = [(user, one) in clicked for user, seen, _ in rows_of(made.test_data) for one in seen]
    assert len(entries) > 100 and all(entries)


def test_labels_not_0_or_1(case):
    build, _ = case("labels-not-0-or-1")
    own = {
        "protocol": None,
        "eval_args": {"split": {"RS": [0.6, 0.2, 0.2]}, "order": "TO", "group_by": "user", "mode": "labeled"},
    }
    for model in ("DIN_IaCN", "WideDeep_IaCN"):
        with pytest.raises(
            ConfigError, match=r"rating: labels must be 0 or 1, .* such as 5. Set threshold: \{rating: 5\}"
        ):
            build(model, load_col=RATINGS, LABEL_FIELD="rating", **own)
        with pytest.raises(
            ConfigError, match=r"label: labels must be 0 or 1, .* such as -1. Set threshold: \{label: 1\}"
        ):
            build(model, load_col=LABELS, **own)
        mended = build(model, load_col=LABELS, threshold={"label": 1}, **own)
        assert set(mended.test_data._dataset.inter_feat["label"].tolist()) == {0.0, 1.0}


RANKED = {
    "loss_type": "BPR",
    "metrics": ["Hit"],
    "valid_metric": "Hit@5",
    "topk": [5],
    "protocol": "leave_one_out_sampled",
}


@pytest.mark.parametrize("by", ["label", "rating"])
@pytest.mark.parametrize("model", ["MIND", "ComiRec", "TiMiRec", "TiSASRec", "SASRec", "DIN", "DIN_IaCN"])
def test_labels_taken_for_clicks(case, model, by):
    build, read = case("labels-taken-for-clicks")
    more = {"SASRec": RANKED, "DIN": {"protocol": "leave_one_out_ctr", "metrics": ["AUC"], "valid_metric": "AUC"}}.get(
        model, {}
    )
    rows = read("shop/shop.inter")
    clicks = rows[rows[by].astype(float) >= (1 if by == "label" else 4)]
    labels = {"load_col": LABELS} if by == "label" else {"load_col": RATINGS, "threshold": {"rating": 4}}
    made = build(model, **labels, **more)
    newest = (
        clicks.assign(time=clicks["timestamp"].astype(float)).sort_values("time").groupby("user_id")["item_id"].last()
    )
    tested = {user: item for user, _, item in rows_of(made.test_data)}
    assert len(tested) > 20 and all(newest[user] == item for user, item in tested.items())


def test_negatives_nobody_could_click(case, caplog):
    build, read = case("negatives-nobody-could-click")
    load = {**CLICKS, "item": ["item_id", "cat"]}
    clicked = set(read("shop/shop.inter")["item_id"])
    with caplog.at_level("WARNING"):
        build("DIN_IaCN", load_col=load, state="WARNING")
    assert any("negative_items" in record.message for record in caplog.records)
    for model in ("DIN_IaCN", "MIND"):
        made = build(model, load_col=load, negative_items="clicked")
        drawn = made.test_data.negatives if model == "DIN_IaCN" else made.test_data.candidates
        assert set(made.dataset.field2id_token["item_id"][drawn.reshape(-1).numpy()]) <= clicked


@pytest.mark.parametrize("model", ["DIN_IaCN", "WideDeep_IaCN", "MIND", "SASRec"])
def test_quotes_swallow_no_rows(case, model):
    build, read = case("quotes-swallow-rows")
    more = {"loss_type": "BPR", "metrics": ["Hit"], "valid_metric": "Hit@5", "topk": [5]} if model == "SASRec" else {}
    made = build(model, load_col={**CLICKS, "item": ["item_id", "genres"]}, **more)
    assert made.dataset.item_num - 1 == 40
    if model != "SASRec":
        assert len(made.dataset.clicks[0]) == len(read("shop/shop.inter")) == 356


@pytest.mark.parametrize(
    ("model", "first", "second"),
    [
        ("MIND", {"topk": [5]}, {"eval_negatives": 5, "topk": [5]}),
        ("MIND", {"protocol": "leave_one_out_full"}, {"protocol": "leave_one_out_full", "mask_history": True}),
        ("DIN_IaCN", {}, {"test_negatives_file": "negatives.tsv"}),
    ],
)
def test_saved_loaders_are_not_stale(case, tmp_path, monkeypatch, model, first, second):
    build, _ = case("saved-loaders-are-stale")
    monkeypatch.chdir(tmp_path)

    def figures(**more):
        made = build(model, load_col=CLICKS, **more)
        made.fit(saved=False)
        return made.test()

    kept = {"save_dataloaders": True, "checkpoint_dir": "work"}
    try:
        figures(**first, **kept)
    except ConfigError as error:  # rejected as a whole is honest, too
        assert "save_dataloaders" in str(error)
        return
    assert figures(**second, **kept) == figures(**second, checkpoint_dir="fresh")


def test_times_as_tokens(case, tmp_path):
    build, read = case("times-as-tokens")
    load = {"TIME_FIELD": "day", "load_col": {"inter": ["user_id", "item_id", "day"]}}
    rows = read("shop/shop.inter")
    last = rows.sort_values(["user_id", "day"], kind="stable").groupby("user_id")["item_id"].last()
    (tmp_path / "data" / "typed").mkdir()
    text = (tmp_path / "data" / "shop" / "shop.inter").read_text().replace("day:token", "day:float")
    (tmp_path / "data" / "typed" / "typed.inter").write_text(text)
    for model in ("DIN_IaCN", "MIND", "TiSASRec"):
        with pytest.raises(ConfigError, match=r"shop\.inter, line 1: .*day:float"):
            build(model, **load)
        made = build(model, "typed", **load)
        assert {user: item for user, _, item in rows_of(made.test_data)} == last.to_dict()


@pytest.mark.parametrize(
    ("model", "more"),
    [
        ("DIN_IaCN", {}),
        ("DIN_IaCN", {"protocol": None, "eval_args": {**SPLIT, "mode": "uni1"}}),
        ("WideDeep_IaCN", {"protocol": None, "eval_args": {**SPLIT, "mode": "uni1"}}),
        ("MIND", {}),
        ("MIND", {"protocol": None, "eval_args": {**SPLIT, "mode": "full"}}),
        ("TiSASRec", {"protocol": None, "eval_args": {**SPLIT, "mode": "full"}}),
        ("SASRec", {"history_dataset": True, **FULL, "loss_type": "BPR"}),
    ],
)
def test_times_are_not_rounded(case, model, more):
    build, read = case("times-rounded-without-protocol")
    rows = read("shop/shop.inter")
    rows = rows.assign(time=rows["timestamp"].astype(float)).sort_values(["user_id", "time"], kind="stable")
    wanted = rows.groupby("user_id")["item_id"].agg(list)
    made = build(model, load_col=CLICKS, **more)
    found = {user: [*seen, item] for user, seen, item in rows_of(made.test_data)}
    assert len(found) == 40 and all(found[user] == wanted[user] for user in found)


def test_tisasrec_keeps_the_fractions_of_days(case):
    build, read = case("tisasrec-times-in-days")
    made = build("TiSASRec", load_col=CLICKS)
    feat = made.train_data._dataset.inter_feat.gather()
    rows = read("shop/shop.inter")
    rows["time"] = rows["timestamp"].astype(float)
    first = rows.groupby("user_id")["time"].min()
    elapsed = (rows["time"] - rows["user_id"].map(first)).round(6)
    found = {round(value, 6) for value in feat["elapsed_list"][feat["item_id_list"] > 0].tolist()}
    assert found <= set(elapsed) and len(found) > 100


@pytest.mark.parametrize("model", ["DIN_IaCN", "WideDeep_IaCN", "MIND", "TiMiRec"])
def test_top_k_for_users_without_a_test_row(case, model):
    from recbole.utils.case_study import full_sort_scores

    build, _ = case("topk-for-users-misaligned")
    made = build(model, load_col=CLICKS)
    made.model.eval()
    asked = made.dataset.token2id("user_id", ["u5", "u3"])
    both, alone = (full_sort_scores(users, made.model, made.test_data) for users in (asked, asked[:1]))
    assert len(both) == 2 and torch.allclose(both[0], alone[0])
    with pytest.raises(ValueError, match="few1"):
        full_sort_scores(made.dataset.token2id("user_id", ["few1", "u5"]), made.model, made.test_data)
