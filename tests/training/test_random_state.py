"""The generators go on where a checkpoint was written."""

import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from recbole_iacn.errors import ConfigError
from recbole_iacn.training import random_state


class Counting(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.steps, self.rate, self.name = 0, 0.5, "x"


def drawn(loader):
    generator = torch.rand(2, generator=loader.generator).tolist()
    return [
        random.random(),
        random.gauss(0, 1),
        *np.random.rand(2),
        np.random.randn(),
        *torch.rand(2).tolist(),
        *generator,
    ]


@pytest.fixture
def trainer():
    model, loader = Counting(), SimpleNamespace(generator=torch.Generator().manual_seed(4))
    return SimpleNamespace(model=model, loaders=[loader], counted=random_state.counters(model))


def test_every_generator_goes_on(trainer, tmp_path):
    drawn(trainer.loaders[0])
    random.gauss(0, 1), np.random.randn()  # each keeps a second number
    torch.save(random_state.recorded(trainer), tmp_path / "state.pth")
    after = drawn(trainer.loaders[0])
    state = torch.load(tmp_path / "state.pth", weights_only=True)[random_state.ENTRY]
    drawn(trainer.loaders[0])
    random_state.put_back(state, trainer.model, trainer.loaders)
    assert drawn(trainer.loaders[0]) == after


def test_what_a_model_counts_goes_on_and_what_is_set_does_not(trainer):
    """A rate that the settings give now is not overwritten by the one of the checkpoint."""
    trainer.model.steps = 7
    state = random_state.recorded(trainer)[random_state.ENTRY]
    assert state["counters"] == {"steps": 7}
    model = Counting()
    model.rate = 0.1
    state["counters"] |= {"forward": 1, "unknown": 2, "name": "y"}  # a stranger's
    random_state.put_back(state, model, trainer.loaders)
    assert (model.steps, model.rate, model.name) == (7, 0.1, "x") and callable(model.forward)
    assert not hasattr(model, "unknown")


@pytest.mark.parametrize("change", [{"python": 3}, {"numpy": {}}, {"torch": torch.zeros(3)}, {"counters": None}])
def test_a_damaged_record_is_named(trainer, change):
    state = {**random_state.recorded(trainer)[random_state.ENTRY], **change}
    with pytest.raises(ConfigError, match=r"^a\.pth: is damaged, its record of random numbers does not fit together$"):
        random_state.put_back(state, trainer.model, trainer.loaders, "a.pth")
