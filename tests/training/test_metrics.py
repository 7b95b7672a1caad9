"""GAUC against values computed by hand and by counting pairs."""

import math

import numpy as np
import pytest

from recbole_iacn.training.metrics import grouped_auc


def test_gauc_by_hand_with_ties_and_one_sided_users():
    users = np.array([1, 1, 1, 2, 2, 3, 4, 4])
    labels = np.array([1, 0, 0, 0, 1, 1, 1, 0])
    scores = np.array([0.5, 0.5, 0.1, 0.9, 0.2, 0.7, 0.4, 0.4])
    # user 1: (1/2 + 1) / 2 = .75; user 2: 0; user 3 has no negative; user 4: a tie, 1/2
    assert grouped_auc(scores, labels, users) == pytest.approx((0.75 + 0 + 0.5) / 3)
    assert math.isnan(grouped_auc(scores[:1], labels[:1], users[:1]))


def test_gauc_equals_pairwise_counting():
    rng = np.random.default_rng(0)
    users, labels = rng.integers(0, 12, 300), rng.integers(0, 2, 300)
    scores = rng.integers(0, 6, 300) / 6
    total = weight = 0
    for user in range(12):
        positive, negative = scores[(users == user) & (labels == 1)], scores[(users == user) & (labels == 0)]
        if len(positive) and len(negative):
            pairs = (positive[:, None] > negative) + 0.5 * (positive[:, None] == negative)
            total, weight = total + pairs.mean() * len(positive), weight + len(positive)
    assert grouped_auc(scores, labels, users) == pytest.approx(total / weight, abs=1e-12)


def test_a_users_ties_end_with_the_user():
    """Both users rank their click first. The highest score of the first user is the lowest of the second."""
    users, labels = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    assert grouped_auc(np.array([0.1, 0.5, 0.5, 0.9]), labels, users) == 1.0


def test_a_model_whose_scores_are_all_equal_has_one_half(build):
    """AUC, RecBole's, and GAUC, under the protocol of click models, and for a stock model."""
    import torch
    from recbole.utils import get_trainer

    for name, metrics in (("DIN_IaCN", ["AUC", "GAUC"]), ("DIN", ["AUC"])):
        given = {"protocol": "leave_one_out_ctr", "metrics": metrics, "valid_metric": "AUC"}
        config, _, valid, test, network = build(name, **given)
        network.predict = lambda rows: torch.full((len(rows),), 0.3)
        trainer = get_trainer(config["MODEL_TYPE"], name)(config, network)
        for loader in (valid, test):
            found = trainer.evaluate(loader, load_best_model=False)
            assert found == dict.fromkeys((name.lower() for name in metrics), 0.5)
