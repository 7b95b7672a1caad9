"""RecBole's GRU4Rec and SASRec with the setting ``loss``: RecBole's own loss where it has it, and whole histories."""

import numpy as np
import pytest
import torch
from helpers import SHORT_RANKING, give_same_weights

from recbole_iacn.bridge.causal_states import _STATES
from recbole_iacn.errors import ConfigError

FULL = {**SHORT_RANKING, "protocol": "leave_one_out_full", "eval_negatives": ..., "metrics": ["NDCG"]}
FULL.update(valid_metric="NDCG@5", hidden_size=8, inner_size=16, dropout_prob=0, hidden_dropout_prob=0)
FULL.update(attn_dropout_prob=0, train_batch_size=10**6)
LAYERS = [("GRU4Rec", {"num_layers": 2}), ("SASRec", {"n_layers": 2, "n_heads": 2})]


@pytest.fixture
def network(build):
    def make(model, **changes):
        _, train, _, _, made = build(model, **{**FULL, **changes})
        torch.manual_seed(0)
        for parameter in made.parameters():
            torch.nn.init.normal_(parameter, std=0.3)
        return made, next(iter(train))

    return make


@pytest.mark.parametrize(("model", "layers"), LAYERS)
@pytest.mark.parametrize("loss", ["bpr", "softmax"])
def test_a_loss_that_recbole_has_is_recboles(network, model, layers, loss):
    """RecBole's softmax counts padding as an item; its score is taken out here."""
    as_in_recbole = {"loss_type": "CE"}
    if loss == "bpr":
        as_in_recbole = {"loss_type": "BPR", "train_neg_sample_args": {"distribution": "uniform", "sample_num": 1}}
    stock, batch = network(model, **layers, **as_in_recbole)
    ours, _ = network(model, **layers, loss=loss, rows="prefixes")
    give_same_weights(ours, stock)
    with torch.no_grad():
        if loss == "softmax":
            users = stock.forward(batch["item_id_list"], batch["item_length"])
            scores = users @ stock.item_embedding.weight[1:].T
            expected = torch.nn.functional.cross_entropy(scores, batch["item_id"] - 1)
        else:
            expected = stock.calculate_loss(batch)
        assert ours.calculate_loss(batch).item() == pytest.approx(expected.item(), abs=1e-5)


@pytest.mark.parametrize(("model", "layers"), LAYERS)
@pytest.mark.parametrize("last_state_only", [None, True])
def test_histories_have_the_loss_of_their_prefixes(network, model, layers, last_state_only):
    """No history is cut, so every state is that of a row of its own: equal loss, equal gradients."""
    found = []
    for rows in ("prefixes", "histories"):
        made, batch = network(
            model, **layers, loss="softmax", rows=rows, last_state_only=last_state_only, MAX_ITEM_LIST_LENGTH=50
        )
        loss = made.calculate_loss(batch)
        loss.backward()
        found.append((loss.item(), {name: p.grad.clone() for name, p in made.named_parameters()}))
    assert found[0][0] == pytest.approx(found[1][0], abs=1e-5)
    for name, gradient in found[0][1].items():
        if name == "item_embedding.weight":  # RecBole's embedding has no gradient of padding
            gradient, found[1][1][name] = gradient[1:], found[1][1][name][1:]
        assert np.allclose(gradient, found[1][1][name], atol=1e-5), name


def test_without_the_setting_they_are_recboles(network):
    made, batch = network("SASRec", loss_type="CE")
    assert made.ranking_loss is None and made.calculate_loss(batch).item() > 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"loss": "hinge"}, "loss: must be bpr, sampled_softmax, softmax, or ~ for RecBole's loss_type, got 'hinge'"),
        ({"loss": "softmax", "loss_type": "BPR"}, "loss_type: BPR contradicts loss softmax; leave loss_type out"),
        ({"loss": "bpr", "loss_type": "CE"}, "loss_type: CE contradicts loss bpr; leave loss_type out"),
        (
            {"loss": "softmax", "rows": "histories", "history_dataset": False},
            "history_dataset: False keeps copies of histories, of which rows cannot be made; leave it out",
        ),
        ({"train_negatives": 5}, "train_negatives: needs loss, which SASRec learns by"),
        (
            {"loss": "softmax", "train_neg_sample_args": {"distribution": "uniform", "sample_num": 1}},
            "train_neg_sample_args: loss softmax draws no negative per row; leave it out",
        ),
        ({"loss": "softmax", "rows": "histories", "protocol": ..., "valid_metric": "NDCG@5"}, "rows: histories need a"),
    ],
)
def test_what_contradicts_it(build, changes, message):
    with pytest.raises(ConfigError, match=message):
        build("SASRec", **{**FULL, **changes})


def test_a_run_without_a_protocol_has_a_row_per_click(build):
    """RecBole's own rows, loaders and evaluation."""
    given = {"protocol": ..., "eval_negatives": ..., "loss": "sampled_softmax"}
    _, train, _, _, model = build("SASRec", **{**FULL, **given})
    batch = next(iter(train))
    assert not model.whole_rows and "neg_item_id" not in batch and len(batch["item_id"]) == len(train._dataset)
    assert model.calculate_loss(batch).item() > 0


@pytest.mark.parametrize("model", ["GRU4Rec", "SASRec"])
def test_whole_histories_drop_what_recbole_drops(build, model):
    """As many values, of as many modules, of histories without padding."""
    given = {
        "dropout_prob": 0.4,
        "hidden_dropout_prob": 0.4,
        "attn_dropout_prob": 0.4,
        "loss": "softmax",
        "n_layers": 2,
    }
    *_, made = build(model, **{**FULL, **given})
    items, lengths = torch.randint(1, made.n_items, (3, 6)), torch.full((3,), 6)
    behaviors = made.item_embedding(items)
    dropped = []
    for name, part in made.named_modules():
        if isinstance(part, torch.nn.Dropout):
            part.register_forward_hook(lambda _, given, __, name=name: dropped.append((name, given[0].numel())))
    made.forward(items, lengths)
    wanted, dropped[:] = sorted(dropped), []
    _STATES[model](made, behaviors, lengths)
    assert sorted(dropped) == wanted and wanted


@pytest.mark.parametrize("rows", ["prefixes", "histories"])
@pytest.mark.parametrize("model", ["GRU4Rec", "SASRec"])
def test_items_are_dropped_in_histories_too(network, monkeypatch, model, rows):
    """Nine entries in ten of what is read, whatever a row is; none in evaluation."""
    made, batch = network(model, loss="softmax", rows=rows, item_dropout_prob=0.9)
    read, states = [], _STATES[model]

    def note(network, behaviors, lengths):
        read.append((behaviors[:, 0] == 0).float().mean().item())
        return states(network, behaviors, lengths)

    monkeypatch.setitem(_STATES, model, note)
    made.calculate_loss(batch)
    made.eval().calculate_loss(batch)
    assert read[0] == pytest.approx(0.9, abs=0.05) and not any(read[1:])


@pytest.mark.parametrize("model", ["GRU4Rec", "SASRec"])
def test_where_items_may_be_dropped_the_newest_state_counts_too(network, monkeypatch, model):
    """A row per click, with a dropout that happens to drop nothing."""
    made, batch = network(model, loss="softmax", rows="prefixes", item_dropout_prob=0.5)
    without = made.eval().calculate_loss(batch)
    monkeypatch.setattr(type(made.ranking_loss), "drops", True)
    torch.testing.assert_close(made.calculate_loss(batch), without)


def test_a_class_of_ones_own_keeps_its_ways(build):
    """Its layers may be others, so it has a row per click, and no dropout of items that would miss its histories."""
    from recbole.model.sequential_recommender import SASRec

    class OwnSASRec(SASRec):
        pass

    _, train, _, _, made = build(OwnSASRec, **{**FULL, "loss": "softmax"})
    assert not made.whole_rows and made.calculate_loss(next(iter(train))).item() > 0
    with pytest.raises(
        ConfigError, match="item_dropout_prob: OwnSASRec may embed histories in its own way; leave it out"
    ):
        build(OwnSASRec, **{**FULL, "loss": "softmax", "item_dropout_prob": 0.1})
