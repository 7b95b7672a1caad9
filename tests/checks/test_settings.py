"""Wrong input: one clear error that names the key or the file and how to fix it, before any training."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import recbole_iacn
from recbole_iacn import ConfigError
from recbole_iacn.building import configure
from recbole_iacn.checks.settings import known_keys
from recbole_iacn.cli import main

SCRIPT = Path(__file__).parents[2] / "run_recbole_iacn.py"


@pytest.mark.parametrize("value", ["a\0b", "a\udcffb", ["x", "\0"], {"x": {"\udc80": 1}}])
@pytest.mark.parametrize("key", ["checkpoint_dir", "benchmark_filename", "LABEL_FIELD"])
def test_text_that_no_file_or_log_can_hold(key, value, settings):
    assert_rejected(f"^{key}: holds a NUL character, or bytes that are not valid UTF-8", settings, **{key: value})


def assert_rejected(message, settings, model="DIN_IaCN", dataset="tiny", **changes):
    with pytest.raises(ConfigError, match=message) as caught:
        recbole_iacn.run(model, dataset, config_dict=settings(**changes))
    assert not list(Path(".").glob("saved/*")), "nothing may be written"
    return caught.value


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"iacn_delta": 1.2}, r"iacn_delta: must be a number in \[0, 1\], got 1.2"),
        ({"iacn_delta": -0.1}, r"iacn_delta: must be a number in \[0, 1\]"),
        ({"iacn_delta": "much"}, r"iacn_delta: must be a number in \[0, 1\], got 'much'"),
        ({"iacn_lambda": -1}, "iacn_lambda: must be a number >= 0, got -1"),
        ({"iacn_interests": 0}, "iacn_interests: must be an integer >= 1, got 0"),
        ({"iacn_interests": 2.5}, "iacn_interests: must be an integer >= 1, got 2.5"),
        ({"iacn_routing_iterations": 0}, "iacn_routing_iterations: must be an integer >= 1"),
        ({"iacn_mode": "on"}, "iacn_mode: must be off, width or full"),
        ({"iacn_loss": "hinge"}, "iacn_loss: must be sampled_softmax or bpr, got 'hinge'"),
        ({"iacn_attention": "soft"}, "iacn_attention: must be pow, scale or hard"),
        ({"iacn_power": -1}, "iacn_power: must be a number >= 0"),
        ({"iacn_temperature": 0}, "iacn_temperature: must be a number > 0"),
        ({"iacn_negatives": -1}, "iacn_negatives: must be an integer >= 0"),
        ({"iacn_item_features": "categories"}, "iacn_item_features: must be all or a list of column names"),
        ({"iacn_item_features": ["category"]}, "iacn_item_features: .*'category'. Did you mean 'categories'"),
        ({"iacn_user_profile": ["agee"]}, "iacn_user_profile: .*'agee'. Did you mean 'age'"),
        ({"protocol": "leave_one_out"}, "protocol: .*Did you mean 'leave_one_out_ctr'"),
        ({"lerning_rate": 0.1}, r"lerning_rate: no such setting \(config_dict\). Did you mean 'learning_rate'"),
        ({"iacn_lamda": 0.1}, "iacn_lamda: no such setting .*'iacn_lambda'"),
        ({"learner": "adma"}, "learner: must be one of adam, .* got 'adma'"),
        ({"metrics": ["AUCC"]}, "metrics: there is no 'AUCC'. Did you mean 'auc'"),
        ({"metrics": ["AUC"], "valid_metric": "LogLoss"}, r"valid_metric: 'LogLoss' is not among metrics \(AUC\)"),
        ({"TIME_FIELD": "time"}, "no column 'time' .TIME_FIELD: set it to .* Did you mean 'timestamp'"),
        ({"USER_ID_FIELD": "userid"}, "no column 'userid' .USER_ID_FIELD.. Did you mean 'user_id'"),
        ({"load_col": {"inter": ["user_id", "item_id"]}}, "load_col.inter: 'timestamp' is needed"),
        (
            {"load_col": {"inter": ["user_id", "item_id", "timestamp"], "item": ["item_id", "categorys"]}},
            "load_col.item: .*tiny.item has no column 'categorys'. Did you mean 'categories'",
        ),
        ({"epochs": 0}, "epochs: must be an integer >= 1, got 0"),
        ({"train_batch_size": -1}, "train_batch_size: must be an integer >= 1, got -1"),
        ({"stopping_step": "abc"}, "stopping_step: must be an integer >= 0, got 'abc'"),
        ({"learning_rate": "fast"}, "learning_rate: must be a number > 0, got 'fast'"),
        ({"learning_rate": float("nan")}, "learning_rate: must be a number > 0, got nan"),
        ({"learning_rate": 1e9}, "learning_rate: must be at most 1000, got 1000000000.0"),
        ({"worker": 10**12}, "worker: must be at most 256, got 1000000000000"),
        ({"seed": -1}, r"seed: must be an integer in \[0, 4294967295\], got -1"),
        ({"eval_step": 0}, "eval_step: must be an integer >= 1, got 0"),
        ({"topk": []}, "topk: must be a non-empty list of integers >= 1 or an integer >= 1, got \\[\\]"),
        ({"mlp_hidden_size": 3}, "mlp_hidden_size: must be a non-empty list of integers >= 1, got 3"),
        ({"mlp_hidden_size": [8, 10**9]}, r"mlp_hidden_size: each item must be at most 65536, got \[8, 1000000000\]"),
        ({"metrics": 5}, "metrics: must be a non-empty list of names or a name, got 5"),
        ({"metrics": ["Hit", "AUC"]}, "metrics: AUC needs scores and Hit ranks; a run measures one kind"),
        ({"clip_grad_norm": {"max_nrom": 1}}, "clip_grad_norm: there is no 'max_nrom'. Did you mean 'max_norm'"),
        ({"clip_grad_norm": {"norm_type": 2}}, "clip_grad_norm: max_norm is missing"),
        ({"clip_grad_norm": {"max_norm": -1}}, "clip_grad_norm.max_norm: must be a number > 0, got -1"),
        (
            {"eval_args": {"split": {"RS": [0.8, 0.1, 0.3]}}},
            "eval_args.split.RS: must be three shares above 0",
        ),
        ({"eval_args": {"mode": "uni"}}, "eval_args.mode: must be full, labeled, or uni or pop with a number"),
        ({"train_neg_sample_args": {"sample_num": 0}}, "train_neg_sample_args.sample_num: must be an integer >= 1"),
        (
            {"user_inter_num_interval": 5},
            r"user_inter_num_interval: must be an interval such as '\[5,inf\)', or ~",
        ),
        ({"val_interval": {"tme": "[0,1]"}}, "val_interval: no column 'tme' is loaded. Did you mean 'timestamp'"),
        ({"val_interval": {"categories": "[0,1]"}}, "val_interval.categories: must be a list of tokens"),
        ({"alias_of_item_id": ["timestamp"]}, "alias_of_item_id: 'timestamp' must be of type token or token_seq"),
        ({"additional_feat_suffix": "ent"}, "additional_feat_suffix: .*tiny.ent: atomic file not found"),
        ({"MODEL_TYPE": 1}, "MODEL_TYPE: cannot be set, the run derives it; leave it out"),
        ({"USER_ID_FIELD": "item_id"}, "ITEM_ID_FIELD: 'item_id' is USER_ID_FIELD already"),
        ({"lgb_params": object()}, "lgb_params: must be text, a number, .* got a object"),
        ({"benchmark_filename": ["train"], "protocol": None}, "tiny.train.inter: atomic file not found. .*tiny.inter"),
    ],
)
def test_wrong_settings_are_named(settings, changes, message):
    assert_rejected(message, settings, **changes)


def test_recboles_own_models_are_checked_too(settings):
    load = {"inter": ["user_id", "item_id", "timestamp"]}
    for model, changes, message in (
        ("DIN", {"repeatable": False}, "repeatable: must be True for a sequential model, got False"),
        (
            "DIN",
            {"eval_args": {"mode": "uni1"}},
            "eval_args.order: must be TO, by time, for a sequential model",
        ),
        ("DIN", {"train_neg_sample_args": None}, "label: no such column is loaded and no negatives are drawn"),
        ("DIN", {"learner": "sparse_adam"}, "learner: sparse_adam is for sparse gradients"),
        ("SASRec", {}, "train_neg_sample_args: loss_type CE takes no negatives"),
        ("SASRec", {"train_neg_sample_args": None, "n_heads": 3}, r"n_heads: must divide hidden_size \(64\), got 3"),
        (
            "BPR",
            {"metrics": ["AUC"], "valid_metric": "AUC"},
            "eval_args.mode: full ranks all items, and AUC",
        ),
        (
            "BPR",
            {"transform": "crop_itemseq"},
            "transform: crop_itemseq changes histories; it is for sequential",
        ),
        ("WideDeep", {"mlp_hidden_size": []}, "mlp_hidden_size: must be a non-empty list of integers >= 1, got"),
    ):
        assert_rejected(message, settings, model=model, **{"load_col": load, **changes})


def test_unknown_model_lists_the_nearest(settings):
    assert "'DIN_IaCN'" in str(assert_rejected("model: there is no 'DIM_IaCN'", settings, model="DIM_IaCN"))
    assert "'WideDeep'" in str(assert_rejected("model: there is no 'WideDepp'", settings, model="WideDepp"))


@pytest.mark.parametrize("model", ["DIN_IaCN", "DIN", "BPR"])
def test_unknown_dataset_lists_the_nearest(settings, model):
    error = assert_rejected("dataset: no folder", settings, model=model, dataset="tinny", load_col=...)
    assert "Did you mean 'tiny'" in str(error)


def test_missing_interaction_file(settings, tmp_path):
    (tmp_path / "empty").mkdir()
    assert_rejected("empty.inter: atomic file not found", settings, dataset="empty", data_path=str(tmp_path))


def test_header_without_types(settings, tmp_path):
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "plain.inter").write_text("user_id,item_id\n1,2\n")
    assert_rejected(
        "plain.inter, line 1: 'user_id,item_id' is not 'field:type'", settings, dataset="plain", data_path=str(tmp_path)
    )


def labelled(tmp_path, history=True, labels=(1, 0)):
    folder = tmp_path / "split"
    folder.mkdir()
    columns = ["user_id:token", "item_id:token", *(["item_id_list:token_seq"] if history else []), "label:float"]
    for part in ("train", "valid", "test"):
        rows = [["u1", f"i{n}", *(["i3 i4"] if history else []), str(labels[n % 2])] for n in range(6)]
        (folder / f"split.{part}.inter").write_text("\n".join("\t".join(row) for row in [columns, *rows]) + "\n")
    load = ["user_id", "item_id", *(["item_id_list"] if history else []), "label"]
    return {
        "dataset": "split",
        "data_path": str(tmp_path),
        "load_col": {"inter": load},
        "benchmark_filename": ["train", "valid", "test"],
        "alias_of_item_id": ["item_id_list"] if history else None,
        "protocol": None,
        "train_neg_sample_args": None,
        "eval_args": {"split": {"LS": "valid_and_test"}, "order": "TO", "group_by": "user", "mode": "labeled"},
    }


def test_missing_history_column(settings, tmp_path):
    options = labelled(tmp_path, history=False)
    assert_rejected("split.train.inter: no column 'item_id_list' .*the history", settings, **options)


def test_all_labels_equal(settings, tmp_path):
    assert_rejected(
        "label: all 18 labels are 1, so there is nothing to rank", settings, **labelled(tmp_path, labels=(1, 1))
    )


def test_no_labels_and_no_negatives(settings, tmp_path):
    options = labelled(tmp_path)
    options["load_col"] = {"inter": ["user_id", "item_id", "item_id_list"]}
    assert_rejected("label: eval_args.mode: labeled scores rows by their labels", settings, **options)
    options["eval_args"] = {**options["eval_args"], "mode": "uni1"}
    assert_rejected("label: no such column is loaded and no negatives are drawn", settings, **options)


def test_labels_beside_drawn_negatives(settings, tmp_path):
    options = {**labelled(tmp_path), "train_neg_sample_args": {"distribution": "uniform", "sample_num": 1}}
    assert_rejected("train_neg_sample_args: rows are trained on by their label", settings, **options)


@pytest.mark.slow
def test_config_files_are_checked(settings, tmp_path):
    good, bad, typo = tmp_path / "good.yaml", tmp_path / "bad.yaml", tmp_path / "typo.yaml"
    good.write_text("iacn_mode: off\nepochs: 1\n")
    bad.write_text("epochs: [1\n")
    typo.write_text("epoch: 1\n")

    def run(path):
        recbole_iacn.run("DIN_IaCN", "tiny", config_file_list=[str(path)], config_dict=settings(epochs=...))

    with pytest.raises(ConfigError, match=r"godo\.yaml: not found. Did you mean 'good.yaml'"):
        run(tmp_path / "godo.yaml")
    with pytest.raises(ConfigError, match=r"bad\.yaml"):
        run(bad)
    with pytest.raises(ConfigError, match=r"epoch: no such setting .*typo.yaml\). Did you mean 'epochs'"):
        run(typo)
    odd = tmp_path / "odd.yaml"
    odd.write_bytes(b"epochs: 1 # \xff\n")
    with pytest.raises(ConfigError, match=r"odd\.yaml: is not valid UTF-8"):
        run(odd)
    odd.write_text("2020-02-31: 1\n")
    with pytest.raises(ConfigError, match=r"odd\.yaml: day"):
        run(odd)
    run(good)  # YAML reads `off` as false; it means the mode


def test_every_setting_of_recbole_and_ours_is_known():
    known = known_keys()
    for key in ("learning_rate", "eval_args", "benchmark_filename", "transform", "enable_amp", "iacn_mode", "protocol"):
        assert key in known
    assert "amazon-books" not in known


def test_a_models_own_settings_are_known():
    code = "class Own:\n    def __init__(self, config):\n        self.width = config['my_own_width']\n"
    Path("own_model.py").write_text(code)
    sys.path.insert(0, ".")
    try:
        from own_model import Own
    finally:
        sys.path.remove(".")
    assert "my_own_width" in known_keys(Own)
    assert "my_own_width" not in known_keys()


def command(*arguments):
    return subprocess.run([sys.executable, SCRIPT, *arguments], capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--epohcs=2"], "epohcs: no such setting (command line). Did you mean 'epochs'"),
        (["--iacn_delta=2"], "iacn_delta: must be a number in [0, 1], got 2"),
        (["--learning_rate=fast"], "learning_rate: must be a number > 0, got 'fast'"),
        (["--worker=1000000000000", "--model=SASRec"], "worker: must be at most 256, got 1000000000000"),
        (["--epochs=0", "--model=DIN"], "epochs: must be an integer >= 1, got 0"),
        (["--metrics={1:2}"], "metrics: must be a non-empty list of names or a name, got {1: 2}"),
        (["--epochs=9**9**9"], "epochs: must be an integer >= 1, got '9**9**9'"),
        (["--seed=1", "--seed=2"], "seed: given twice on the command line, as 1 and as 2"),
        (["--model=DINN_IaCN"], "model: there is no 'DINN_IaCN'. Did you mean 'DIN_IaCN'"),
        (["--dataset=ml-100"], "Did you mean 'ml-100k'"),
        (["--epochs", "2"], "--epochs: settings are given as --key=value\n"),
        (
            ["--mlp_hidden_size=80,40"],
            "must be a non-empty list of integers >= 1, got (80, 40); on a command line --mlp_hidden_size='[80,40]'\n",
        ),
        (
            ["--iacn_item_features=[brand, colour]"],
            "got '[brand, colour]'; on a command line --iacn_item_features=\"['brand', 'colour']\"\n",
        ),
        (["--outt=runs"], "outt: no such setting (command line). Did you mean 'out'"),
        (["--jsn"], "--jsn: settings are given as --key=value; did you mean 'json'"),
        (["--model=DIN", "--nproc=2"], "nproc, world_size: several processes train this package's models only"),
        (["--config_files=none.yaml"], "config file none.yaml: not found"),
    ],
)
def test_the_command_ends_with_code_2_and_one_line(arguments, message, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["train", *arguments])
    error = capsys.readouterr().err
    assert ended.value.code == 2
    assert message in error
    assert error.startswith("error: ") and error.count("\n") == 1
    assert not Path("saved").exists()


@pytest.mark.slow
def test_the_command_is_rejected_as_the_function_is():
    done = command("--epohcs=2")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: epohcs: no such setting") and done.stderr.count("\n") == 1


@pytest.mark.slow
def test_the_command_trains(data_path):
    done = command(
        *("-m", "DIN_IaCN", "-d", "tiny"),
        f"--data_path={data_path}",
        "--epochs=1",
        "--show_progress=False",
        "--load_col={'inter':['user_id','item_id','timestamp']}",
    )
    assert done.returncode == 0, done.stderr
    assert "best epoch 1 of 1" in done.stdout and re.search(r"^auc +\d+\.\d+ +\d+\.\d+$", done.stdout, re.M)
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("model", "key", "message"),
    [
        ("MIND", "iacn_delta", "iacn_delta: MIND does not read it; it is for <Backbone>_IaCN; leave it out"),
        ("DIN", "iacn_mode", "iacn_mode: DIN does not read it; it is for <Backbone>_IaCN"),
        ("DIN_IaCN", "num_interests", "num_interests: DIN_IaCN does not read it; it is for the multi-interest family"),
        ("MIND", "stages", "stages: MIND does not read it; it is for TiMiRec, TiMiRecPlus"),
        ("MIND", "tf32", None),
        ("DIN_IaCN", "history_dataset", None),
        ("DIN", "mask_ratio", None),
    ],
)
def test_a_setting_that_a_model_does_not_read_is_rejected(settings, model, key, message):
    """It would be ignored without a word."""
    from recbole_iacn.building import configure

    values = {"iacn_mode": "off", "stages": "two", "tf32": True, "history_dataset": True, "mask_ratio": 0.5}
    given = settings(mlp_hidden_size=..., **{key: values.get(key, 1)})
    given.update({"topk": [5]} if model == "MIND" else {})
    if message is None:
        configure(model, "tiny", config_dict=given)
        return
    with pytest.raises(ConfigError) as told:
        configure(model, "tiny", config_dict=given)
    assert message in str(told.value)


@pytest.mark.parametrize("key", ["nproc", "world_size", "port"])
def test_an_argument_of_run_is_not_a_setting(settings, key):
    with pytest.raises(ConfigError, match=f"{key}: is an argument of run"):
        recbole_iacn.build("DIN_IaCN", "tiny", config_dict=settings(**{key: 4}))


@pytest.mark.parametrize(
    ("model", "allowed"),
    [
        ("ComiRec", "bpr, sampled_softmax or softmax"),
        ("SASRec", "bpr, sampled_softmax, softmax, or ~ for RecBole's loss_type"),
    ],
)
def test_a_message_names_what_the_model_itself_takes(settings, model, allowed):
    with pytest.raises(ConfigError) as error:
        configure(model, "tiny", config_dict=settings(loss="bprr", mlp_hidden_size=...))
    assert str(error.value) == f"loss: must be {allowed}, got 'bprr'"
