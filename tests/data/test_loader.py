"""Batches: how many rows, which negatives, in which epoch."""

import pytest
import torch
from helpers import token_rows

from recbole_iacn.data.loader import stream


@pytest.mark.slow
def test_training_negatives_depend_on_seed_and_epoch_alone(build):
    _, train, *_ = build()
    _, twin, *_ = build(train_batch_size=16, worker=2)
    first, second = token_rows(train), token_rows(train)
    assert sorted(first) != sorted(second)
    twin.set_epoch(1)
    assert sorted(token_rows(twin)) == sorted(second)
    train.set_epoch(0)
    assert token_rows(train) == first


def test_one_negative_per_positive_and_every_prefix_trains(build):
    _, train, valid, test, _ = build()
    users, events = 60, 9
    for loader, cases in ((train, users * (events - 3)), (valid, users), (test, users)):
        labels = [label for _, _, label in token_rows(loader)]
        assert labels.count(1.0) == labels.count(0.0) == cases
    lengths = torch.cat([batch["item_length"][batch["label"] == 1] for batch in train])
    assert torch.bincount(lengths)[1:].tolist() == [users] * 5 + [users]
    assert sum(len(batch) for batch in train) == 2 * users * (events - 3)


def test_batches_hold_as_many_rows_as_in_recbole(build):
    _, train, valid, _, _ = build(train_batch_size=64, eval_batch_size=32)
    assert len(next(iter(train))) == 64
    assert len(next(iter(valid))[0]) == 32


@pytest.mark.slow
def test_saved_loaders_and_datasets_give_the_same_run(settings):
    import recbole_iacn

    def figures(**changes):
        result = recbole_iacn.run("DIN_IaCN", "tiny", config_dict=settings(**changes))
        return result["best_valid_result"], result["test_result"]

    plain = figures()
    for keep in ({"save_dataloaders": True}, {"save_dataset": True}):
        for _ in range(2):  # writes, then reads
            assert figures(**keep) == plain
    # what was saved for mode full must not serve mode off
    assert figures(iacn_mode="off") == figures(iacn_mode="off", checkpoint_dir="fresh")


@pytest.mark.parametrize(("size", "batch"), [(1, 2), (2, 2), (3, 2), (5, 4)])
def test_an_evaluation_batch_holds_whole_cases_and_at_least_one(build, size, batch):
    """A case is a clicked item and its negative: batches of rows that are not a multiple of two are rounded down."""
    _, _, valid, _, _ = build(eval_batch_size=size)
    sizes = [len(rows) for rows, *_ in valid]
    assert sizes == [batch] * (2 * 60 // batch)


def test_order_and_negatives_depend_on_seed_and_epoch(build):
    """For the same clicks, another seed or epoch gives another order and other negatives."""
    _, one, *_ = build()
    _, other, *_ = build(seed=8)
    passes = [token_rows(one), token_rows(one), token_rows(other)]
    clicks = [[row[:2] for row in rows if row[2]] for rows in passes]
    drawn = [sorted(row[:2] for row in rows if not row[2]) for rows in passes]
    assert sorted(clicks[0]) == sorted(clicks[1]) == sorted(clicks[2])
    for found in (clicks, drawn):
        assert found[0] != found[1] and found[0] != found[2] and found[1] != found[2]


def test_no_two_draws_share_their_random_numbers():
    """Training, validation and test, of every epoch and seed."""
    draws = [(seed, phase, epoch) for seed in (0, 1) for phase in ("train", "valid", "test") for epoch in range(3)]
    first = {stream({"seed": seed}, phase, epoch).integers(2**62) for seed, phase, epoch in draws}
    assert len(first) == len(draws)
