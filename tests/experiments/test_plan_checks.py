"""What is rejected before the first run: wrong settings of any model, and two tests in one table."""

from pathlib import Path

import pytest

from recbole_iacn.cli import main
from recbole_iacn.errors import ConfigError
from recbole_iacn.experiments.plan import read_plan
from recbole_iacn.experiments.plan_checks import check_data, check_runs

FILES = Path(__file__).parents[2] / "experiments"
COLUMNS = {"inter": ["user_id", "item_id", "timestamp"]}
OTHER_SPLIT = {"order": "TO", "split": {"LS": "valid_only"}}
RANKED = {"protocol": "leave_one_out_full", "load_col": COLUMNS}


def check(path, data_path="nowhere"):
    check_runs(read_plan(path, str(data_path)))


def rule(model, **settings):
    return {"when": {"model": model}, "settings": settings}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"models": ["ComiRec", "Pop"], "settings": {"load_col": COLUMNS}},
            "trial.yaml: protocol: is 'leave_one_out_sampled' for ComiRec on tiny and None for Pop on tiny, and these "
            "are two tests, which one table cannot compare; give all runs on a dataset the same, or make two files",
        ),
        (
            {"models": ["ComiRec", "MIND"], "only": [rule("MIND", eval_negatives=100)]},
            "eval_negatives: is 1000 for ComiRec on tiny and 100 for MIND on tiny",
        ),
        (
            {"models": ["MIND"], "sweep": {"eval_negatives": [100, 50]}},
            "is 100 for MIND on tiny, eval_negatives 100 and 50 for MIND on tiny, eval_negatives 50",
        ),
        ({"models": ["MIND"], "settings": RANKED, "sweep": {"mask_history": [True, False]}}, "mask_history: is True"),
        ({"models": ["MIND"], "sweep": {"negative_items": ["catalogue", "clicked"]}}, "negative_items: is 'catalogue'"),
        (
            {"models": ["MIND", "ComiRec"], "only": [rule("MIND", user_inter_num_interval="[3,inf)")]},
            "user_inter_num_interval: is '[3,inf)' for MIND on tiny and '[0,inf)' for ComiRec",
        ),
        (
            {"models": ["MIND", "ComiRec"], "only": [rule("MIND", load_col={**COLUMNS, "item": ["item_id"]})]},
            "load_col: is",
        ),
        (
            {
                "models": ["SASRec", "GRU4Rec"],
                "only": [rule("SASRec", eval_args=OTHER_SPLIT), rule(["SASRec", "GRU4Rec"], loss_type="BPR")],
            },
            "eval_args: is",
        ),
        (
            {
                "models": ["BPR", "SASRec"],
                "settings": {"repeatable": True},
                "only": [
                    rule("BPR", eval_args={"order": "TO", "split": {"LS": "valid_and_test"}, "mode": "full"}),
                    rule("SASRec", train_neg_sample_args=None),
                ],
            },
            "MODEL_TYPE: is 'not sequential' for BPR on tiny and 'sequential' for SASRec",
        ),
    ],
)
def test_models_that_meet_two_tests_are_rejected(file, changes, message):
    path = file(**{"seeds": [1], "settings": {"load_col": COLUMNS}, **changes})
    with pytest.raises(ConfigError) as error:
        check(path)
    assert message in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    "changes",
    [
        # defaults and their own values are one test
        {"models": ["ComiRec", "MIND"], "only": [rule("MIND", eval_negatives=1000, protocol="leave_one_out_sampled")]},
        # training may differ, and what a model reads
        {
            "models": ["SASRec", "MIND"],
            "settings": {"load_col": COLUMNS, "protocol": "leave_one_out_sampled"},
            "only": [rule("SASRec", loss_type="BPR", MAX_ITEM_LIST_LENGTH=10, valid_metric="NDCG@10")],
        },
        # a click model and a retrieval model under a test that both meet
        {
            "models": ["DIN", "MIND"],
            "modes": ["off"],
            "settings": {**RANKED, "metrics": ["NDCG"], "topk": [5], "valid_metric": "NDCG@5"},
        },
        # each dataset has its own test
        {
            "models": ["DIN"],
            "datasets": ["tiny", "other"],
            "only": [{"when": {"dataset": "other"}, "settings": {"protocol": "dien_books"}}],
        },
        {"models": ["DIN"], "modes": ["off"], "sweep": {"history_rows": ["clicks", "all"]}},
    ],
)
def test_what_decides_training_alone_may_differ(file, changes):
    check(file(**{"seeds": [1], "settings": {"load_col": COLUMNS}, **changes}))


def test_a_wrong_setting_names_the_run_and_the_key(file, data_path):
    with pytest.raises(ConfigError) as error:
        check(file(models=["DIN", "FM"], modes=["off", "full"], only=[rule("FM", learning_rate=-1)]))
    assert "trial.yaml: FM off on tiny: learning_rate: must be a number > 0, got -1" in str(error.value)
    swept = file(models=["DIN"], modes=["full"], sweep={"iacn_delta": [0.5, 2]})
    with pytest.raises(ConfigError, match="DIN full on tiny, iacn_delta 2: iacn_delta: must be a number in"):
        check(swept)
    with pytest.raises(ConfigError, match="MIND on tiny: iacn_lambda: MIND does not read it"):
        check(file(models=["MIND"], settings={"iacn_lambda": 1}))


def test_columns_are_checked_where_the_data_are_there(file, data_path):
    path = file(models=["DIN"], modes=["off"], settings={"load_col": {"inter": ["user_id", "item_id", "time"]}})
    check(path)
    with pytest.raises(ConfigError, match=r"DIN off on tiny: load_col\.inter: .*has no column 'time'"):
        check(path, data_path)


def test_an_error_names_the_config_file_that_set_the_key(file, tmp_path):
    (tmp_path / "low.yaml").write_text("learning_rate: -1\n")
    path = file(models=["DIN"], modes=["off"], config_files=["low.yaml"])
    with pytest.raises(ConfigError, match=r"got -1 \(learning_rate is set in .*low\.yaml\)"):
        check(path)
    with pytest.raises(ConfigError) as error:
        check(file(models=["DIN"], modes=["off"], config_files=["low.yaml"], settings={"learning_rate": -2}))
    assert "got -2" in str(error.value) and "low.yaml" not in str(error.value)


def test_missing_data_are_rejected(file):
    plan = read_plan(file(datasets=["tiny"]), "nowhere")
    with pytest.raises(ConfigError, match=r"nowhere/tiny/tiny\.inter: No such file"):
        check_data(plan)
    check_data(read_plan(file(datasets=["ml-100k"]), "nowhere"))
    with pytest.raises(ConfigError, match=r"let recbole-iacn train .*--dataset=adult --data_path=here d"):
        check_data(read_plan(file(datasets=["adult"]), "here"))


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted(FILES.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_projects_files_are_accepted(path):
    check(path)


def test_swept_shares_of_the_users_are_tests_of_their_own(file):
    """Models are compared within a share; shares that a rule gives to one model are two tests."""
    check(file(models=["DIN"], modes=["off", "full"], sweep={"user_share": [1, 0.5]}))
    check(file(models=["DIN"], modes=["off"], sweep={"user_share": [1, 0.5], "train_share": [1, 0.5]}))
    path = file(models=["DIN", "FM"], modes=["off"], only=[rule("FM", user_share=0.5)], sweep={"train_share": [1, 0.5]})
    with pytest.raises(ConfigError, match=r"user_share: is 1 for DIN off on tiny, train_share 1 and 0\.5 for FM off"):
        check(path)


def test_settings_without_effect_are_said_once_with_the_models(file, data_path, capsys):
    shared = {**RANKED, "num_interests": 2, "interest_diversity_weight": 0.5}
    path = file(models=["YouTubeDNN", "TiSASRec", "ComiRec"], settings=shared, seeds=[1, 2])
    main(["experiment", str(path), "--data_path", str(data_path), "--plan"])
    lines = [line for line in capsys.readouterr().out.splitlines() if "without effect" in line]
    weight = "interest_diversity_weight without interest_diversity"
    assert lines == [
        f"Settings without effect: {weight}; num_interests with a model of one interest (YouTubeDNN, TiSASRec)",
        f"Settings without effect: {weight} (ComiRec)",
    ]


def test_a_search_names_the_settings_of_its_space_that_change_nothing(file, capsys):
    """Its trials would all have the same score; an experiment of the same file does not try them."""
    path = file(models=["YouTubeDNN", "ComiRec"], settings=RANKED, search={"num_interests": {"choices": [2, 4]}})
    line = "Settings without effect: num_interests with a model of one interest (YouTubeDNN)"
    for command, said in (("search", [line]), ("experiment", [])):
        with pytest.raises(SystemExit):
            main([command, str(path), "--data_path", "nowhere"])
        assert capsys.readouterr().out.splitlines() == said
