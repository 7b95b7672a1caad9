"""Checkpoints of RecBole are opened without unpickling; what is left out is said, and opened with trust."""

import logging

import numpy as np
import pytest
import torch

import recbole_iacn
from recbole_iacn.errors import ConfigError
from recbole_iacn.system.trust import trusting
from recbole_iacn.training import checkpoint, checkpoint_file

# Stock models, with what each keeps beside its weights: nothing, tensors, arrays and sparse matrices, layers.
STOCK = {"BPR": [], "Pop": ["item_cnt", "max_cnt"], "EASE": ["item_similarity"], "DIN": []}


@pytest.fixture
def stock(settings, tmp_path):
    def make(model="BPR", **others):
        given = settings(mlp_hidden_size=... if model != "DIN" else [16, 8], embedding_size=8)
        training = recbole_iacn.build(model, "tiny", config_dict=given)
        state = {"config": training.config, "epoch": 0, "cur_step": 0, "best_valid_score": 0.5}
        state |= {"state_dict": training.model.state_dict(), "optimizer": training.trainer.optimizer.state_dict()}
        state["other_parameter"] = {**(training.model.other_parameter() or {}), **others}
        torch.save(state, tmp_path / "stock.pth", pickle_protocol=4)  # as RecBole does
        return training, str(tmp_path / "stock.pth")

    return make


@pytest.mark.parametrize("model", STOCK)
def test_recboles_checkpoint_has_its_settings_and_weights(stock, model):
    training, path = stock(model)
    state = checkpoint_file.load(path)
    assert state["config"] == checkpoint.plain(training.config.final_config_dict)
    assert all(torch.equal(weight, state["state_dict"][name]) for name, weight in training.model.state_dict().items())
    assert sorted(state["other_parameter"]) == sorted(STOCK[model])
    config = checkpoint.for_recbole(path)["config"]
    assert config["MODEL_TYPE"] is training.config["MODEL_TYPE"] and config["trust"] is False


class Own:
    """What only unpickling restores."""


def test_what_is_left_out_is_said_once_and_opened_with_trust(stock, caplog):
    caplog.set_level(logging.WARNING)
    _, path = stock(extra=Own(), number=3)
    for _ in range(2):
        assert checkpoint_file.load(path)["other_parameter"] == {"number": 3}
    said = [record.message for record in caplog.records if "left out" in record.message]
    assert len(said) == 1 and said[0].startswith(f"{path}: 1 objects are left out, other_parameter.extra (")
    assert "opening a pickle can run any code (if it is your own: trust: True in config_dict" in said[0]
    with trusting(True):
        state = checkpoint_file.load(path)
    assert isinstance(state["other_parameter"]["extra"], Own) and state["config"]["model"] == "BPR"
    assert caplog.records[-1].message == f"{path}: is unpickled, since trust is set; opening a pickle can run any code"


def test_the_setting_trust_counts_where_a_trainer_opens(stock):
    training, path = stock(extra=Own())
    for trust in (False, True):
        training.config["trust"] = trust
        training.trainer.resume_checkpoint(path)
        assert hasattr(training.model, "extra") is trust


def test_a_file_cannot_say_that_it_is_trusted(stock, settings, tmp_path):
    training, path = stock(extra=Own())
    training.config["trust"] = True
    training.save_checkpoint(path)
    assert checkpoint.for_recbole(path)["config"]["trust"] is False
    training.save(str(tmp_path / "bundle"))
    assert recbole_iacn.load(tmp_path / "bundle").model is not None
    assert "trust" not in (tmp_path / "bundle" / "settings.json").read_text()
    (tmp_path / "given.yaml").write_text("trust: true\n")
    with pytest.raises(ConfigError, match=r"^trust: is for who runs to say, and not for a file \(.*given\.yaml\)"):
        recbole_iacn.build("BPR", "tiny", [str(tmp_path / "given.yaml")], settings(mlp_hidden_size=...))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1, 2], "it has no weights and settings"),
        ({"config": {"model": "BPR"}, "state_dict": [1]}, "its weights are not tensors by name"),
        ({"config": {"model": 5}, "state_dict": {}}, "its settings name no model"),
        ({"config": 5, "state_dict": {}}, "its settings name no model"),
        (Own(), r"but an object of .*Own; opening a pickle can run any code, so it is not opened"),
        ({"config": {"model": "BPR"}, "state_dict": {}, "recbole_iacn": "x"}, "the number of its format is none"),
        ({"config": {"model": "BPR"}, "state_dict": {}, "recbole_iacn": 99}, "was written by a later version"),
        (
            {"config": {"model": "BPR"}, "state_dict": {}, "vocabulary": {"tokens": 3}},
            "its record of tokens does not fit",
        ),
    ],
)
def test_what_is_no_checkpoint_is_one_line(content, message, tmp_path):
    torch.save(content, tmp_path / "x.pth")
    with pytest.raises(ConfigError, match=f"^{tmp_path}/x.pth: .*{message}") as error:
        checkpoint_file.load(tmp_path / "x.pth")
    assert "\n" not in str(error.value)


def test_an_enum_that_recbole_does_not_have_is_one_line(stock):
    training, path = stock()
    training.save_checkpoint(path)
    state = torch.load(path, weights_only=True)
    state["config"]["MODEL_TYPE"] = {"enum": "ModelType", "name": "NONE"}
    torch.save(state, path)
    with pytest.raises(ConfigError, match=r"a checkpoint's settings name .*'NONE'.*, which RecBole does not know"):
        checkpoint.for_recbole(path)


def test_an_array_in_many_places_is_not_copied_for_each(tmp_path):
    """A hundred references of some bytes each to 800 KB; two are a model's right."""
    array = np.zeros(100_000)
    for count in (2, 100):
        torch.save({"arrays": [array] * count}, tmp_path / "x.pth")
        if count == 2:
            assert [one.size for one in checkpoint_file.read(tmp_path / "x.pth")["arrays"]] == [100_000] * 2
            continue
        with pytest.raises(ConfigError, match=r"x\.pth: is not a checkpoint, it claims more than it contains"):
            checkpoint_file.read(tmp_path / "x.pth")


def test_the_place_of_what_is_left_out_is_short(tmp_path, caplog):
    """Whatever the length of the keys: it is kept for each object."""
    torch.save({"k" * 100_000: Own()}, tmp_path / "x.pth")
    assert checkpoint_file.read(tmp_path / "x.pth") == {}
    assert max(len(name) for said in checkpoint_file._said for name in said[1:]) <= 200


@pytest.mark.parametrize("model", ["{0}/outside", "../outside", "..", "a b", ""])
def test_a_model_that_is_no_name_is_one_line(stock, model, tmp_path, monkeypatch):
    """RecBole makes a folder of the model's name for its log, before it looks for the model."""
    from recbole.quick_start import load_data_and_model

    training, path = stock()
    training.config["model"] = model.format(tmp_path)
    training.save_checkpoint(path)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    before = {*tmp_path.rglob("*")}
    with pytest.raises(ConfigError, match=r"stock\.pth: is not a checkpoint, its settings name no model"):
        load_data_and_model(path)
    assert {*tmp_path.rglob("*")} == before


def test_a_checkpoint_names_no_place_to_write_to(stock, tmp_path, monkeypatch):
    from recbole.quick_start import load_data_and_model
    from recbole.utils import get_trainer

    training, path = stock()
    training.config["checkpoint_dir"] = str(tmp_path / "theirs")
    training.config["save_dataset"] = training.config["save_dataloaders"] = True
    training.save_checkpoint(path)
    monkeypatch.chdir(tmp_path)
    config, model, *_ = load_data_and_model("stock.pth")
    trainer = get_trainer(config["MODEL_TYPE"], config["model"])(config, model)
    assert config["checkpoint_dir"] == trainer.checkpoint_dir == "."
    assert not (tmp_path / "theirs").exists() and not [*tmp_path.glob("tiny-*")]


@pytest.mark.parametrize("lengths", [[2, 2], [-1, 4]])
def test_tokens_whose_lengths_do_not_fit_are_damage(lengths, tmp_path):
    packed = {"text": torch.zeros(3, dtype=torch.uint8), "lengths": torch.tensor(lengths, dtype=torch.int32)}
    vocabulary = {"format": 1, "tokens": {"a": packed}, "digests": {"a": "b"}, "rows": None}
    state = {"config": {"model": "BPR"}, "state_dict": {}, "vocabulary": vocabulary}
    torch.save(state, tmp_path / "x.pth")
    with pytest.raises(ConfigError, match="is damaged, its record of tokens does not fit together"):
        checkpoint_file.load(tmp_path / "x.pth")
