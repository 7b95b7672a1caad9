"""What ranking metrics are calculated from: against RecBole's own collector, and by hand."""

import numpy as np
import pytest
import torch
from recbole.evaluator import Collector

from recbole_iacn.training import collected

METRICS = ["Hit", "Recall", "MRR", "NDCG", "MAP", "Precision", "GAUC"]
METRICS += ["ItemCoverage", "AveragePopularity", "ShannonEntropy", "GiniIndex", "TailPercentage"]


def of_recbole(collector, scores, row, clicked):
    """By RecBole's own code, which this package wraps."""
    Collector.eval_batch_collect.__wrapped__(collector, scores.clone(), None, row, clicked)
    struct = collector.data_struct
    found = {name: struct[name] for name in ("rec.items", "rec.topk", "rec.meanrank")}
    for name in found:
        del struct[name]
    return found


@pytest.fixture
def collector(build):
    config, *_ = build("SASRec", metrics=METRICS, valid_metric="Hit@3", topk=[3, 5], **STOCK)
    return Collector(config)


FULL = {"split": {"LS": "valid_and_test"}, "order": "TO", "group_by": "user", "mode": "full"}
STOCK = {"load_col": {"inter": ["user_id", "item_id", "timestamp"]}, "mlp_hidden_size": ..., "eval_args": FULL}
STOCK |= {"loss_type": "BPR", "hidden_size": 8, "inner_size": 8, "n_heads": 1}


def drawn(seed, most, rows=30, items=40, nan=0.0):
    """Scores with ties and places that are left out; up to ``most`` clicked items per row, some of them twice."""
    random = np.random.default_rng(seed)
    scores = random.integers(0, 12, (rows, items)).astype(np.float32)
    scores[random.random(scores.shape) < 0.2] = -np.inf
    scores[random.random(scores.shape) < nan] = np.nan
    scores[:, 0] = -np.inf
    row = np.repeat(np.arange(rows), random.integers(1, most + 1, rows))
    clicked = random.integers(1, items, len(row))
    return torch.from_numpy(scores), torch.from_numpy(row), torch.from_numpy(clicked)


@pytest.mark.parametrize("compared", [1, 100, 1 << 22])
@pytest.mark.parametrize(("most", "nan"), [(1, 0.0), (3, 0.0), (9, 0.0), (1, 0.02), (9, 0.02)])
def test_it_is_what_recbole_collects(collector, monkeypatch, most, nan, compared):
    """In any blocks of rows; for one clicked item per row, some, and many."""
    monkeypatch.setattr(collected, "_COMPARED", compared)
    scores, row, clicked = drawn(0, most, nan=nan)
    wanted = of_recbole(collector, scores, row, clicked)
    found = collected.hits(wanted["rec.items"], row, clicked)
    assert found.equal(wanted["rec.topk"])
    assert most == 1 or found[:, -1].max() > 1
    ranks = collected.mean_ranks(scores, row, clicked, collector._average_rank)
    np.testing.assert_array_equal(ranks.float().numpy(), wanted["rec.meanrank"].numpy())


def test_by_hand():
    scores = torch.tensor([[-torch.inf, 0.5, 0.9, 0.5, 0.1], [-torch.inf, 0.3, 0.2, -torch.inf, 0.3]])
    row, clicked = torch.tensor([0, 0, 1]), torch.tensor([1, 4, 2])
    assert collected.hits(scores.topk(2).indices, row, clicked)[:, -1].tolist() == [2, 1]
    ranks = collected.mean_ranks(scores, row, clicked, None)
    assert ranks.tolist() == [[2.5 + 4, 4, 2], [3, 3, 1]]
