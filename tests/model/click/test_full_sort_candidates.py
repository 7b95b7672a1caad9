"""Each row's own candidates have the scores that a full sort gives them, whatever the parts they are scored in."""

import numpy as np
import pytest
import torch
from helpers import give_other_weights
from recbole.trainer import Trainer
from recbole.utils import get_trainer

from recbole_iacn.model.click.full_sort import score_pairs

RANKED = {"protocol": "leave_one_out_sampled", "eval_negatives": 12, "metrics": ["Hit", "NDCG"], "topk": [3]}
RANKED["valid_metric"] = "NDCG@3"
OURS = ["DIN_IaCN", "DIEN_IaCN", "WideDeep_IaCN", "FFM_IaCN"]


@pytest.mark.parametrize("pairs", [64, 7])
@pytest.mark.parametrize("name", OURS)
def test_candidates_score_as_among_all(build, name, pairs):
    *_, test, model = build(name, **RANKED, eval_batch_size=pairs)
    give_other_weights(model)
    rows, items = test._dataset[np.arange(10)], test.candidates[:10]
    with torch.no_grad():
        found = model.eval().candidate_scores(rows, items)
        wanted = model.full_sort_predict(rows).view(10, -1).gather(1, items)
    assert found.shape == (10, 12) and len(found.unique()) > 40
    assert torch.allclose(found, wanted, atol=1e-6)


@pytest.mark.parametrize("at_once", [3, 5, 12, 40, 1000])
def test_pairs_in_parts(build, at_once):
    """Of a row, and of several rows; no part has more than ``at_once`` pairs."""
    *_, test, model = build("DIN", **RANKED)
    give_other_weights(model.eval())
    rows, items, seen = test._dataset[np.arange(10)], test.candidates[:10], []

    def predict(part):
        seen.append(len(part))
        return model.predict(part)

    with torch.no_grad():
        found = score_pairs(predict, rows, items, test._dataset.get_item_feature(), at_once)
        for column in range(12):
            rows["item_id"] = items[:, column]
            assert torch.allclose(found[:, column], model.predict(rows), atol=1e-6)
    assert max(seen) <= at_once and sum(seen) == 120


@pytest.mark.parametrize("protocol", ["leave_one_out_sampled", "leave_one_out_full"])
@pytest.mark.parametrize("name", [*OURS[:3], "DIN", "DIEN"])
def test_figures_are_those_of_recboles_full_sort(build, monkeypatch, name, protocol):
    """RecBole's: every item for every row, of which the candidates are then ranked."""
    changes = {**RANKED, "protocol": protocol, "eval_negatives": 12 if protocol.endswith("sampled") else ...}
    config, _, _, test, model = build(name, **changes)
    give_other_weights(model)
    trainer = get_trainer(config["MODEL_TYPE"], config["model"])(config, model)
    found = trainer.evaluate(test, load_best_model=False)
    patched, stock = Trainer._full_sort_batch_eval, Trainer._full_sort_batch_eval.__wrapped__
    calls = []

    def all_items(trainer, batch):
        calls.append(len(batch[0]))
        rows, among, users, items = batch
        rows, scores, users, items = stock(trainer, (rows, None, users, items))
        return rows, *(among.ranked(scores, users, items) if among is not None else (scores, users, items))

    monkeypatch.setattr(Trainer, "_full_sort_batch_eval", all_items)
    assert trainer.evaluate(test, load_best_model=False) == found and sum(calls) == 60
    assert patched is not stock and 0 < found["hit@3"] < 1
