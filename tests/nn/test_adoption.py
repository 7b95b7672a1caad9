"""An adopted layer keeps its parameters and computes as its new class does."""

import pytest
import torch
from torch import nn

from recbole_iacn.nn.adoption import adopt


class Doubling(nn.Linear):
    def forward(self, values):
        return 2 * super().forward(values)


def test_parameters_names_and_references_stay():
    model = nn.Sequential(nn.Linear(2, 3))
    layer, weight, before = model[0], model[0].weight, model(torch.ones(1, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    assert adopt(layer, Doubling) is layer
    assert model[0].weight is weight and list(model.state_dict()) == ["0.weight", "0.bias"]
    assert optimizer.param_groups[0]["params"][0] is model[0].weight
    assert torch.equal(model(torch.ones(1, 2)), 2 * before)
    adopt(layer, Doubling)  # again, as a reloaded model does


def test_an_unrelated_class_is_rejected():
    layer = nn.Conv1d(2, 3, 1)
    with pytest.raises(TypeError, match="adopt: Doubling does not derive from Conv1d"):
        adopt(layer, Doubling)
    assert type(layer) is nn.Conv1d
