"""Checkpoints are loaded, safely if possible, and PyTorch's own state stays unchanged."""

import pickle
import subprocess
import sys
import textwrap
import types

import numpy as np
import pytest
import torch

from recbole_iacn.bridge.compat import pytorch


class Pickled:
    """An object that only an unsafe load can restore."""


def load_from(caller, path):
    scope = {"__name__": caller, "torch": torch}
    exec("def load(path):\n    return torch.load(path)", scope)
    return scope["load"](path)


def test_what_recbole_loads_is_read_without_unpickling(tmp_path, monkeypatch):
    import recbole.trainer  # noqa: F401

    path = tmp_path / "stock.pth"
    torch.save({"weight": torch.ones(2), "others": {"one": Pickled(), "two": 2}}, path, pickle_protocol=4)
    with pytest.raises(pickle.UnpicklingError):  # PyTorch's own rule holds for everybody else
        load_from("somebody.else", path)
    monkeypatch.setattr(pickle, "Unpickler", None)  # unpickling would need it
    found = load_from("recbole.quick_start.quick_start", path)
    assert found["weight"].tolist() == [1, 1] and found["others"] == {"two": 2}


@pytest.mark.slow
def test_looking_up_a_sequential_model_leaves_anomaly_detection_as_it_was():
    code = """
        import torch, recbole_iacn, sys
        torch.autograd.set_detect_anomaly({state})
        from recbole.utils import get_model
        get_model("GRU4Rec")
        print("recbole.model.sequential_recommender.sine" in sys.modules, torch.is_anomaly_enabled())
    """
    for state in ("False", "True"):
        code_now = textwrap.dedent(code).format(state=state)
        done = subprocess.run([sys.executable, "-W", "ignore", "-c", code_now], capture_output=True, text=True)
        assert done.stdout.split() == ["True", state], done.stderr


def test_flops_that_cannot_be_counted_are_nan():
    def get_flops(model):
        assert model
        return 7

    module = types.SimpleNamespace(get_flops=get_flops)
    pytorch.patch_flops(module)
    assert module.get_flops(True) == 7 and np.isnan(module.get_flops(False))


def test_preloaded_weights_are_float32():
    class Dataset:
        def get_preload_weight(self, field):
            return np.array([[0.1, 2.0]])

    pytorch.patch_preloaded_weights(types.SimpleNamespace(Dataset=Dataset))
    weight = Dataset().get_preload_weight("ent_id")
    assert weight.dtype == np.float32 and weight.tolist() == np.float32([[0.1, 2.0]]).tolist()
