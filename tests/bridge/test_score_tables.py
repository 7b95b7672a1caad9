"""Evaluation among all items in blocks of rows: the figures are RecBole's, and no more scores live than allowed."""

import numpy as np
import pytest
import torch
from helpers import give_other_weights

import recbole_iacn
from recbole_iacn.bridge import score_tables
from recbole_iacn.data import ranking, score_blocks
from recbole_iacn.data.ranking import AllItems

METRICS = ["Hit", "Recall", "MRR", "NDCG", "MAP", "Precision", "GAUC"]
OF_ITEMS = ["ItemCoverage", "AveragePopularity", "ShannonEntropy", "GiniIndex", "TailPercentage"]
CLICKS = {"load_col": {"inter": ["user_id", "item_id", "timestamp"]}, "mlp_hidden_size": ..., "topk": [3, 5]}
RANKED = {**CLICKS, "metrics": [*METRICS, *OF_ITEMS], "valid_metric": "NDCG@3", "metric_decimal_place": 12}
OWN = {"split": {"LS": "valid_and_test"}, "order": "TO", "group_by": "user", "mode": "full"}
STOCK = {"loss_type": "BPR", "hidden_size": 8, "inner_size": 8, "n_heads": 1}
SAMPLED = {"protocol": "leave_one_out_sampled", "eval_negatives": 12, "metrics": METRICS}
LAYERS = {"mlp_hidden_size": [8], "train_neg_sample_args": {"distribution": "uniform", "sample_num": 1}}
RATIO = {"split": {"RS": [0.5, 0.2, 0.3]}, "group_by": "user", "order": "RO", "mode": "full"}  # several clicked items

CASES = {
    "SASRec, RecBole's full sort": ("SASRec", {"eval_args": OWN, **STOCK}),
    "BPR, several clicked items": ("BPR", {"eval_args": RATIO}),
    "BPR, candidates that RecBole draws": (
        "BPR",
        {"eval_args": {**RATIO, "mode": "uni10"}, "metrics": [name for name in METRICS if name != "GAUC"]},
    ),
    "DIN by pairs": ("DIN", {"eval_args": OWN, **LAYERS}),
    "ComiRec": ("ComiRec", {"protocol": "leave_one_out_full"}),
    "ComiRec, without what was clicked": ("ComiRec", {"protocol": "leave_one_out_full", "mask_history": True}),
    "Popularity": ("Popularity", {"protocol": "leave_one_out_full"}),
    "DIN_IaCN": ("DIN_IaCN", {"protocol": "leave_one_out_full", **LAYERS}),
    "MIND among candidates": ("MIND", {"protocol": "leave_one_out_sampled", "eval_negatives": 12, "metrics": METRICS}),
    "DIN among candidates": (
        "DIN",
        {"protocol": "leave_one_out_sampled", "eval_negatives": 12, "metrics": METRICS, **LAYERS},
    ),
}


def evaluated(training):
    """Validation's and test's figures."""
    np.random.seed(0)  # RecBole's own candidates are drawn anew by each evaluation
    training.trainer.eval_collector.data_collect(training.train_data)
    loaders = training.valid_data, training.test_data
    return [training.trainer.evaluate(loader, load_best_model=False) for loader in loaders]


@pytest.fixture
def made(settings):
    def make(name):
        model, changes = CASES[name]
        training = recbole_iacn.build(model, "tiny", config_dict=settings(**{**RANKED, **changes}))
        give_other_weights(training.model)
        return training

    return make


def by_recbole(monkeypatch):
    """RecBole's collector and batches, which this package wraps; and every item in its place where some are tied."""
    import recbole.evaluator.collector as collector
    from recbole.data.dataloader import FullSortEvalDataLoader, NegSampleEvalDataLoader

    places = (
        (collector.Collector, "eval_batch_collect"),
        (collector.DataStruct, "update_tensor"),
        (FullSortEvalDataLoader, "_init_batch_size_and_step"),
        (NegSampleEvalDataLoader, "_init_batch_size_and_step"),
    )
    for owner, name in places:
        monkeypatch.setattr(owner, name, getattr(owner, name).__wrapped__)
    monkeypatch.setattr(score_tables, "_longest_list", lambda trainer: None)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_every_metric_is_that_of_recboles_evaluation(made, monkeypatch, name):
    """In one batch by RecBole's code, and in blocks of three rows."""
    with monkeypatch.context() as patch:
        by_recbole(patch)
        wanted = evaluated(made(name))
    monkeypatch.setattr(score_blocks, "_SCORES", 3 * 41)
    training = made(name)
    assert training.test_data.step <= 3
    for found, one in zip(evaluated(training), wanted):
        assert found.keys() == one.keys() and len(found) >= 11
        assert found == pytest.approx(one, abs=1e-6)
        lists = {key: value for key, value in one.items() if key != "gauc"}  # whose sums RecBole makes in float32
        assert {key: found[key] for key in lists} == pytest.approx(lists, abs=1e-12)


def test_a_batch_has_at_most_as_many_rows_as_the_budget_of_scores(made, monkeypatch):
    monkeypatch.setattr(score_blocks, "_SCORES", 41 * 7 + 5)
    for name, rows in (("SASRec, RecBole's full sort", 7), ("ComiRec", 7), ("BPR, several clicked items", 1)):
        assert made(name).test_data.step == rows, name
    monkeypatch.setattr(score_blocks, "_SCORES", 5)
    assert [len(users) for users, *_ in made("ComiRec").test_data] == [1] * 60


def test_a_batch_of_candidates_has_at_most_as_many_rows_too(made, monkeypatch):
    """RecBole's trainer makes rows of all items of them."""
    model, changes = CASES["BPR, candidates that RecBole draws"]
    monkeypatch.setitem(CASES, "large batches", (model, {**changes, "eval_batch_size": 4096}))
    assert made("large batches").test_data.step > 3
    monkeypatch.setattr(score_blocks, "_SCORES", 3 * 41)
    test = made("large batches").test_data
    assert test.step == 3
    assert max(int(rows.max()) + 1 for _, rows, *_ in test) == 3


def test_what_is_collected_has_no_free_rest(made, monkeypatch):
    """Buffers double; what is handed on, and copied, is as large as its rows."""
    monkeypatch.setattr(score_blocks, "_SCORES", 41 * 7)  # nine batches
    training = made("SASRec, RecBole's full sort")
    training.trainer.eval_collector.data_collect(training.train_data)
    held = []
    get = training.trainer.eval_collector.get_data_struct
    training.trainer.eval_collector.get_data_struct = lambda: held.append(get()) or held[-1]
    training.trainer.evaluate(training.test_data, load_best_model=False)
    tensors = {name: value for name, value in held[0]._data_dict.items() if name.startswith("rec.")}
    assert tensors.keys() == {"rec.items", "rec.topk", "rec.meanrank"}
    for name, value in tensors.items():
        assert len(value) == 60 and value.untyped_storage().nbytes() == value.nbytes, name


def test_eval_batch_size_is_the_most(made):
    assert made("ComiRec").test_data.step == 64


def test_a_metric_that_reads_all_scores_gets_every_place(made):
    """The others read the first places alone, up to the longest list."""
    trainer = made("ComiRec").trainer
    assert score_tables._longest_list(trainer) == 5
    setattr(trainer.eval_collector.register, "rec.score", True)  # as a metric of one's own needs it
    assert score_tables._longest_list(trainer) is None


@pytest.mark.parametrize("block", [1, 7, 60])
@pytest.mark.parametrize("most", [1, 3, 39])
def test_the_first_places_are_those_of_the_full_order(monkeypatch, most, block):
    """And the clicked item has its own; for rows of few values, of one value, and with a NaN or an infinity."""
    random = np.random.default_rng(0)
    scores = random.integers(0, 5, (60, 40)).astype(np.float32)
    scores[:5], scores[5, 3], scores[6, 7], scores[7, 4] = 0, np.nan, np.inf, -np.inf
    clicked, rows = torch.from_numpy(random.integers(1, 40, 60)), torch.arange(60)
    out = random.random(scores.shape) < 0.2
    out[:, 0], out[rows, clicked] = True, False
    given = torch.from_numpy(np.where(out, -np.inf, scores))
    among = AllItems(tuple(map(torch.from_numpy, np.nonzero(out))))
    wanted, *_ = among.ranked(given.clone(), rows, clicked)
    monkeypatch.setattr(ranking, "_TABLES", 1)
    monkeypatch.setattr(score_blocks, "_SCORES", 40 * block)
    found, *_ = among.ranked(given.clone(), rows, clicked, most)
    shown = min(most, int((~out).sum(axis=1).min()))
    assert found.topk(shown).indices.equal(wanted.topk(shown).indices)
    for values in (found, wanted):
        assert values.isinf().equal(wanted.isinf())
    above = [(values > values[rows, clicked].unsqueeze(1)).sum(dim=1) for values in (found, wanted)]
    below = [(values < values[rows, clicked].unsqueeze(1)).sum(dim=1) for values in (found, wanted)]
    assert above[0].equal(above[1]) and below[0].equal(below[1])


def test_topk_for_many_users_in_blocks(made, monkeypatch):
    """As in one block; users who are asked for twice are answered twice."""
    from recbole.utils.case_study import full_sort_topk

    training = made("SASRec, RecBole's full sort")
    users = np.r_[np.arange(1, 61), 5]
    wanted = full_sort_topk(users, training.model, training.test_data, 4)
    monkeypatch.setattr(score_blocks, "_SCORES", 41 * 7)
    found = full_sort_topk(users, training.model, training.test_data, 4)
    assert found.indices.equal(wanted.indices) and found.values.allclose(wanted.values, atol=1e-6)
    assert type(found) is type(wanted) and found.indices.shape == (61, 4)
