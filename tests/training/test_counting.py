"""A model that counts is trained in one epoch, validated and saved like any other."""

import numpy as np
import pytest
import torch
from helpers import SHORT_RANKING

import recbole_iacn


@pytest.mark.parametrize("name", ["Popularity", "ItemNeighbours"])
def test_one_epoch_whatever_is_set(settings, tmp_path, name):
    changes = {**SHORT_RANKING, "epochs": 50, "checkpoint_dir": str(tmp_path / "saved")}
    training = recbole_iacn.build(name, "tiny", config_dict=settings(**changes))
    seen = []
    best, metrics = training.fit(verbose=False, callback_fn=lambda epoch, score: seen.append((epoch, score)))
    assert seen == [(0, best)] and best == metrics["ndcg@5"] > 0
    assert training.trainer.epoch_losses == [{"main": 0.0}]
    saved = torch.load(training.checkpoint, weights_only=True)
    assert saved["best_valid_result"]["ndcg@5"] == best
    assert training.test() == training.test()


def test_a_checkpoint_resumes_to_the_same(settings, tmp_path):
    changes = {**SHORT_RANKING, "checkpoint_dir": str(tmp_path / "saved")}
    first = recbole_iacn.build("ItemNeighbours", "tiny", config_dict=settings(**changes))
    first.fit(verbose=False)
    again = recbole_iacn.build("ItemNeighbours", "tiny", config_dict=settings(**changes))
    again.trainer.resume_checkpoint(first.checkpoint)
    again.fit(verbose=False)
    assert again.test() == first.test()
    rows = first.test_data._dataset[np.arange(9)]
    assert again.model.full_sort_predict(rows).equal(first.model.full_sort_predict(rows))
