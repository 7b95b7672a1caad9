"""Click models, retrieval models and floors in one file, under one test: which one is best for these data?

The data are a ring of 60 items: whoever clicks one goes on by one or two places. So the newest click says everything,
and popularity next to nothing: more users pass where more of them stop.
"""

import numpy as np
import pytest
import yaml

from recbole_iacn.experiments.one_run import train
from recbole_iacn.experiments.plan import read_plan

pytestmark = pytest.mark.slow

LEARNING = ["DIN_IaCN", "WideDeep_IaCN", "MIND", "SASRec"]
MODELS = [*LEARNING, "Popularity", "ItemNeighbours"]


@pytest.fixture(scope="module")
def ring(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("ring"), np.random.default_rng(0)
    (folder / "ring").mkdir()
    lines = ["user_id:token\titem_id:token\ttimestamp:float"]
    for user in range(300):
        places = (rng.integers(60) + rng.integers(1, 3, 10).cumsum()) % 60
        lines += [f"u{user}\ti{place}\t{time}" for time, place in enumerate(places)]
    (folder / "ring" / "ring.inter").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture
def answers(ring, tmp_path):
    """Model -> its test metrics, from an experiment's file."""

    def run(**settings):
        content = {
            "datasets": ["ring"],
            "models": MODELS,
            "seeds": [1],
            "settings": {
                "load_col": {"inter": ["user_id", "item_id", "timestamp"]},
                "MAX_ITEM_LIST_LENGTH": 10,
                "embedding_size": 16,
                "train_batch_size": 256,
                "learning_rate": 0.01,
                "epochs": 15,
                **settings,
            },
            "only": [
                {"when": {"model": LEARNING[:2]}, "settings": {"mlp_hidden_size": [32, 16]}},
                {
                    "when": {"model": "SASRec"},
                    "settings": {"hidden_size": 16, "inner_size": 16, "n_layers": 1, "n_heads": 1},
                },
            ],
        }
        (tmp_path / "which.yaml").write_text(yaml.dump(content))
        return {one.model: train(one, str(ring))["test"] for one in read_plan(tmp_path / "which.yaml", str(ring)).runs}

    return run


def test_among_candidates(answers):
    """Chance is five of 41 places, .12, with a standard error of .02."""
    found = answers(
        protocol="leave_one_out_sampled", eval_negatives=40, topk=[5], metrics=["Hit", "NDCG"], valid_metric="NDCG@5"
    )
    assert list(found) == MODELS and all(set(one) == {"hit@5", "ndcg@5"} for one in found.values())
    hit = {model: one["hit@5"] for model, one in found.items()}
    assert 0.06 < hit["Popularity"] < 0.3  # seen: .12 and .19, with two starts
    assert hit["ItemNeighbours"] > 0.8  # seen: .91
    assert min(hit[model] for model in LEARNING) > 0.5  # seen: .77 (MIND) to 1.0 (SASRec)


def test_against_one_negative(answers):
    found = answers(protocol="leave_one_out_ctr", metrics=["AUC", "GAUC"], valid_metric="AUC")
    assert list(found) == MODELS and all(set(one) == {"auc", "gauc"} for one in found.values())
    for metric in ("auc", "gauc"):
        value = {model: one[metric] for model, one in found.items()}
        assert 0.4 < value["Popularity"] < 0.6
        assert min(value[model] for model in (*LEARNING, "ItemNeighbours")) > 0.85  # seen: .925 to .99
