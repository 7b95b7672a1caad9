"""IaCN with a predicted next interest in DIN, DIEN and context-aware models."""

import numpy as np
import pytest
import torch

from recbole_iacn.errors import ConfigError
from recbole_iacn.model.click.interest_aware import InterestAware

DISTILLED = {"iacn_target": "distilled", "iacn_negatives": 4}


@pytest.mark.parametrize("model", ["DIN_IaCN", "DIEN_IaCN", "WideDeep_IaCN"])
def test_three_losses_and_a_vector_to_retrieve_with(build, model):
    _, train, _, test, network = build(model, **DISTILLED, iacn_distillation_weight=2.0)
    assert network.loss_names == ("main", "iacn", "distillation")
    rows = next(iter(train))
    torch.manual_seed(1)
    warmup = network.calculate_loss(rows)
    network.epoch = 1
    torch.manual_seed(1)
    later = network.calculate_loss(rows)
    assert warmup[2] == 0 and later[2] > 0 and torch.equal(warmup[1], later[1])
    sum(later).backward()
    assert network.tasks["iacn"].network.foresight.bilinear.weight.grad.any()
    with torch.no_grad():
        vectors = network.eval().foresee(test._dataset[np.arange(6)])
    assert vectors.shape == (6, 8) and vectors.isfinite().all()


def test_diens_state_is_that_of_its_own_pass(build):
    """The state that the forward pass leaves, and the state computed on its own."""
    _, train, _, _, network = build("DIEN_IaCN", **DISTILLED)
    rows = next(iter(train))
    with network.item_tables.sharing():
        super(InterestAware, network).calculate_loss(network.with_history(rows))
        left = network.user_state(rows)
        assert left is network.item_tables.left["state"] and left.shape[1] == network.state_size
    assert network.item_tables.left is None
    assert torch.allclose(left, network.user_state(rows), atol=1e-6)


def test_the_papers_task_has_no_foresight(build):
    *_, test, network = build("DIN_IaCN")
    with pytest.raises(ConfigError, match="iacn_target: distilled can predict the next interest"):
        network.foresee(test._dataset[np.arange(2)])
    assert network.loss_names == ("main", "iacn")


def test_a_backbone_without_a_state_uses_the_mean_of_the_history(build, monkeypatch):
    """By NumPy, over real positions; an empty history is 0."""
    *_, test, network = build("WideDeep_IaCN", **DISTILLED)
    rows = test._dataset[np.arange(4)]
    rows["item_id_list"][1, 2:] = 0
    rows["item_id_list"][2] = 0
    given, foresight = [], network.tasks["iacn"].network.foresight
    foresight.register_forward_pre_hook(lambda _, arguments: given.append(arguments[0].detach().numpy()))
    network.eval().foresee(rows)
    for row, history in enumerate(rows["item_id_list"]):
        vectors = network.item_tables.auxiliary(history[history > 0]).detach().numpy()
        wanted = vectors.mean(axis=0) if len(vectors) else np.zeros(8)
        np.testing.assert_allclose(given[0][row], wanted, atol=1e-6)
