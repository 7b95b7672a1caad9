"""What threads, workers and batch sizes change in the figures: nothing, or the last bits; docs/reliability.md."""

import hashlib

import numpy as np
import pandas as pd
import pytest
import torch
from helpers import give_other_weights

import recbole_iacn
from recbole_iacn.data import score_blocks

CLICKS = {"load_col": {"inter": ["user_id", "item_id", "timestamp"]}, "mlp_hidden_size": ..., "topk": [3, 5]}
RANKED = {**CLICKS, "metrics": ["Hit", "NDCG", "MRR", "GAUC"], "valid_metric": "NDCG@3"}
SASREC = {**RANKED, "loss_type": "BPR", "hidden_size": 8, "inner_size": 8, "n_heads": 1}
MODELS = {
    "ComiRec": {**RANKED, "protocol": "leave_one_out_full", "loss": "bpr"},
    "ESASRec": {**RANKED, "protocol": "leave_one_out_full"},
    "SASRec": {**SASREC, "protocol": "leave_one_out_sampled", "eval_negatives": 12},
    "DIN_IaCN": {"metrics": ["AUC", "GAUC", "LogLoss"]},
}


@pytest.fixture(autouse=True)
def threads():
    """Sets PyTorch's number of threads, for this test alone."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.fixture
def made(settings):
    def make(model, **changes):
        return recbole_iacn.build(model, "tiny", config_dict=settings(**{**MODELS[model], **changes}))

    return make


def evaluated(training):
    """Of weights that tell items apart, as printed."""
    give_other_weights(training.model)
    return [training.trainer.evaluate(data, False) for data in (training.valid_data, training.test_data)]


def weights(training):
    digest = hashlib.sha256()
    for values in training.model.state_dict().values():
        digest.update(values.numpy().tobytes())
    return digest.hexdigest()


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_an_evaluation_prints_the_same_whatever_the_batches_threads_and_workers(made, threads, monkeypatch, model):
    wanted = evaluated(made(model))
    for size in (7, 4096):
        assert evaluated(made(model, eval_batch_size=size)) == wanted, size
    threads(2)
    assert evaluated(made(model)) == wanted
    threads(1)
    assert evaluated(made(model, worker=2)) == wanted
    monkeypatch.setattr(score_blocks, "_SCORES", 41 * 4)
    assert evaluated(made(model)) == wanted


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_a_training_is_the_same_to_the_bit_whatever_the_workers_and_the_batches_of_validation(made, model):
    def trained(**changes):
        training = made(model, **changes)
        training.fit(verbose=False, saved=False)
        return weights(training)

    wanted = trained()
    assert trained(worker=2) == wanted and trained(eval_batch_size=5) == wanted


@pytest.mark.parametrize("model", [name for name in MODELS if name != "ESASRec"])  # whose loss draws for a whole batch
def test_what_is_drawn_depends_on_nothing_but_the_seed(made, threads, model):
    """Splits, negatives of training and test; the batches of training hold the same rows in the same order."""

    def drawn(training):
        batches = [{name: batch[name] for name in batch.interaction} for batch in training.train_data]
        column = "neg_item_id" if "neg_item_id" in batches[0] else "item_id"
        pairs = torch.cat([torch.stack([batch["user_id"], batch[column]], dim=1) for batch in batches])
        test = training.test_data
        table = getattr(test, "candidates", None) if hasattr(test, "candidates") else test.negatives
        return sorted(pairs.tolist()), None if table is None else table.tolist()

    wanted = drawn(made(model))
    threads(2)
    for changes in ({}, {"train_batch_size": 10}, {"train_batch_size": 4096, "worker": 2}):
        assert drawn(made(model, **changes)) == wanted, changes
    assert drawn(made(model, seed=8)) != wanted


def test_dropout_is_the_same_in_any_number_of_threads(threads):
    def dropped(number):
        threads(number)
        torch.manual_seed(1)
        return torch.nn.functional.dropout(torch.ones(600, 500), 0.3)

    assert dropped(1).equal(dropped(4)) and dropped(1).equal(dropped(2))


@pytest.mark.parametrize("model", MODELS)
def test_threads_change_a_step_by_rounding(made, threads, model):
    """Loss and gradients of one batch, to five digits."""

    def step(number):
        training = made(model)
        give_other_weights(training.model)
        threads(number)
        batch = next(iter(training.train_data))
        torch.manual_seed(1)
        loss = training.model.calculate_loss(batch)
        loss = sum(loss) if isinstance(loss, tuple) else loss
        loss.backward()
        return [loss.detach(), *(p.grad.to_dense() for p in training.model.parameters() if p.grad is not None)]

    for one, other in zip(step(1), step(2)):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("model", MODELS)
def test_answers_are_the_same_one_by_one_and_together(made, tmp_path, monkeypatch, model):
    """Items and ranks, and scores to five digits."""
    training = made(model)
    give_other_weights(training.model)
    training.save(str(tmp_path / "bundle"))
    ours = recbole_iacn.load(tmp_path / "bundle")
    histories = [ours.items[start : start + 4].tolist() for start in range(12)]
    together = ours.recommend(histories, k=5)
    alone = pd.concat([ours.recommend([history], k=5) for history in histories], ignore_index=True)
    monkeypatch.setattr(ours._item_scores, "rows_at_once", 5)
    for other in (alone, ours.recommend(histories, k=5)):
        assert other["item_id"].tolist() == together["item_id"].tolist() and other["rank"].equals(together["rank"])
        np.testing.assert_allclose(other["score"], together["score"], rtol=1e-5)


@pytest.mark.slow
def test_the_databases_threads_change_no_byte_of_a_dataset(tmp_path):
    """More rows than DuckDB gives to one thread, many of them at the same time, some twice."""
    random, rows = np.random.default_rng(0), 260_000
    columns = {"user": random.integers(0, 9_000, rows), "item": random.integers(0, 5_000, rows)}
    table = pd.DataFrame({**columns, "time": random.integers(1_600_000_000, 1_600_000_050, rows)})
    made = []
    for threads in (1, 4):
        roles = {"user": "user", "item": "item", "time": "time"}
        recbole_iacn.data.from_tables(table, name="made", out=tmp_path / str(threads), threads=threads, **roles)
        made.append((tmp_path / str(threads) / "made" / "made.inter").read_bytes())
    assert made[0] == made[1] and len(made[0]) > 1_000_000
