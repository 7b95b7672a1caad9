"""The test by stratum: beside scikit-learn and counts of the file's lines; what a file may say; what is repeated."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from helpers import SHORT_RANKING
from made_runs import result_of, store
from sklearn.metrics import roc_auc_score

import recbole_iacn
from recbole_iacn.errors import ConfigError
from recbole_iacn.experiments import strata
from recbole_iacn.experiments.one_run import train
from recbole_iacn.experiments.plan import read_plan
from recbole_iacn.experiments.plan_checks import check_runs
from recbole_iacn.experiments.store import has_result, lacks_figures, published_runs, read_result
from recbole_iacn.experiments.strata import AskedStrata, Scored, by_stratum

ASKED = AskedStrata(history=(3, 12), categories=(0, 2), category="kind")
HEADS = ["user_id:token", "item_id:token", "timestamp:float", "label:float"]


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    """150 users with 3 to 17 rows each on 40 items of 5 kinds or none; about half of the rows are clicks."""
    rng, folder = np.random.default_rng(1), tmp_path_factory.mktemp("strata")
    rows = [
        (f"u{user}", f"i{item}", 1000 * step + user, int(rng.random() < 0.5))
        for user in range(150)
        for step, item in enumerate(rng.choice(40, 3 + user % 15, replace=False))
    ]
    (folder / "log").mkdir()
    pd.DataFrame(rows, columns=HEADS).to_csv(folder / "log" / "log.inter", sep="\t", index=False)
    kinds = {f"i{item}": "" if item % 4 == 0 else f"k{item % 5}" for item in range(40)}
    pd.DataFrame(kinds.items(), columns=["item_id:token", "kind:token"]).to_csv(
        folder / "log" / "log.item", sep="\t", index=False
    )
    return folder, pd.DataFrame(rows, columns=["user", "item", "time", "label"]), kinds


def settings(log, **changes):
    labelled = changes.get("protocol") == "impressions_by_time"
    given = {
        "data_path": str(log[0]),
        "load_col": {"inter": [head.partition(":")[0] for head in HEADS[: 3 + labelled]], "item": ["item_id", "kind"]},
        "embedding_size": 4,
        "mlp_hidden_size": [8],
        "MAX_ITEM_LIST_LENGTH": 5,
        "train_batch_size": 256,
        "eval_batch_size": 64,
        "epochs": 1,
        "show_progress": False,
        "seed": 7,
    }
    return {**given, **changes}


def scores_apart(training):
    """User, label and score of every row of the test, and the item that its history ends before, by a pass of the
    loader outside the trainer."""
    data, rows = training.test_data._dataset, []
    tokens = data.field2id_token
    for batch in training.test_data:
        part = batch[0]
        scores = training.model.predict(part).detach().numpy()
        histories = [[tokens["item_id"][i] for i in row if i] for row in part["item_id_list"].tolist()]
        users = tokens["user_id"][part["user_id"]]
        rows += zip(users, part["label"].tolist(), scores.tolist(), histories)
    return pd.DataFrame(rows, columns=["user", "label", "score", "history"])


def check_group(found, group):
    clicks = int(group.label.sum())
    assert (found["rows"], found["clicks"], found["users"]) == (len(group), clicks, group.user.nunique())
    if min(clicks, len(group) - clicks) < strata.FEWEST:
        assert found["auc"] is found["gauc"] is None
        return 0
    assert found["auc"] == pytest.approx(roc_auc_score(group.label, group.score), abs=1e-6)
    own = [(one.label.sum(), one) for _, one in group.groupby("user") if one.label.nunique() == 2]
    total = sum(n * roc_auc_score(one.label, one.score) for n, one in own)
    assert found["gauc"] == (pytest.approx(total / sum(n for n, _ in own), abs=1e-6) if own else None)
    return 1


PROTOCOLS = [
    {"protocol": "leave_one_out_ctr"},
    {"protocol": "impressions_by_time"},
    {"protocol": "impressions_by_time", "history_rows": "all"},
    {
        "protocol": None,
        "eval_args": {"split": {"LS": "valid_and_test"}, "order": "TO", "group_by": "user", "mode": "uni1"},
    },
]


@pytest.mark.parametrize("given", PROTOCOLS, ids=["drawn", "labels", "all shown", "recbole"])
def test_every_stratum_beside_scikit_learn(log, given):
    """The history's true length is counted in the file, its categories in what the model reads."""
    training = recbole_iacn.build("DIN_IaCN", "log", config_dict=settings(log, **given))
    strata.check(training, ASKED)
    with strata.collecting(training) as batches:
        whole = training.test()
    assert strata._ROW not in training.test_data._dataset.inter_feat
    assert "eval_batch_collect" not in vars(training.trainer.eval_collector)
    found = strata.figures(training, ASKED, batches)
    rows, (_, table, kinds) = scores_apart(training), log
    if given["protocol"] is None:  # whose negatives are drawn again at each pass; scores are then taken as recorded
        recorded = np.concatenate([batch.scores for batch in batches])
        assert len(rows) == len(recorded)
        rows["score"] = recorded
    counted = (
        table
        if given.get("history_rows") == "all" or "label" not in settings(log, **given)["load_col"]["inter"]
        else table[table.label > 0]
    )
    events = {user: own.item.tolist() for user, own in counted.groupby("user")}
    # The last item of the cut history lies at the end of the whole one.
    rows["length"] = [
        events[user].index(history[-1]) + 1 if history else 0 for user, history in zip(rows.user, rows.history)
    ]
    rows["kinds"] = [len({kinds[item] for item in history} - {""}) for history in rows.history]
    assert rows.length.max() > 5
    checked = 0
    for by, values, bounds in (("history", rows.length, (3, 12)), ("categories", rows.kinds, (0, 2))):
        place = np.searchsorted(bounds, values)
        assert [(one["at_least"], one["at_most"]) for one in found[by]] == [
            (0, bounds[0]),
            (bounds[0] + 1, bounds[1]),
            (bounds[1] + 1, None),
        ]
        assert sum(one["rows"] for one in found[by]) == len(rows)
        checked += sum(check_group(one, rows[place == number]) for number, one in enumerate(found[by]))
    assert checked >= 3 and found["category"] == "kind"
    everything = by_stratum(concatenated(batches), np.zeros(len(rows)), [0])[0]
    assert (round(everything["auc"], 4), round(everything["gauc"], 4)) == (whole["auc"], whole["gauc"])


def concatenated(batches):
    return Scored(*(np.concatenate([getattr(one, name) for one in batches]) for name in Scored.__annotations__))


def test_by_hand():
    """A stratum of one class has its counts alone; equal scores count half."""
    scored = Scored(
        scores=np.r_[np.full(20, 0.5), np.arange(20) / 20, np.ones(5)],
        clicked=np.r_[np.arange(20) % 2 == 0, np.arange(20) >= 10, np.ones(5, dtype=bool)],
        users=np.r_[np.arange(20) // 2, np.arange(20) % 10, np.arange(5)],
        rows=np.arange(45),
    )
    found = by_stratum(scored, np.r_[np.full(20, 5), np.full(20, 6), np.full(5, 11)], (5, 10))
    assert found == [
        {"at_least": 0, "at_most": 5, "rows": 20, "clicks": 10, "users": 10, "auc": 0.5, "gauc": 0.5},
        {"at_least": 6, "at_most": 10, "rows": 20, "clicks": 10, "users": 10, "auc": 1.0, "gauc": 1.0},
        {"at_least": 11, "at_most": None, "rows": 5, "clicks": 5, "users": 5, "auc": None, "gauc": None},
    ]
    nobody = replace(scored, users=np.arange(45))
    few = Scored(np.arange(25.0), np.arange(25) >= 9, np.zeros(25), np.arange(25))
    assert by_stratum(few, np.zeros(25), (5,))[0]["auc"] is None  # nine rows that are not clicks are too few as well
    assert [one["gauc"] for one in by_stratum(nobody, np.zeros(45), (5,))] == [None, None]


def test_a_runs_result_has_the_strata(log, file, tmp_path):
    """And no other figure differs from those of the run without them; nothing stays at the test's rows."""
    asked = {"models": ["WideDeep"], "modes": ["off"], "seeds": [1], "datasets": ["log"]}
    own = {key: value for key, value in settings(log).items() if key not in ("seed", "data_path")}
    run = read_plan(file(**asked, settings=own, strata={"history": [3, 8]})).runs[0]
    plain, found = train(replace(run, strata=None), str(log[0])), train(run, str(log[0]))
    assert plain["test_by"] is None and found["test"] == plain["test"] and found["test_by"]["category"] is None
    assert [one["rows"] for one in found["test_by"]["history"]] == [40, 100, 160]
    assert read_result(store(tmp_path, found)) == json.loads(json.dumps(found))


def test_the_key_of_the_file(file):
    asked = read_plan(file(strata={"history": [5, 10], "categories": [0, 2], "category": "genre"})).runs[0]
    assert asked.strata == AskedStrata((5, 10), (0, 2), "genre")
    by_dataset = file(datasets=["a", "b"], strata={"categories": [2], "category": {"a": "genre"}})
    assert {run.dataset: run.strata.category for run in read_plan(by_dataset).runs} == {"a": "genre", "b": None}
    without = read_plan(file()).runs[0]
    assert without.strata is None and without.id == asked.id  # it changes no training


@pytest.mark.parametrize(
    "value, message",
    [
        (5, r"strata: must be a dict of history, categories and category, such as \{history: .*; got 5$"),
        ({}, "strata: has no strata; give history, categories or both$"),
        ({"category": "genre"}, "strata: has no strata"),
        ({"histories": [1]}, "strata: histories: no such key. Did you mean 'history'"),
        ({"history": [5, 5]}, r"strata: history: must be a list of rising upper bounds, .*; got \[5, 5\]$"),
        ({"history": []}, r"strata: history: must be a list .*; got \[\]$"),
        ({"history": 5}, "strata: history: must be a list .*; got 5$"),
        ({"categories": [-1, 2]}, r"strata: categories: must be a list .*; got \[-1, 2\]$"),
        ({"categories": [True]}, r"strata: categories: must be a list .*; got \[True\]$"),
        ({"categories": [1], "category": 3}, "strata: category: must be the name of a column of items, or a .* got 3$"),
        ({"categories": [1], "category": {"tiny": 3}}, "strata: category: must be the name of .* got {'tiny': 3}$"),
        ({"categories": [1], "category": {"tin": "a"}}, "strata: category: there is no 'tin'. Did you mean 'tiny'"),
        ({"history": [1], "category": "genre"}, "strata: category: is of no use without categories"),
    ],
)
def test_a_wrong_key_is_one_line(file, value, message):
    with pytest.raises(ConfigError, match=f"trial.yaml: {message}"):
        read_plan(file(strata=value))


@pytest.mark.parametrize(
    "changes, category, message",
    [
        ({"load_col": {"inter": ["user_id", "item_id", "timestamp"]}}, None, "strata: categories: the run loads no co"),
        ({}, "kinds", "strata: category: the run loads no column 'kinds' .* Did you mean 'kind'.* It loads: kind; l"),
    ],
)
def test_a_column_that_is_not_loaded_is_reported_before_training(log, changes, category, message):
    training = recbole_iacn.build("DIN_IaCN", "log", config_dict=settings(log, **changes))
    with pytest.raises(ConfigError, match=message):
        strata.check(training, AskedStrata(categories=(1,), category=category))


def test_a_model_without_histories_or_without_an_auc_is_reported(log, file):
    stock = recbole_iacn.build(
        "WideDeep",
        "log",
        config_dict=settings(
            log,
            **PROTOCOLS[3],
            metrics=["AUC"],
            valid_metric="AUC",
            train_neg_sample_args={"distribution": "uniform", "sample_num": 1},
        ),
    )
    with pytest.raises(ConfigError, match="strata: WideDeep reads no history, so its test rows have none"):
        strata.check(stock, ASKED)
    own = {key: value for key, value in SHORT_RANKING.items() if value is not ...}
    plan = read_plan(file(models=["MIND"], seeds=[1], settings=own, strata={"history": [5]}))
    with pytest.raises(
        ConfigError, match=r"trial\.yaml: MIND on tiny: strata: are of AUC and GAUC, and MIND is tested by"
    ):
        check_runs(plan)


def of(*bounds, category=None):
    empty = {"rows": 0, "clicks": 0, "users": 0, "auc": None, "gauc": None}
    uppers = [*bounds, None]
    return {"history": [{"at_least": 0, "at_most": one, **empty} for one in uppers], "category": category}


def test_a_result_without_the_strata_is_repeated(file, tmp_path):
    run = read_plan(file(strata={"history": [5, 10]})).runs[0]
    folder = tmp_path / "results" / "one"  # published runs are looked for beside it, too
    folder.mkdir(parents=True)
    for found, lacking in ((None, True), (of(5, 10), False), (of(5, 10, 20), True), (of(5), True)):
        result = result_of(run, test_by=found)
        store(folder, result)
        assert strata.lacks(run, result) == lacking == lacks_figures(folder, run) != has_result(folder, run)
        assert has_result(folder, replace(run, strata=None))
        (folder / "runs.jsonl").write_text(json.dumps(result) + "\n")
        assert (run.id in published_runs(folder, [run])) != lacking
    by_genre = read_plan(file(strata={"categories": [1], "category": "genre"})).runs[0]
    for name in ("genre", "tags"):
        found = {"categories": of(1)["history"], "category": name}
        assert strata.lacks(by_genre, result_of(by_genre, test_by=found)) == (name == "tags")
    by_any = read_plan(file(strata={"categories": [1]})).runs[0]  # of the column that is found
    assert not strata.lacks(by_any, result_of(by_any, test_by={"categories": of(1)["history"], "category": "genre"}))
