"""A protocol alone is enough: what a model measures by default meets it."""

import pytest

import recbole_iacn
from recbole_iacn.errors import ConfigError

COLUMNS = {"load_col": {"inter": ["user_id", "item_id", "timestamp"]}, "mlp_hidden_size": ...}
HIT = ["hit", "ndcg"]


def measured(settings, model, protocol, **changes):
    """(names of the test's metrics, without cutoffs; the metric that chooses the best epoch)"""
    changes = {"epochs": 1, **COLUMNS, **changes}
    if protocol == "leave_one_out_sampled":
        changes["eval_negatives"] = 20
    elif protocol == "din_electronics":
        changes["MAX_ITEM_LIST_LENGTH"] = ...
    training = recbole_iacn.build(model, "tiny", config_dict=settings(protocol=protocol, **changes))
    training.fit(saved=False, verbose=False)
    result = training.test()
    return list(dict.fromkeys(name.partition("@")[0] for name in result)), training.config["valid_metric"]


@pytest.mark.parametrize("protocol", ["leave_one_out_sampled", "leave_one_out_full"])
@pytest.mark.parametrize("model", ["DIN_IaCN", "WideDeep_IaCN", "DIN", "DIEN", "MIND", "Popularity", "ItemNeighbours"])
def test_where_a_protocol_ranks(settings, model, protocol):
    assert measured(settings, model, protocol) == (HIT, "NDCG@5")


@pytest.mark.parametrize("protocol", ["leave_one_out_ctr", "din_electronics"])
@pytest.mark.parametrize("model", ["MIND", "TiMiRec", "SASRec", "GRU4Rec", "Popularity", "ItemNeighbours"])
def test_where_a_protocol_scores_rows(settings, model, protocol):
    """No LogLoss: these scores only order items. SASRec and GRU4Rec train with their full softmax."""
    changes = {"n_heads": 2} if model == "SASRec" else {"stages": "joint"} if model == "TiMiRec" else {}
    assert measured(settings, model, protocol, **changes) == (["auc", "gauc"], "AUC")


def test_what_a_model_measures_already_stays(settings):
    assert measured(settings, "DIN_IaCN", "leave_one_out_ctr") == (["auc", "logloss", "gauc"], "AUC")
    assert measured(settings, "DIN", "leave_one_out_ctr") == (["auc", "logloss"], "AUC")
    names, best = measured(settings, "SASRec", "leave_one_out_full")
    assert {"recall", "mrr"} < set(names) and best == "MRR@10"


def test_what_is_given_stays(settings):
    changes = {"topk": [3], "valid_metric": "Hit@3"}
    assert measured(settings, "DIN_IaCN", "leave_one_out_full", **changes) == (HIT, "Hit@3")
    assert measured(settings, "MIND", "leave_one_out_ctr", metrics=["AUC"], valid_metric="AUC") == (["auc"], "AUC")


@pytest.mark.parametrize("protocol", ["leave_one_out_ctr", "leave_one_out_full"])
def test_a_full_softmax_needs_no_negatives(settings, protocol):
    training = recbole_iacn.build("SASRec", "tiny", config_dict=settings(**COLUMNS, protocol=protocol))
    assert "neg_item_id" not in next(iter(training.train_data)) and len(training.train_data._dataset) == 60 * 6
    pairwise = recbole_iacn.build("SASRec", "tiny", config_dict=settings(**COLUMNS, protocol=protocol, loss_type="BPR"))
    assert "neg_item_id" in next(iter(pairwise.train_data))
    drawn = {"distribution": "uniform", "sample_num": 1}
    with pytest.raises(
        ConfigError, match="train_neg_sample_args: loss_type CE takes no negatives; leave it out, or set"
    ):
        given = settings(**COLUMNS, protocol=protocol, train_neg_sample_args=drawn)
        recbole_iacn.build("SASRec", "tiny", config_dict=given)


def test_decision_trees_have_no_gauc_by_default():
    """Their evaluation collects no users; the class needs a package that need not be here."""
    from recbole.utils import ModelType

    from recbole_iacn.bridge.config import _meet

    class Tree:
        type = ModelType.DECISIONTREE

    for given, wanted in (({}, ["AUC", "LogLoss"]), ({"metrics": ["AUC", "GAUC"]}, ["AUC", "GAUC", "LogLoss"])):
        defaults = {"metrics": ["AUC", "GAUC", "LogLoss"]}
        _meet("impressions_by_time", defaults, given, Tree)
        assert defaults["metrics"] == wanted
