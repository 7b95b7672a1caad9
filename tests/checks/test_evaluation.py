"""Metrics that a protocol or a model cannot have are one line, and what the line says to do works."""

import pytest

import recbole_iacn
from recbole_iacn.checks.evaluation import gives_probabilities
from recbole_iacn.errors import ConfigError

COLUMNS = {"load_col": {"inter": ["user_id", "item_id", "timestamp"]}, "mlp_hidden_size": ...}
ORDERING = ["MIND", "TiSASRec", "Popularity", "ItemNeighbours", "SASRec", "GRU4Rec"]
TESTS = ["leave_one_out_ctr", "leave_one_out_sampled"]


def fails(settings, model, **changes):
    with pytest.raises(ConfigError) as caught:
        recbole_iacn.build(model, "tiny", config_dict=settings(**COLUMNS, **changes))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("model", ORDERING)
def test_logloss_is_of_probabilities(settings, model):
    message = fails(settings, model, protocol=TESTS[0], metrics=["AUC", "GAUC", "LogLoss"], valid_metric="AUC")
    wanted = (
        f"metrics: LogLoss is of probabilities, and the scores of {model} only order items; set metrics: [AUC, GAUC]"
    )
    assert message == wanted
    recbole_iacn.build(
        model,
        "tiny",
        config_dict=settings(**COLUMNS, protocol=TESTS[0], metrics=["AUC", "GAUC"], valid_metric="AUC"),
    )
    message = fails(settings, model, protocol=TESTS[0], metrics="LogLoss", valid_metric="LogLoss")
    assert message.endswith("set metrics: [AUC] and valid_metric: AUC")


def test_which_scores_are_probabilities():
    from recbole.model.context_aware_recommender import FM
    from recbole.model.general_recommender import BPR, NeuMF, Pop
    from recbole.model.sequential_recommender import DIEN, DIN, SASRec

    class Own(SASRec):
        gives_probabilities = True

    yes = [DIN, DIEN, FM, NeuMF, recbole_iacn.DIN_IaCN, recbole_iacn.WideDeep_IaCN, Own]
    no = [SASRec, BPR, Pop, recbole_iacn.MIND, recbole_iacn.Popularity]
    assert [gives_probabilities(model, {}) for model in (*yes, *no)] == [True] * len(yes) + [False] * len(no)


@pytest.mark.parametrize("model", ["DIN_IaCN", "MIND", "Popularity"])
def test_metrics_that_a_protocol_does_not_measure(settings, model):
    ranked, scored = {"metrics": ["Hit", "NDCG"], "valid_metric": "Hit@10"}, {"metrics": "AUC", "valid_metric": "AUC"}
    message = fails(settings, model, protocol=TESTS[0], **ranked)
    assert message == (
        "metrics: protocol 'leave_one_out_ctr' scores rows, which Hit does not measure; leave metrics and valid_metric "
        "out, or set protocol leave_one_out_sampled"
    )
    message = fails(settings, model, protocol="leave_one_out_full", **scored)
    assert message == (
        "metrics: protocol 'leave_one_out_full' ranks items, which AUC does not measure; leave metrics and "
        "valid_metric out, or set protocol leave_one_out_ctr"
    )
    for protocol, metrics in ((TESTS[0], scored), (TESTS[1], {**ranked, "eval_negatives": 20, "topk": 10})):
        recbole_iacn.build(model, "tiny", config_dict=settings(**COLUMNS, protocol=protocol, **metrics))


@pytest.mark.parametrize(
    ("model", "instead"),
    [("WideDeep", "WideDeep_IaCN"), ("Pop", "Popularity"), ("ItemKNN", "ItemNeighbours"), ("BPR", None), ("LR", None)],
)
@pytest.mark.parametrize("protocol", ["leave_one_out_sampled", "dien_books"])
def test_a_model_without_histories_names_one_that_takes_the_test(settings, model, instead, protocol):
    changes = {"protocol": protocol, "MAX_ITEM_LIST_LENGTH": ..., "eval_negatives": 20}
    if protocol == "dien_books":
        del changes["eval_negatives"]
    message = fails(settings, model, **changes)
    end = {
        None: f"and {model} " + ("has none" if protocol == "dien_books" else "is not one"),
        "WideDeep_IaCN": "; WideDeep_IaCN with iacn_mode: off is WideDeep with a history",
    }.get(instead, f"; {instead} takes its place")
    assert message.startswith(f"protocol: '{protocol}' ") and message.endswith(end)
    if instead:
        changes.update({"iacn_mode": "off"} if instead == "WideDeep_IaCN" else {})
        recbole_iacn.build(instead, "tiny", config_dict=settings(**COLUMNS, **changes))
