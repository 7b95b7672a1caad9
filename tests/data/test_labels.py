"""Logs of what was shown: histories hold clicks, rows are scored by labels or are clicks alone, times are exact."""

import numpy as np
import pandas as pd
import pytest

import recbole_iacn
from recbole_iacn.errors import ConfigError
from recbole_iacn.names import FAMILY

COLUMNS = {"inter": ["user_id", "item_id", "timestamp", "label"]}


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    """Requests of up to four items at one time, half of a second apart, in a shuffled file; 40 % are clicked."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "shop").mkdir()
    rng = np.random.default_rng(2)
    lines = []
    for user in range(40):
        for request in range(12):
            time = 1_600_000_000 + 3_000 * request + 37.5 * user
            for item in rng.choice(30, size=rng.integers(1, 5), replace=False):
                lines.append((f"u{user}", f"i{item}", time, int(rng.random() < 0.4), rng.integers(1, 6)))
    rows = pd.DataFrame(
        lines, columns=["user_id:token", "item_id:token", "timestamp:float", "label:float", "stars:float"]
    )
    rows = rows.sample(frac=1, random_state=0)
    rows["line:token"] = range(len(rows))
    rows.to_csv(folder / "shop" / "shop.inter", sep="\t", index=False)
    return folder, rows.rename(columns=lambda name: name.partition(":")[0])


def build(log, model="DIN_IaCN", **changes):
    settings = {
        "data_path": str(log[0]),
        "load_col": COLUMNS,
        "MAX_ITEM_LIST_LENGTH": 5,
        "mlp_hidden_size": [8],
        "embedding_size": 8,
        "epochs": 1,
        "state": "ERROR",
        "show_progress": False,
        **changes,
    }
    return recbole_iacn.build(model, "shop", config_dict=settings)


def rows_of(loader):
    """User, item, label and history of each row, as tokens."""
    data = loader._dataset
    feat = data.inter_feat.gather()
    users, items = data.field2id_token["user_id"], data.field2id_token["item_id"]
    for user, item, label, history, length in zip(
        *(feat[name].tolist() for name in ("user_id", "item_id", "label", "item_id_list", "item_length"))
    ):
        yield str(users[user]), str(items[item]), label, [str(one) for one in items[history[:length]]]


def histories(loader):
    """The numbers of the file's lines: of each row, and of the entries of its history."""
    data = loader._dataset
    feat, lines = data.inter_feat.gather(), data.field2id_token["line"]
    for line, history in zip(feat["line"].tolist(), feat["line_list"].tolist()):
        yield int(lines[line]), [int(lines[one]) for one in history if one]


@pytest.mark.parametrize("length", [100, 3])
@pytest.mark.parametrize("history_rows", [None, "clicks", "all"])
@pytest.mark.parametrize("model", ["DIN_IaCN", "WideDeep_IaCN", "DIN"])
def test_histories_hold_what_was_clicked_before_the_rows_time(log, model, history_rows, length):
    """Every row against pandas; rows of one request do not see each other."""
    columns = {"inter": [*COLUMNS["inter"], "line"]}
    made = build(
        log,
        model,
        protocol="impressions_by_time",
        history_rows=history_rows,
        load_col=columns,
        MAX_ITEM_LIST_LENGTH=length,
    )
    rows = log[1].set_index("line").sort_values("timestamp", kind="stable")
    found = [row for part in (made.train_data, made.valid_data, made.test_data) for row in histories(part)]
    assert sorted(line for line, _ in found) == sorted(rows.index)
    entries = rows if history_rows == "all" else rows[rows["label"] == 1]
    for line, history in found:
        row = rows.loc[line]
        seen = entries[(entries["user_id"] == row["user_id"]) & (entries["timestamp"] < row["timestamp"])]
        assert rows.loc[history]["timestamp"].tolist() == seen["timestamp"].tolist()[-length:]
        assert set(history) <= set(seen.index) and len(set(history)) == min(length, len(seen))


@pytest.mark.parametrize("model", ["DIN_IaCN", "DIN", "DIEN", "WideDeep"])
def test_every_model_meets_one_split_by_exact_time(log, model):
    made = build(log, model, protocol="impressions_by_time", time_shares=[0.6, 0.2, 0.2])
    rows = log[1].sort_values("timestamp", kind="stable")
    times = rows["timestamp"].to_numpy()
    first = [int(np.searchsorted(times, times[round(share * len(times))])) for share in (0.6, 0.8)]
    parts = (made.train_data, made.valid_data, made.test_data)
    for part, place in zip(parts, (slice(0, first[0]), slice(*first), slice(first[1], None))):
        data, wanted = part._dataset, rows.iloc[place]
        feat = data.inter_feat
        found = zip(
            data.id2token("user_id", feat["user_id"].numpy()), data.id2token("item_id", feat["item_id"].numpy())
        )
        assert sorted(found) == sorted(zip(wanted["user_id"], wanted["item_id"]))
        assert float(feat["label"].mean()) == pytest.approx(wanted["label"].mean())
    assert set(made.test()) == {"auc", "gauc", "logloss"}


def test_stock_models_report_the_metrics_of_ours(log):
    """AUC, GAUC and LogLoss of stock WideDeep, from its own scores, by scikit-learn and by hand."""
    from sklearn.metrics import log_loss, roc_auc_score

    made = build(log, "WideDeep", protocol="impressions_by_time", metric_decimal_place=8)
    found = made.test()
    made.model.eval()
    rows = made.test_data._dataset[range(len(made.test_data._dataset))]
    scores, labels, users = made.model.predict(rows).detach().numpy(), rows["label"].numpy(), rows["user_id"].numpy()
    assert found["auc"] == pytest.approx(roc_auc_score(labels, scores), abs=1e-6)
    assert found["logloss"] == pytest.approx(log_loss(labels, scores.astype(float)), abs=1e-5)
    total = weight = 0.0
    for user in np.unique(users):
        own = users == user
        if 0 < labels[own].sum() < own.sum():
            total += roc_auc_score(labels[own], scores[own]) * labels[own].sum()
            weight += labels[own].sum()
    assert found["gauc"] == pytest.approx(total / weight, abs=1e-6)


RANKED = {"metrics": ["Hit"], "valid_metric": "Hit@5", "topk": [5], "eval_negatives": 20, "loss_type": "BPR"}


@pytest.mark.parametrize(
    ("model", "protocol", "more"),
    [
        ("MIND", "leave_one_out_sampled", {"eval_negatives": 20}),
        ("TiSASRec", "leave_one_out_sampled", {"eval_negatives": 20}),
        ("SASRec", "leave_one_out_sampled", RANKED),
        ("DIN_IaCN", "leave_one_out_ctr", {}),
        ("DIN", "leave_one_out_ctr", {}),
        ("DIEN_IaCN", "dien_books", {"MAX_ITEM_LIST_LENGTH": 20}),
    ],
)
@pytest.mark.parametrize("by", ["label", "threshold"])
def test_other_protocols_train_and_test_on_clicks_alone(log, model, protocol, more, by):
    labels = (
        {}
        if by == "label"
        else {"load_col": {"inter": ["user_id", "item_id", "timestamp", "stars"]}, "threshold": {"stars": 4}}
    )
    made = build(log, model, protocol=protocol, **more, **labels)
    rows = log[1]
    rows = rows[rows["label"] == 1] if by == "label" else rows[rows["stars"] >= 4]
    clicked = set(zip(rows["user_id"], rows["item_id"]))
    for part in (made.train_data, made.valid_data, made.test_data):
        for user, item, label, history in rows_of(part):
            assert label == 1 and (user, item) in clicked and history
            assert all((user, one) in clicked for one in history)
    if "LS" in made.config["eval_args"]["split"]:
        newest = rows.groupby("user_id")["timestamp"].max()
        for user, item, _, _ in rows_of(made.test_data):
            times = rows[(rows["user_id"] == user) & (rows["item_id"] == item)]["timestamp"]
            assert newest[user] in times.tolist()
    assert len(made.dataset.shown[0]) == len(log[1]) - len(rows)


def test_all_rows_in_the_history_of_clicks(log):
    """history_rows: all: targets are clicks, and their histories hold what was shown, too."""
    made = build(log, "MIND", protocol="leave_one_out_sampled", eval_negatives=20, history_rows="all")
    rows = log[1]
    clicked = set(zip(*(rows[rows["label"] == 1][name] for name in ("user_id", "item_id"))))
    found = list(rows_of(made.test_data))
    assert all((user, item) in clicked for user, item, *_ in found)
    entries = [(user, one) in clicked for user, _, _, history in found for one in history]
    assert 0.2 < np.mean(entries) < 0.8


def test_retrieval_models_train_on_the_clicks_of_the_training_part(log):
    made = build(log, "MIND", protocol="impressions_by_time")
    train, click_rows = made.train_data._dataset.inter_feat, build(log, protocol="impressions_by_time").train_data
    click_rows = click_rows._dataset.inter_feat
    wanted = (click_rows["label"] > 0) & (click_rows["item_length"] > 0)
    assert len(train) == int(wanted.sum()) and (train["label"] == 1).all()
    assert set(made.config["metrics"]) == {"AUC", "GAUC"}  # a product of vectors is no probability


@pytest.mark.parametrize(
    ("message", "changes"),
    [
        (
            r"stars: labels must be 0 or 1, but [\d,]+ of [\d,]+ are not, such as \d. Set threshold: \{stars: 5}",
            {"LABEL_FIELD": "stars"},
        ),
        (
            "label: protocol 'impressions_by_time' scores rows by their labels, and no column 'label' is loaded",
            {"load_col": {"inter": ["user_id", "item_id", "timestamp"]}},
        ),
        (
            "history_rows: the data have no labels",
            {
                "load_col": {"inter": ["user_id", "item_id", "timestamp"]},
                "protocol": None,
                "history_rows": "all",
                "eval_args": {"mode": "uni1"},
            },
        ),
        ("time_shares: is for protocol impressions_by_time", {"time_shares": [0.6, 0.2, 0.2], "protocol": None}),
        (
            "time_shares: is for protocol impressions_by_time",
            {"time_shares": [0.6, 0.2, 0.2], "protocol": "leave_one_out_ctr"},
        ),
        (
            "label: all .* labels are 0, so there is no click to learn from; set threshold",
            {"val_interval": {"label": "[0,0]"}},
        ),
        ("label: all .* labels are 1, so there is nothing to rank", {"val_interval": {"label": "[1,1]"}}),
        (
            "train_neg_sample_args: rows are trained on by their label",
            {"train_neg_sample_args": {"distribution": "uniform", "sample_num": 1}},
        ),
        ("eval_args: protocol 'impressions_by_time' fixes it", {"eval_args": {"split": {"RS": [0.5, 0.3, 0.2]}}}),
        (
            "metrics: protocol 'impressions_by_time' scores rows, which NDCG does not measure",
            {"metrics": ["NDCG"], "valid_metric": "NDCG@10", "topk": [10]},
        ),
        (
            "train_neg_sample_args: the test is on clicks alone, and DIN_IaCN learns from the label",
            {"protocol": None, "eval_args": {"mode": "uni1"}, "train_neg_sample_args": None},
        ),
        (
            "eval_args.mode: labeled must be the mode of validation and test",
            {"protocol": None, "eval_args": {"mode": {"valid": "labeled", "test": "uni1"}}},
        ),
    ],
)
def test_labels_that_do_not_fit_are_rejected(log, message, changes):
    columns = {"inter": [*COLUMNS["inter"], "stars"]}
    with pytest.raises(ConfigError, match=message):
        build(log, **{"protocol": "impressions_by_time", "load_col": columns, **changes})


@pytest.mark.parametrize("given", ["clicks", "all"])
def test_recboles_own_histories_read_no_setting(log, given):
    with pytest.raises(
        ConfigError, match="history_rows: without a protocol RecBole's DIN has its own histories, of ev"
    ):
        build(log, "DIN", protocol=None, history_rows=given)
    made = build(log, "DIN", protocol=None, history_rows=given, history_dataset=True)
    assert made.config["history_rows"] == given


@pytest.mark.parametrize("model", ["DIN", "SASRec", "WideDeep"])
def test_rows_that_recbole_takes_for_clicks_are_said(log, caplog, model):
    more = {"loss_type": "CE", "train_neg_sample_args": None} if model == "SASRec" else {}
    others = int((log[1]["label"] == 0).sum())
    with caplog.at_level("WARNING"):
        build(log, model, protocol=None, state="WARNING", **more)
    said = [record.message for record in caplog.records if "are not clicks" in record.message]
    by_label = model == "WideDeep"  # RecBole's own setting: mode labeled
    assert len(said) == (0 if by_label else 1)
    assert by_label or said[0].startswith(
        f"label: {others:,} of {len(log[1]):,} rows are not clicks, and without a pro"
    )
    with pytest.raises(ConfigError, match=r"stars: labels must be 0 or 1, .* Set threshold: \{stars: 5}"):
        build(log, model, protocol=None, LABEL_FIELD="stars", load_col={"inter": [*COLUMNS["inter"], "stars"]}, **more)


@pytest.mark.parametrize(
    "mend",
    [
        {"threshold": {"stars": 5}, "LABEL_FIELD": "stars"},
        {"protocol": "leave_one_out_ctr", "val_interval": {"label": "[1,1]"}, "unused_col": {"inter": ["label"]}},
    ],
)
def test_the_mends_work_as_written(log, mend):
    columns = {"inter": [*COLUMNS["inter"], "stars"]}
    assert build(log, **{"protocol": "impressions_by_time", "load_col": columns, **mend}).test()["auc"] >= 0


def test_empty_labels_are_rejected_before_recbole_fills_them(log, tmp_path):
    (tmp_path / "shop").mkdir()
    lines = (log[0] / "shop" / "shop.inter").read_text().splitlines()
    for place in (3, 4, 9):
        cells = lines[place].split("\t")
        lines[place] = "\t".join([*cells[:3], "", *cells[4:]])
    text = "\n".join(lines) + "\n"
    (tmp_path / "shop" / "shop.inter").write_text(text)
    for model in ("DIN_IaCN", "WideDeep"):
        with pytest.raises(ConfigError, match="label: 3 rows have no value, and labels come from it"):
            build((tmp_path, None), model, protocol="impressions_by_time")
        with pytest.raises(ConfigError, match="label: 3 rows have no value, and labels come from it"):
            build((tmp_path, None), model, protocol=None, eval_args={"mode": "labeled"})
    mended = build((tmp_path, None), protocol="impressions_by_time", val_interval={"label": "(-inf,inf)"})
    assert len(mended.dataset.times) == len(log[1]) - 3


def test_the_label_mode_of_recbole_needs_one_setting_less(log):
    """eval_args in part are completed by the model's own, in the order of time."""
    made = build(log, protocol=None, eval_args={"mode": "labeled"})
    assert made.config["eval_args"]["order"] == "TO" and made.config["train_neg_sample_args"]["distribution"] == "none"
    assert {label for _, _, label, _ in rows_of(made.test_data)} == {0.0, 1.0}


def test_clicks_are_counted_once_for_the_task(log):
    """The sampled softmax's frequencies count clicks, not what was shown."""
    made = build(log, protocol="impressions_by_time")
    rows = made.train_data._dataset.inter_feat
    wanted = np.bincount(rows["item_id"][rows["label"] > 0].numpy(), minlength=made.dataset.item_num)
    task = made.model.tasks["iacn"]
    assert np.allclose(task.item_frequency.numpy() / task.item_frequency.sum().item(), wanted / wanted.sum())


def test_what_is_not_a_click_is_counted_and_said(log, caplog):
    with caplog.at_level("INFO"):
        build(log, "MIND", protocol="leave_one_out_sampled", eval_negatives=20, state="INFO")
    left = int((log[1]["label"] == 0).sum())
    said = [record.message for record in caplog.records if "are not clicks" in record.message]
    assert len(said) == 1 and f"label: {left:,} of {len(log[1]):,} rows are not clicks" in said[0]


@pytest.mark.parametrize("model", FAMILY)
def test_the_family_scores_rows_without_a_history(log, model):
    """Finite scores, and metrics over every row of the test."""
    made = build(log, model, protocol="impressions_by_time", train_batch_size=256)
    made.fit(saved=False)
    data = made.test_data._dataset
    rows = data[range(len(data))]
    for name in ("item_id_list", "item_length"):
        rows[name][::2] = 0
    made.model.eval()
    assert made.model.predict(rows).isfinite().all() and set(made.test()) == {"auc", "gauc"}


@pytest.mark.parametrize("more", [{"loss_type": "BPR"}, {"loss_type": "CE", "train_neg_sample_args": None}])
def test_recboles_sequential_models_meet_the_same_test(log, more):
    made = build(log, "SASRec", protocol="impressions_by_time", **more)
    made.fit(saved=False)
    ours = build(log, protocol="impressions_by_time")
    assert len(made.test_data._dataset) == len(ours.test_data._dataset)
    retrieval = build(log, "MIND", protocol="impressions_by_time")
    assert (made.train_data._dataset.inter_feat["label"] == 1).all()
    assert len(made.train_data._dataset) == len(retrieval.train_data._dataset)
    assert set(made.test()) == {"auc", "gauc"}


@pytest.mark.parametrize("model", ["WideDeep", "BPR"])
@pytest.mark.parametrize("by", ["label", "threshold"])
def test_models_without_histories_train_and_test_on_clicks_alone(log, model, by):
    """RecBole's own dataset, under a protocol."""
    more = {} if model == "WideDeep" else {"metrics": ["AUC"], "valid_metric": "AUC"}
    if by == "threshold":
        more |= {"load_col": {"inter": ["user_id", "item_id", "timestamp", "stars"]}, "threshold": {"stars": 4}}
    made = build(log, model, protocol="leave_one_out_ctr", **more)
    rows = log[1]
    rows = rows[rows["label"] == 1] if by == "label" else rows[rows["stars"] >= 4]
    found = []
    for part in (made.train_data, made.valid_data, made.test_data):
        data = part._dataset
        found += zip(*(data.id2token(name, data.inter_feat[name].numpy()) for name in ("user_id", "item_id")))
    assert sorted(found) == sorted(zip(rows["user_id"], rows["item_id"]))
