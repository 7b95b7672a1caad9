"""Checkpoints: safe to load, small, complete, and fit to resume from."""

import re
import types
from pathlib import Path

import numpy as np
import pytest
import torch

from recbole_iacn.errors import ConfigError
from recbole_iacn.training.checkpoint import best_valid_result, save


@pytest.mark.slow
def test_checkpoint_records_the_metrics_of_its_own_epoch(trained):
    """RecBole writes the file before it records them; a resumed training that does not improve returns them."""
    _, _, _, best = trained(epochs=3, learning_rate=0.01)
    saved = torch.load(best.saved_model_file, weights_only=True)
    assert saved["best_valid_result"] == best.best_valid_result != {}
    *_, resumed = trained(resume=best.saved_model_file, epochs=saved["epoch"] + 1)
    assert resumed.best_valid_result == best.best_valid_result


def test_recboles_own_checkpoint_has_no_metrics(tmp_path):
    """It contains a pickled Config, which is not loaded for the sake of the metrics."""
    torch.save({"config": Path, "state_dict": {}}, tmp_path / "stock.pth")
    assert best_valid_result(tmp_path / "stock.pth") is None


@pytest.mark.slow
def test_checkpoint_is_safe_small_and_without_the_data(trained):
    _, _, model, trainer = trained(embedding_size=256)
    loaded = torch.load(trainer.saved_model_file, weights_only=True)
    assert loaded["other_parameter"] == {}
    tensors = [*model.state_dict().values()]
    for state in trainer.optimizer.state_dict()["state"].values():
        tensors += [value for value in state.values() if isinstance(value, torch.Tensor)]
    size = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    assert Path(trainer.saved_model_file).stat().st_size < 1.2 * size


def test_checkpoint_restores_the_settings(trained):
    from recbole.quick_start import load_data_and_model

    config, _, _, trainer = trained()
    loaded, again, *_ = load_data_and_model(trainer.saved_model_file)
    assert loaded.final_config_dict == config.final_config_dict
    for name, weight in torch.load(trainer.saved_model_file, weights_only=True)["state_dict"].items():
        assert torch.equal(again.state_dict()[name], weight)


def test_numbers_of_numpy_are_plain_ones(tmp_path):
    """float64 is a float to Python, and yet the safe loader rejects it."""
    settings = types.SimpleNamespace(
        final_config_dict={"rate": np.float64(0.5), "counts": [np.int64(3), np.float32(2)]}
    )
    save({"config": settings, "state_dict": {}}, "numpy.pth")
    loaded = torch.load("numpy.pth", weights_only=True)["config"]
    assert loaded == {"rate": 0.5, "counts": [3, 2.0]} and type(loaded["rate"]) is float


def test_a_failed_save_leaves_the_old_file(tmp_path, trained):
    config, _, _, trainer = trained()
    path = trainer.saved_model_file
    before = Path(path).read_bytes()

    class Unpicklable:
        def __reduce__(self):
            raise OSError(28, "No space left on device")

    line = r"cannot be written \(No space left on device, .* MB are free\); it still holds the best epoch before, and "
    with pytest.raises(ConfigError, match=f"{re.escape(path)}: {line}--resume={re.escape(path)} goes on from there"):
        save({"config": config, "state_dict": Unpicklable()}, path)
    assert Path(path).read_bytes() == before
    assert not list(Path(path).parent.glob("*.partial*"))


@pytest.mark.slow
def test_a_checkpoint_of_a_later_version_is_rejected(trained):
    from recbole.quick_start import load_data_and_model

    path = trained(epochs=1)[-1].saved_model_file
    saved = torch.load(path, weights_only=True)
    torch.save({**saved, "recbole_iacn": saved["recbole_iacn"] + 1}, path)
    with pytest.raises(ValueError, match="written by a later version of recbole_iacn; upgrade the package"):
        load_data_and_model(path)
