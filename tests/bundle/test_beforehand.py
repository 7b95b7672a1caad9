"""Whether a model can become a bundle is found out before it is trained, and changes nothing."""

import random
from pathlib import Path

import numpy as np
import pytest
import torch

import recbole_iacn
from recbole_iacn.bundle.beforehand import check_model
from recbole_iacn.errors import ConfigError

RANKED = {
    "eval_args": {"mode": "full", "split": {"LS": "valid_and_test"}, "order": "TO"},
    "metrics": ["Recall"],
    "valid_metric": "Recall@10",
    "mlp_hidden_size": ...,
    "load_col": {"inter": ["user_id", "item_id", "timestamp"]},
}


@pytest.mark.parametrize("model", ["ItemKNN", "EASE", "LightGCN", "SGL"])
def test_models_made_of_interactions_are_rejected_before_the_training(settings, model, monkeypatch):
    monkeypatch.setattr(recbole_iacn.Training, "fit", lambda *given, **more: pytest.fail("it was trained"))
    with pytest.raises(ConfigError, match=f"{model}: (cannot be a bundle|a bundle's scores)") as error:
        recbole_iacn.run(model, "tiny", config_dict=settings(**RANKED), bundle="bundle")
    assert "\n" not in str(error.value) and not Path("bundle").exists()


@pytest.mark.parametrize("model", ["DIN_IaCN", "DIEN_IaCN", "FFM_IaCN", "KD_DAGFM_IaCN"])
def test_a_model_and_the_random_numbers_stay_as_they_were(settings, model):
    more = {} if model.startswith("DI") else {"mlp_hidden_size": ...}
    made = recbole_iacn.build(model, "tiny", config_dict=settings(**more))
    before = {name: value.clone() for name, value in made.model.state_dict().items()}
    mode = made.model.training
    states = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    check_model(made.config, made.dataset, made.model)
    assert torch.equal(torch.get_rng_state(), states[0]) and random.getstate() == states[2]
    np.testing.assert_array_equal(np.random.get_state()[1], states[1])
    assert all(torch.equal(value, before[name]) for name, value in made.model.state_dict().items())
    assert made.model.training == mode
