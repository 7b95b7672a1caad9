"""Building a training: its parts, what stays unchanged, and what is rejected before any data are read."""

import logging
import sys
import warnings
from pathlib import Path

import pytest
import torch

import recbole_iacn
from recbole_iacn.building import Training, configure
from recbole_iacn.errors import ConfigError


@pytest.fixture
def no_data(monkeypatch):
    def read(*_):
        raise AssertionError("data were read")

    monkeypatch.setattr("recbole.data.dataset.Dataset.__init__", read)


@pytest.mark.parametrize("model", ["DIN_IaCN", "MIND", "SASRec"])
def test_a_training_has_all_parts(settings, model):
    changes = {} if model == "DIN_IaCN" else {"mlp_hidden_size": ...}
    changes.update({"SASRec": {"loss_type": "BPR"}, "MIND": {"topk": [5]}}.get(model, {}))
    made = recbole_iacn.build(model, "tiny", config_dict=settings(**changes))
    assert isinstance(made, Training) and made.checkpoint is None and not Path("log").exists()
    assert made.config["model"] == type(made.model).__name__ == model
    assert made.dataset.user_num == 61 and made.model is made.trainer.model
    assert all(len(loader) > 0 for loader in (made.train_data, made.valid_data, made.test_data))


def test_fit_restores_the_best_epoch_and_test_evaluates_the_current_weights(settings):
    """The second of three epochs is made the best, so that the model has the weights after that epoch."""
    made = recbole_iacn.build("WideDeep_IaCN", "tiny", config_dict=settings(epochs=3))
    after, scores = [], iter([0.2, 0.9, 0.4])

    def measure(*_, **__):
        after.append({name: value.clone() for name, value in made.model.state_dict().items()})
        made.trainer._measured = (score := next(scores)), {"auc": score}
        return made.trainer._measured

    made.trainer._valid_epoch = measure
    assert made.fit(verbose=False) == (0.9, {"auc": 0.9})
    assert all(torch.equal(value, after[1][name]) for name, value in made.model.state_dict().items())
    assert Path(made.checkpoint).is_file()
    figures = made.test()
    with torch.no_grad():
        for parameter in made.model.parameters():
            parameter.zero_()
    assert made.test() != figures and made.test()["auc"] == 0.5


def test_an_unsaved_training_writes_nothing(settings):
    made = recbole_iacn.build("WideDeep_IaCN", "tiny", config_dict=settings(epochs=1))
    made.fit(saved=False)
    assert made.checkpoint is None and not list(Path("saved").glob("*"))


@pytest.mark.parametrize("model", ["DIN_IaCN", "DIN"])
def test_recboles_function_loads_a_saved_model(settings, model):
    """This holds for a model of RecBole's, too, whose own checkpoint pickles the dataset. The current weights are
    saved."""
    from recbole.quick_start import load_data_and_model

    made = recbole_iacn.build(model, "tiny", config_dict=settings(epochs=1))
    made.fit()
    with torch.no_grad():
        for parameter in made.model.parameters():
            parameter.add_(0.25)
    assert made.save_checkpoint("kept/model.pth") == "kept/model.pth"
    kept = torch.load("kept/model.pth", weights_only=True)
    assert kept["best_valid_score"] == made.trainer.best_valid_score
    _, again, *_ = load_data_and_model("kept/model.pth")
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in made.model.state_dict().items())


def test_run_is_build_fit_test(settings):
    made = recbole_iacn.build("WideDeep_IaCN", "tiny", config_dict=settings())
    best, metrics = made.fit()
    expected = {"best_valid_score": best, "valid_score_bigger": True, "best_valid_result": metrics}
    result = recbole_iacn.run("WideDeep_IaCN", "tiny", config_dict=settings(checkpoint_dir="other"))
    model, checkpoint = result.pop("model"), result.pop("checkpoint")
    about = {key: result.pop(key) for key in ("seed", "valid_metric", "decimals", "last_epoch", "best_epoch")}
    assert about.pop("best_epoch") in (1, 2)
    assert about == {"seed": made.config["seed"], "valid_metric": "auc", "decimals": 4, "last_epoch": 2}
    assert result.pop("seconds") > 0 and result.pop("files")["checkpoint"] == checkpoint
    assert result == {**expected, "test_result": made.test()}
    assert all(torch.equal(one, other) for one, other in zip(model.parameters(), made.model.parameters()))
    assert Path(checkpoint).parent == Path("other")
    assert recbole_iacn.run("WideDeep_IaCN", "tiny", config_dict=settings(), saved=False)["checkpoint"] is None


def test_the_command_line_is_not_read(settings, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["mine.py", "--out=here", "--epochs=9"])
    with pytest.warns(UserWarning, match=r"^--epochs=9: build and run do not read the command line") as caught:
        config = configure("DIN_IaCN", "tiny", config_dict=settings())
    assert config["epochs"] == 2 and config["out"] is None and len(caught) == 1
    assert sys.argv == ["mine.py", "--out=here", "--epochs=9"]
    monkeypatch.setattr(sys, "argv", ["mine.py", "--out=here"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        configure("DIN_IaCN", "tiny", config_dict=settings())


def test_the_given_settings_are_not_modified(settings):
    given = settings()
    before = repr(given)
    recbole_iacn.build("DIN_IaCN", "tiny", config_dict=given)
    assert repr(given) == before


def test_two_runs_write_two_logs(settings):
    """RecBole sets up logging only once, so that the second run's lines would go to the first run's file."""
    root = logging.getLogger()
    before = list(root.handlers)
    root.handlers[:] = []
    try:
        for model in ("WideDeep_IaCN", "FM_IaCN"):
            given = settings(epochs=1, state="INFO", mlp_hidden_size=[8] if model == "WideDeep_IaCN" else ...)
            recbole_iacn.run(model, "tiny", config_dict=given)
        texts = {path.parent.name: path.read_text() for path in Path("log").rglob("*.log")}
    finally:
        for handler in [handler for handler in root.handlers if handler not in before]:
            root.removeHandler(handler)
            handler.close()
        root.handlers[:] = before
    assert set(texts) == {"WideDeep_IaCN", "FM_IaCN"}
    for model, text in texts.items():
        assert text.count("epoch 0 training") == 1 and f"{model}(" in text and "test result" in text


@pytest.mark.parametrize(
    ("model", "changes", "message"),
    [
        ("DIN_IaCM", {}, "model: there is no 'DIN_IaCM'. Did you mean 'DIN_IaCN'"),
        ("DIN_IaCN", {"epohcs": 2}, "epohcs: no such setting (config_dict). Did you mean 'epochs'"),
        ("BPR", {"epochs": 0}, "epochs: must be"),
        ("DIN", {"load_col": {"inter": ["user_id"]}}, "load_col.inter: 'item_id' is needed"),
        ("SASRec", {"history_dataset": "yes", "mlp_hidden_size": ...}, "history_dataset: must be"),
        (
            "DIN_IaCN",
            {"auxiliary_tasks": ["iacm"]},
            "auxiliary_tasks: there is no 'iacm'. Did you mean 'iacn'? There are: iacn",
        ),
        ("DIN_IaCN", {"auxiliary_tasks": ["iacn", "iacn"]}, "auxiliary_tasks: must be a list of different names"),
        (
            "DIN_IaCN",
            {"iacn_extractor": "sa"},
            "iacn_extractor: there is no 'sa'. There are: attention, block, last, mean, recurrent, routing",
        ),
        ("LR_IaCN", {}, "LR_IaCN: LR has one weight per feature"),
    ],
)
def test_wrong_input_is_rejected_before_data_are_read(no_data, settings, model, changes, message):
    with pytest.raises(ConfigError) as error:
        recbole_iacn.build(model, "tiny", config_dict=settings(**changes))
    assert message in str(error.value) and "\n" not in str(error.value)
    assert not Path("saved").exists() and not Path("log").exists()


def test_dir_lists_all_public_names():
    names = dir(recbole_iacn)
    assert set(recbole_iacn.__all__) <= set(names) and {"DIN_IaCN", "MIND", "build", "run", "register"} <= set(names)
    for name in recbole_iacn.__all__:
        assert getattr(recbole_iacn, name) is not None, name
    assert recbole_iacn.MIND.__name__ == "MIND"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"config_file_list": "my.yaml"}, "config_file_list: must be a list of paths, got 'my.yaml'"),
        ({"config_file_list": [3]}, "config_file_list: must be a list of paths"),
        ({"config_dict": [1]}, "config_dict: must be a dict from settings to values, got [1]"),
        ({"dataset": None}, "dataset: must be the name of a dataset, without a path, got None"),
        ({"dataset": "../tiny"}, "dataset: must be the name of a dataset, without a path"),
    ],
)
def test_arguments_of_another_kind_are_rejected(no_data, arguments, message):
    with pytest.raises(ConfigError) as error:
        recbole_iacn.build(**{"model": "DIN_IaCN", "dataset": "tiny", **arguments})
    assert message in str(error.value)


def test_a_model_that_cannot_be_made_is_not_there():
    assert not hasattr(recbole_iacn, "LR_IaCN") and not hasattr(recbole_iacn, "BPR_IaCN")
    with pytest.raises(AttributeError, match="LR has one weight per feature"):
        recbole_iacn.LR_IaCN  # noqa: B018


@pytest.mark.parametrize("model", ["DIN_IaCN", "SASRec"])
def test_a_dataset_without_rows_is_one_line(settings, model):
    changes = {"user_inter_num_interval": "[100,inf)"}
    changes.update({"loss_type": "BPR", "mlp_hidden_size": ...} if model == "SASRec" else {})
    message = r"dataset: tiny has no rows left: 540 interactions are dropped, 540 by user_inter_num_interval \(\[100,"
    with pytest.raises(ConfigError, match=message):
        recbole_iacn.build(model, "tiny", config_dict=settings(**changes))


def test_a_file_in_another_encoding_is_one_line(no_data, settings):
    with pytest.raises(ConfigError, match=r"encoding: .*tiny\.inter, line 1 is not valid utf-16"):
        recbole_iacn.build("DIN_IaCN", "tiny", config_dict=settings(encoding="utf-16"))


def test_settings_beside_the_data_that_were_not_given_are_named_where_columns_are_missing(settings, tmp_path):
    folder = tmp_path / "dataset" / "shop"
    folder.mkdir(parents=True)
    (folder / "shop.inter").write_text("user_id:token\titem_id:token\ttimestamp:float\na\tx\t1\n")
    given = settings(data_path=str(tmp_path / "dataset"), load_col={"inter": ["user_id", "item_id"]})
    useful = "load_col: {inter: [user_id, item_id, timestamp]}"
    for text, there in ((None, False), ("load_col: {inter: [user_id]}", False), ("[", False), (useful, True)):
        if text:
            (folder / "shop.yaml").write_text(text)
        with pytest.raises(ConfigError, match="'timestamp' is needed") as error:
            recbole_iacn.build("DIN_IaCN", "shop", config_dict=given)
        assert ("shop.yaml" in str(error.value)) == there
