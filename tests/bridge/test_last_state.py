"""RecBole's GRU4Rec and SASRec with last_state_only: the same losses, gradients and scores."""

import pytest
from helpers import assert_computes_the_same, give_same_weights

from recbole_iacn.errors import ConfigError

RANKED = {"protocol": "leave_one_out_sampled", "eval_negatives": 9, "metrics": ["NDCG"], "topk": [5]}
RANKED.update(valid_metric="NDCG@5", loss_type="BPR", hidden_size=8, inner_size=16, mlp_hidden_size=...)


@pytest.fixture
def network(build):
    def make(model, **changes):
        _, train, _, _, built = build(model, **RANKED, **changes)
        return next(iter(train)), built

    return make


@pytest.mark.parametrize(
    ("model", "layers"),
    [
        ("GRU4Rec", {"num_layers": 1, "dropout_prob": 0}),
        ("GRU4Rec", {"num_layers": 2, "dropout_prob": 0}),
        ("SASRec", {"n_layers": 1, "n_heads": 1}),
        ("SASRec", {"n_layers": 2, "n_heads": 2, "hidden_act": "relu"}),
    ],
)
def test_it_computes_what_recbole_does(network, model, layers):
    """The histories have from one item to the largest number; in training mode there is no dropout."""
    layers = {**layers, "hidden_dropout_prob": 0, "attn_dropout_prob": 0}
    batch, stock = network(model, **layers)
    _, ours = network(model, **layers, last_state_only=True)
    assert (stock.last_state_only, ours.last_state_only) == (False, True)
    assert 1 in batch["item_length"] and len(set(batch["item_length"].tolist())) > 3
    give_same_weights(ours, stock)
    assert_computes_the_same(ours, stock, batch, 1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["GRU4Rec", "SASRec"])
def test_runs_with_and_without_it_give_the_same_metrics(settings, model):
    from recbole.quick_start import run_recbole

    changes = {**RANKED, "dropout_prob": 0, "hidden_dropout_prob": 0, "attn_dropout_prob": 0}
    results = [
        run_recbole(model=model, dataset="tiny", config_dict=settings(**changes, last_state_only=asked))
        for asked in (False, True)
    ]
    assert results[0]["best_valid_score"] == pytest.approx(results[1]["best_valid_score"], abs=1e-4)
    assert dict(results[0]["test_result"]) == pytest.approx(dict(results[1]["test_result"]), abs=1e-4)


@pytest.mark.parametrize(
    ("model", "asked", "message"),
    [
        ("SASRec", "yes", "last_state_only: must be True or False, got 'yes'"),
        ("NARM", True, "last_state_only: is for GRU4Rec and SASRec, not for NARM"),
        ("MIND", True, "last_state_only: is for GRU4Rec and SASRec, not for MIND"),
    ],
)
def test_it_is_rejected_for_models_that_ignore_it(build, model, asked, message):
    with pytest.raises(ConfigError) as error:
        build(model, last_state_only=asked, **RANKED)
    assert message in str(error.value)
