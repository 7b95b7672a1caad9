"""DIEN_IaCN: equal to stock DIEN when off; negative histories; auxiliary loss by hand."""

import numpy as np
import pytest
import torch
from helpers import assert_computes_the_same, give_other_weights, give_same_weights

PROTOCOL = {"protocol": "leave_one_out_ctr"}


@pytest.fixture
def pair(build):
    """(batch, stock DIEN, DIEN_IaCN off) with the same weights; the batch has stock's negative histories."""

    def make(**changes):
        _, train, _, _, stock = build("DIEN", **PROTOCOL, **changes)
        *_, ours = build("DIEN_IaCN", iacn_mode="off", **changes)
        give_same_weights(ours, stock)
        return next(iter(train)), stock, ours

    return make


@pytest.mark.parametrize("gru", ["AUGRU", "AGRU", "AIGRU", "GRU"])
def test_off_computes_what_stock_dien_computes(pair, gru):
    batch, stock, ours = pair(gru_type=gru)
    assert_computes_the_same(ours, stock, batch, tolerance=1e-5)


def test_prediction_needs_no_negative_history(pair):
    batch, stock, ours = pair()
    stock.eval(), ours.eval()
    scores = stock.predict(batch)
    del batch.interaction["neg_item_id_list"]
    assert torch.allclose(ours.predict(batch), scores, atol=1e-5)
    assert "neg_item_id_list" not in batch


def test_own_auxiliary_loss_is_the_cross_entropy_of_next_and_other_items(pair):
    """DIEN, equation 7, over real positions, in NumPy from the extractor's own states."""
    batch, _, ours = pair()
    extractor, layer = ours.interset_extractor, ours.embedding_layer
    history, others, lengths = batch["item_id_list"], batch["neg_item_id_list"], batch["item_length"]
    vectors = [layer(batch["user_id"], ids)[0]["item"].flatten(2).detach() for ids in (history, others)]
    states, loss = extractor(vectors[0], lengths, vectors[1])
    terms = []
    for row, length in enumerate(lengths.tolist()):
        for step in range(length - 1):
            for items, sign in zip(vectors, (1, -1)):
                pair_input = torch.cat([states[row, step], items[row, step + 1]])
                score = extractor.auxiliary_net(pair_input.unsqueeze(0)).item()
                terms.append(np.log1p(np.exp(-sign * score)))
    assert loss.item() == pytest.approx(np.mean(terms), abs=1e-5)


def test_histories_of_one_item_have_no_auxiliary_loss(pair):
    batch, _, ours = pair()
    rows = batch[batch["item_length"] == 1]
    assert len(rows) > 1
    assert torch.isfinite(ours.calculate_loss(rows))


def test_negative_histories_are_at_real_positions_and_differ_from_the_item_there(build):
    *_, train, _, _, model = build("DIEN_IaCN")
    history = next(iter(train))["item_id_list"].repeat(200, 1)
    negatives = model._other_items(history)
    assert torch.equal(negatives == 0, history == 0)
    real = history > 0
    assert (negatives[real] != history[real]).all()
    counts = torch.bincount(negatives[real], minlength=model.n_items)[1:].float()
    expected = real.sum() / (model.n_items - 1)
    # Each item has the same probability, except at the positions where it is the item itself.
    own = torch.bincount(history[real], minlength=model.n_items)[1:] / (model.n_items - 2)
    assert torch.allclose(counts, expected * (model.n_items - 1) / (model.n_items - 2) - own, rtol=0.15)


@pytest.mark.slow
def test_negative_histories_are_drawn_afresh_each_epoch_from_the_seed(build):
    from recbole.utils import get_trainer

    def seen(seed):
        config, train, _, _, model = build("DIEN_IaCN", seed=seed)
        trainer = get_trainer(config["MODEL_TYPE"], config["model"])(config, model)
        drawn, epochs, draw = [], [], model._other_items
        model._other_items = lambda history: drawn.append(draw(history)) or drawn[-1]
        for epoch in range(2):
            drawn.clear()
            trainer._train_epoch(train, epoch)
            epochs.append(torch.cat([negatives.flatten() for negatives in drawn]))
        return epochs

    first, second = seen(7)
    assert not torch.equal(first, second)
    again = seen(7)
    assert torch.equal(first, again[0]) and torch.equal(second, again[1])
    assert not torch.equal(first, seen(8)[0])


@pytest.mark.parametrize("rows", [[0, 1, 2, 0, 1, 2], [3, 0, 3, 1, 3, 0], [2]])
def test_a_repeated_history_changes_no_score(build, rows):
    """In evaluation equal histories are read once, wherever they are in the batch; those of one user may differ."""
    *_, test, model = build("DIEN_IaCN")
    give_other_weights(model)
    model.eval()
    batch = next(iter(test))[0][torch.tensor(rows)]
    batch["item_length"] = torch.tensor([6, 2, 5, 6, 1, 5])[: len(rows)]
    batch["item_id_list"] = batch["item_id_list"] * (torch.arange(6) < batch["item_length"].unsqueeze(1))
    alone = torch.cat([model.predict(batch[torch.tensor([row])]) for row in range(len(rows))])
    torch.testing.assert_close(model.predict(batch), alone, atol=1e-6, rtol=1e-5)


def test_training_reads_the_history_of_a_click_and_of_its_negatives_once(build):
    """Loss and gradients are those of reading all rows."""
    from recbole_iacn.nn.recurrence import Once

    _, train, _, _, model = build("DIEN_IaCN")
    batch = model.with_history(next(iter(train)))
    read, states = [], model.interset_extractor.states
    model.interset_extractor.states = lambda *given: read.append(len(given[1])) or states(*given)
    results = []
    for find in (Once.of, lambda history, positions: Once.all_of(positions)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("recbole_iacn.model.click.dien.Once.of", find)
            torch.manual_seed(0)
            model.zero_grad()
            loss = sum(model.calculate_loss(batch))
            loss.backward()
        results.append(
            [loss.detach(), *(weight.grad.clone() for weight in model.parameters() if weight.grad is not None)]
        )
    assert read[0] <= len(batch) // 2 and read[1] == len(batch)
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-4)
