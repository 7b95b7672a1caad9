"""The moving average of weights: by hand, for this package's trainers and RecBole's. Its interruptions are in
test_resuming.py."""

import copy

import numpy as np
import pytest
import torch
from helpers import SHORT_RANKING
from torch import nn

import recbole_iacn
from recbole_iacn.errors import ConfigError
from recbole_iacn.training.weight_average import WeightAverage

_SMALL = {"hidden_size": 8, "inner_size": 8, "n_heads": 1, "n_layers": 1}
_RANKED = {"load_col": SHORT_RANKING["load_col"], "mlp_hidden_size": ..., "metrics": ["MRR"], "valid_metric": "MRR@10"}
OF_MODEL = {
    "DIN_IaCN": {},
    "TiMiRec": SHORT_RANKING,
    "SASRec": {**_RANKED, **_SMALL, "train_neg_sample_args": None},
    "DIN": {},
}
every_kind = pytest.mark.parametrize("name", OF_MODEL)


@pytest.mark.parametrize("learner", [torch.optim.Adam, torch.optim.SGD, torch.optim.Adagrad])
def test_the_average_by_hand(learner):
    """Also of a weight that has no gradient in the first steps, and of one that never has."""
    torch.manual_seed(0)
    weights = [nn.Parameter(torch.randn(3)) for _ in range(3)]
    learned, late, never = weights
    start = never.detach().clone()
    optimizer = learner(weights, lr=0.1)
    average = WeightAverage(optimizer, 0.7)
    wanted, seen = {}, {}
    for step in range(1, 31):
        optimizer.zero_grad()
        used = [learned, late] if step > 5 else [learned]
        sum((weight**2).sum() for weight in used).backward()
        optimizer.step()
        decay = min(0.7, (1 + step) / (10 + step))
        for weight in used:
            now = weight.detach().numpy().astype(np.float64)
            wanted[id(weight)] = decay * wanted[id(weight)] + (1 - decay) * now if id(weight) in wanted else now
    seen = [weight.detach().clone() for weight in weights]
    average.show_average()
    average.show_average()  # there already
    for weight in (learned, late):
        np.testing.assert_allclose(weight.detach().numpy(), wanted[id(weight)], rtol=1e-5)
        assert not torch.equal(weight, seen[0]) and not torch.equal(weight, seen[1])
    assert torch.equal(never, start)
    average.show_learning()
    assert all(torch.equal(weight, before) for weight, before in zip(weights, seen))


@pytest.mark.slow
@every_kind
def test_the_weights_that_learn_are_those_of_a_training_without(settings, name):
    """The average changes what is measured and saved, and nothing else."""
    given = settings(epochs=3, stopping_step=9, **{"learning_rate": 0.01, **OF_MODEL[name]})
    if name == "TiMiRec":
        given["stages"] = "joint"  # a second stage starts from the best epoch of the first
    plain = recbole_iacn.build(name, "tiny", config_dict=given)
    plain.fit(saved=False, verbose=False)  # RecBole's trainers take the next random numbers, whatever they are
    averaged = recbole_iacn.build(name, "tiny", config_dict={**given, "ema_decay": 0.9})
    averaged.fit(saved=False, verbose=False)
    average = copy.deepcopy(averaged.model.state_dict())
    averaged.trainer.weight_average.show_learning()
    learned = averaged.model.state_dict()
    assert any(not torch.equal(value, learned[key]) for key, value in average.items())
    for key, value in plain.model.state_dict().items():
        assert torch.equal(value, learned[key]), key


@pytest.mark.parametrize("name", ["KGAT", "MKR", "RecVAE", "NCL", "S3Rec", "Pop", "Popularity"])
def test_trainers_of_their_own_are_rejected(settings, name):
    from recbole.utils import get_model

    from recbole_iacn.checks.together import _check_average

    kind = get_model(name)
    config = {"ema_decay": 0.9, "MODEL_TYPE": kind.type, "learner": "adam"}
    with pytest.raises(ConfigError, match=f"ema_decay: {name} is trained by"):
        _check_average(config, kind)


def test_sparse_gradients_are_rejected(settings):
    with pytest.raises(ConfigError, match="ema_decay: averages every row"):
        recbole_iacn.build("DIN_IaCN", "tiny", config_dict=settings(ema_decay=0.9, learner="sparse_adam"))


@pytest.mark.parametrize("value", [0, 1, -0.5, "often"])
def test_a_decay_lies_between_0_and_1(settings, value):
    with pytest.raises(ConfigError, match="ema_decay"):
        recbole_iacn.build("DIN_IaCN", "tiny", config_dict=settings(ema_decay=value))
