"""A model to start from is a bundle or a checkpoint, and both say the same."""

import numpy as np
import pytest
import torch

import recbole_iacn
from recbole_iacn.bundle import former
from recbole_iacn.errors import ConfigError


@pytest.fixture
def training(settings):
    given = settings(iacn_mode="full", iacn_item_features="all", iacn_user_profile=["age"])
    return recbole_iacn.build("WideDeep_IaCN", "tiny", config_dict=given)


def test_a_bundle_and_a_checkpoint_say_the_same(training):
    one = former.read(training.save_checkpoint("model.pth"), training.config, None)
    other = former.read(training.save("bundle"), training.config, "mean")
    assert list(one.rows) == list(other.rows) and one.model == other.model == "WideDeep_IaCN"
    assert one.weights.keys() == other.weights.keys()
    assert all(torch.equal(value, other.weights[name]) for name, value in one.weights.items())
    for name in {part.field for part in one.rows}:
        assert np.array_equal(one.tokens(name), other.tokens(name)), name
    assert other.settings["embedding_size"] == one.settings["embedding_size"] == 8


def test_what_is_no_former_model_is_rejected(training, settings, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match=r"empty: is not a bundle \(no manifest\.json\)"):
        former.read(tmp_path / "empty", training.config, None)
    bundle = training.save("bundle")
    with pytest.raises(ConfigError, match="bundle: is a WideDeep_IaCN, and this is a DIN_IaCN, whose weights are"):
        recbole_iacn.build("DIN_IaCN", "tiny", config_dict=settings(), start_from=bundle)
    (tmp_path / "bundle" / "weights.safetensors").write_bytes(b"")
    with pytest.raises(ConfigError, match=r"weights\.safetensors is damaged"):
        former.read(bundle, training.config, None)
    assert former.read(None, training.config, None) is None
