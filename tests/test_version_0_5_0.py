"""Files that version 0.5.0 wrote can still be read, and give the same scores."""

import json
import shutil
from pathlib import Path

import pytest
import torch

import recbole_iacn
from recbole_iacn.errors import ConfigError

OLD = Path(__file__).parent / "version_0_5_0"
EXPECTED = json.loads((OLD / "scores.json").read_text())


@pytest.fixture
def old_place(data_path, tmp_path):
    """A folder with the data at ``data``, the path that the checkpoints contain."""
    shutil.copytree(data_path, tmp_path / "data")
    return tmp_path


@pytest.mark.parametrize("name", EXPECTED)
def test_a_checkpoint_gives_the_same_scores(old_place, name):
    from recbole.quick_start import load_data_and_model

    _, model, _, _, _, test = load_data_and_model(str(OLD / f"{name}.pth"))
    model.eval()
    rows = test._dataset[torch.arange(6)]
    with torch.no_grad():
        scores = model.full_sort_predict(rows).view(6, -1)[:, :12]
    # They are equal to the bit on the machine that wrote them; another processor adds in another order.
    torch.testing.assert_close(scores, torch.tensor(EXPECTED[name]["scores"]), rtol=1e-5, atol=1e-6)


# A bias before a batch normalisation: its gradient is 0 but for rounding, which Adam makes a step of full length, and
# which differs between the code that wrote the file and today's. The normalisation's mean of the past has it, too.
_WITHOUT_EFFECT = "dnn_mlp_layers.mlp_layers.1.bias"
_ITS_MEAN = "dnn_mlp_layers.mlp_layers.2.running_mean"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["DIN_IaCN", "WideDeep_IaCN", "MIND"])
def test_a_resumed_training_equals_an_uninterrupted_one(old_place, settings, name):
    """The state includes the optimizer's moments, which refer to parameters by their order alone."""
    given = settings(epochs=4, embedding_size=4, data_path="data")
    if name == "MIND":
        given.update(topk=[5], eval_negatives=9, valid_metric="NDCG@5", loss="bpr")
        del given["mlp_hidden_size"]
    else:
        given.update(mlp_hidden_size=[8], iacn_user_profile=["age"] if name == "DIN_IaCN" else [])
    whole = recbole_iacn.build(name, "tiny", config_dict=given)
    whole.fit()
    resumed = recbole_iacn.build(name, "tiny", config_dict={**given, "checkpoint_dir": "other"})
    shutil.copy(OLD / f"{name}.pth", "old.pth")  # RecBole writes to the file that it resumed from
    resumed.trainer.resume_checkpoint("old.pth")
    resumed.fit()
    states = resumed.model.state_dict(), whole.model.state_dict()
    for key in {_WITHOUT_EFFECT, _ITS_MEAN} & set(states[0]):
        states[0][key].copy_(states[1][key])
    assert {k: float(v) for k, v in resumed.test().items()} == pytest.approx(
        {k: float(v) for k, v in whole.test().items()}, abs=1e-4
    )
    for (key, one), other in zip(resumed.model.named_parameters(), whole.model.parameters()):
        if key != _WITHOUT_EFFECT:
            torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4, msg=lambda text, key=key: f"{key}: {text}")


@pytest.mark.parametrize("loss", ["softmax", "sampled_softmax"])
def test_a_training_by_the_loss_of_its_time_alone_is_resumed(old_place, settings, loss):
    given = settings(epochs=4, embedding_size=4, data_path="data", topk=[5], eval_negatives=9, valid_metric="NDCG@5")
    given["loss"] = loss
    del given["mlp_hidden_size"]
    shutil.copy(OLD / "MIND.pth", "old.pth")
    with pytest.raises(ConfigError, match=r"old\.pth: was trained by BPR, before loss was a setting; set loss: bpr"):
        recbole_iacn.run("MIND", "tiny", config_dict=given, resume="old.pth")


def test_a_saved_dataset_is_read(old_place, settings):
    """It is a pickle that refers to its class by the old module name."""
    shutil.copytree(OLD, old_place / "saved")
    given = settings(embedding_size=4, mlp_hidden_size=[8], iacn_user_profile=["age"], data_path="data")
    made = recbole_iacn.build("DIN_IaCN", "tiny", config_dict={**given, "checkpoint_dir": "saved"})
    saved = Path("saved", "tiny-InterestAwareDataset.pth")
    assert saved.is_file()
    fresh = recbole_iacn.build("DIN_IaCN", "tiny", config_dict={**given, "checkpoint_dir": "none"})
    assert len(made.train_data._dataset) == len(fresh.train_data._dataset)
    for name in ("user_id", "item_id"):
        assert torch.equal(made.train_data._dataset.inter_feat[name], fresh.train_data._dataset.inter_feat[name])
