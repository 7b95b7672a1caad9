"""A checkpoint becomes a bundle by the data that it was trained on."""

import shutil

import pytest
import torch

import recbole_iacn
from recbole_iacn.bundle.folder import Bundle
from recbole_iacn.bundle.from_checkpoint import bundle_checkpoint
from recbole_iacn.data.catalogue import Catalogue
from recbole_iacn.errors import ConfigError


@pytest.fixture
def saved(settings, tmp_path):
    def make(model="DIN_IaCN", **changes):
        training = recbole_iacn.build(model, "tiny", config_dict=settings(**changes))
        training.save_checkpoint(str(tmp_path / "model.pth"))
        return training

    return make


@pytest.mark.parametrize("model", ["DIN_IaCN", "MIND", "DIN", "WideDeep_IaCN"])
def test_the_bundle_is_the_one_of_the_training(saved, tmp_path, model):
    training = saved(model)
    training.save(str(tmp_path / "direct"))
    assert bundle_checkpoint(tmp_path / "model.pth", tmp_path / "made") == tmp_path / "made"
    direct, made = Bundle.read(tmp_path / "direct"), Bundle.read(tmp_path / "made")
    assert made.settings == direct.settings
    assert made.catalogue.columns == direct.catalogue.columns
    assert made.catalogue.digest() == direct.catalogue.digest()
    assert made.weights.keys() == direct.weights.keys()
    assert all(torch.equal(made.weights[name], direct.weights[name]) for name in made.weights)


def test_the_data_may_be_elsewhere(saved, tmp_path, data_path):
    shutil.copytree(data_path, tmp_path / "first")
    saved(data_path=str(tmp_path / "first"))
    (tmp_path / "first").rename(tmp_path / "moved")
    with pytest.raises(ConfigError, match=r"^data_path: there is no folder nowhere/tiny; name the one that"):
        bundle_checkpoint(tmp_path / "model.pth", tmp_path / "made", data_path="nowhere")
    with pytest.raises(ConfigError, match=r"its data were in .*first/tiny, where there is no folder; .*--data_path"):
        bundle_checkpoint(tmp_path / "model.pth", tmp_path / "made")
    bundle_checkpoint(tmp_path / "model.pth", tmp_path / "made", str(tmp_path / "moved"))
    assert Bundle.read(tmp_path / "made").catalogue.count("item_id") == 41


@pytest.mark.parametrize("trust", [False, True])
def test_a_checkpoint_of_recboles_trainer_needs_no_trust(saved, tmp_path, trust):
    training = saved("DIN")
    training.fit(verbose=False)
    bundle_checkpoint(training.checkpoint, tmp_path / "made", trust=trust)
    weights = Bundle.read(tmp_path / "made").weights
    assert all(torch.equal(value, training.model.state_dict()[name]) for name, value in weights.items())


def test_wrong_files_are_one_line(saved, tmp_path):
    saved()
    (tmp_path / "text.pth").write_text("weights\n")
    torch.save({"state_dict": {}}, tmp_path / "part.pth")
    for name, message in (
        ("none.pth", "none.pth: no such file; give a checkpoint"),
        (".", "is a folder; give a checkpoint"),
        ("text.pth", "text.pth: is"),
        ("part.pth", "part.pth: is not a checkpoint, it has no weights and settings"),
    ):
        with pytest.raises(ConfigError, match=message):
            bundle_checkpoint(tmp_path / name, tmp_path / "made", trust=True)
    state = torch.load(tmp_path / "model.pth", weights_only=True)
    torch.save({**state, "recbole_iacn": 99}, tmp_path / "late.pth")
    with pytest.raises(ConfigError, match=r"late.pth: was written by a later version"):
        bundle_checkpoint(tmp_path / "late.pth", tmp_path / "made")
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "mine").write_text("")
    with pytest.raises(ConfigError, match="made: exists already"):
        bundle_checkpoint(tmp_path / "model.pth", tmp_path / "made")


def test_data_with_other_items_are_rejected(saved, tmp_path, data_path):
    shutil.copytree(data_path, tmp_path / "data")
    saved(data_path=str(tmp_path / "data"))
    with open(tmp_path / "data" / "tiny" / "tiny.inter", "a") as file:
        file.write("u1\tnew\t1500000000\t1\n")
    with open(tmp_path / "data" / "tiny" / "tiny.item", "a") as file:
        file.write("new\tc1\n")
    with pytest.raises(ConfigError, match=r"model.pth: was trained on data that number item_id otherwise: 40 tokens"):
        bundle_checkpoint(tmp_path / "model.pth", tmp_path / "made")
    assert not [path for path in tmp_path.iterdir() if "made" in path.name]


@pytest.mark.parametrize("model", ["DIN_IaCN", "DIN"])
def test_the_same_rows_in_another_order_are_rejected(saved, tmp_path, data_path, model):
    """Every size fits, and every row would belong to another item."""
    shutil.copytree(data_path, tmp_path / "data")
    training = saved(model, data_path=str(tmp_path / "data"))
    path = tmp_path / "data" / "tiny" / "tiny.inter"
    header, *rows = path.read_text().splitlines()
    path.write_text("\n".join([header, *reversed(rows)]) + "\n")
    with pytest.raises(ConfigError, match=r"model.pth: was trained on data that number \w+ otherwise: as many tokens"):
        bundle_checkpoint(tmp_path / "model.pth", tmp_path / "made")
    path.write_text("\n".join([header, *rows]) + "\n")
    bundle_checkpoint(tmp_path / "model.pth", tmp_path / "made")
    assert Bundle.read(tmp_path / "made").catalogue.digest() == Catalogue.of(training.dataset).digest()


def test_a_checkpoint_without_a_vocabulary_says_so(saved, tmp_path, caplog):
    saved()
    state = torch.load(tmp_path / "model.pth", weights_only=True)
    torch.save({key: value for key, value in state.items() if key != "vocabulary"}, tmp_path / "old.pth")
    bundle_checkpoint(tmp_path / "old.pth", tmp_path / "made")
    assert [record.message for record in caplog.records if "old.pth: records no vocabulary" in record.message]
