"""GAUC beside AUC, for RecBole's models as for this package's."""

import numpy as np
import pytest
from helpers import give_other_weights
from recbole.utils import get_trainer

METRICS = {"metrics": ["AUC", "GAUC", "LogLoss"], "valid_metric": "GAUC", "protocol": "leave_one_out_ctr"}


@pytest.mark.parametrize("model", ["DIN", "DIEN", "WideDeep", "SASRec"])
def test_gauc_beside_auc_by_numpy(build, model):
    """One click and one negative per user: GAUC is the share of users whose click scores higher, ties half."""
    changes = {**METRICS, "metrics": ["AUC", "GAUC"], "n_heads": 2} if model == "SASRec" else METRICS
    config, _, _, test, network = build(model, **changes)
    give_other_weights(network)
    trainer = get_trainer(config["MODEL_TYPE"], config["model"])(config, network)
    found = trainer.evaluate(test, load_best_model=False)
    pairs = {}
    for rows, *_ in test:
        scores = network.eval().predict(rows).detach().numpy()
        for user, label, score in zip(rows["user_id"].tolist(), rows["label"].tolist(), scores):
            pairs.setdefault(user, {})[label] = score
    assert len(pairs) == 60
    wanted = np.mean([(pair[1] > pair[0]) + 0.5 * (pair[1] == pair[0]) for pair in pairs.values()])
    assert found["gauc"] == pytest.approx(wanted, abs=6e-5) and {"auc", "gauc"} <= set(found)


def test_gauc_may_choose_the_best_epoch(build):
    config, train, valid, _, network = build("DIN", **METRICS)
    trainer = get_trainer(config["MODEL_TYPE"], config["model"])(config, network)
    best, metrics = trainer.fit(train, valid, saved=False, verbose=False)
    assert best == metrics["gauc"] > 0 and set(metrics) == {"auc", "gauc", "logloss"}
