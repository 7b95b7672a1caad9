"""RecBole's SASRec with positions counted from the newest click (``positions_from: newest``)."""

import pytest
import torch
from helpers import SHORT_RANKING

from recbole_iacn.bridge.causal_states import sasrec_states
from recbole_iacn.errors import ConfigError

FULL = {**SHORT_RANKING, "protocol": "leave_one_out_full", "eval_negatives": ..., "metrics": ["NDCG"]}
FULL.update(valid_metric="NDCG@5", hidden_size=8, inner_size=16, n_layers=2, n_heads=2, loss_type="CE")
FULL.update(hidden_dropout_prob=0, attn_dropout_prob=0)


@pytest.fixture
def networks(build):
    """SASRec from the oldest click, and with the same weights from the newest."""
    stock, ours = (build("SASRec", **FULL, **changes)[-1] for changes in ({}, {"positions_from": "newest"}))
    torch.manual_seed(0)
    for parameter in stock.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    ours.load_state_dict({**ours.state_dict(), **stock.state_dict()})
    return stock.eval(), ours.eval()


def read_by_recbole(stock, items, newest):
    """The last state of one history by RecBole's own code, with the table turned so that it counts from ``newest``."""
    table = stock.position_embedding.weight
    kept = table.detach().clone()
    with torch.no_grad():
        for place in range(len(items)):
            table[place] = kept[newest - place]
        padded = torch.zeros(1, len(table), dtype=torch.long)
        padded[0, : len(items)] = items
        state = stock.forward(padded, torch.tensor([len(items)]))[0]
        table.copy_(kept)
    return state


def histories(length):
    torch.manual_seed(1)
    lengths = torch.tensor([1, 2, length - 1, length])
    items = torch.randint(1, 30, (len(lengths), length)) * (torch.arange(length) < lengths.unsqueeze(1))
    return items, lengths


def test_the_last_state_is_recboles_with_a_turned_table(networks):
    """The newest click has the table's first row, however long the history is."""
    stock, ours = networks
    items, lengths = histories(6)
    states = ours.forward(items, lengths)
    for history, length, state in zip(items, lengths.tolist(), states, strict=True):
        torch.testing.assert_close(state, read_by_recbole(stock, history[:length], length - 1), atol=1e-5, rtol=1e-4)
    assert not torch.allclose(states[0], stock.forward(items, lengths)[2], atol=1e-3)


def test_every_state_of_a_history_counts_from_its_newest_click(networks):
    """As in the authors' rows, whose slots are numbered: the state after an early click knows how far the end is."""
    stock, ours = networks
    items, lengths = histories(6)
    states = sasrec_states(ours, ours.item_embedding(items), lengths)
    for history, length, row in zip(items, lengths.tolist(), states, strict=True):
        for place in range(length):
            expected = read_by_recbole(stock, history[: place + 1], length - 1)
            torch.testing.assert_close(row[place], expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("changes", [{}, {"loss": "softmax", "loss_type": ..., "rows": "histories"}])
def test_the_positions_are_learned_from_the_newest(build, changes):
    """Most histories are shorter than the longest, so the oldest positions are seldom seen; the newest always is."""
    _, train, _, _, made = build("SASRec", **{**FULL, "MAX_ITEM_LIST_LENGTH": 30, **changes}, positions_from="newest")
    batch = next(iter(train))
    longest = int((batch["item_id_list"] != 0).sum(dim=1).max())
    made.calculate_loss(batch).backward()
    seen = made.position_embedding.weight.grad.abs().sum(dim=1) > 0
    assert 1 < longest < 30 and seen[:longest].all() and not seen[longest:].any()


@pytest.mark.parametrize("asked", [None, "oldest"])
def test_from_the_oldest_it_is_recboles(build, asked):
    made = build("SASRec", **FULL, positions_from=asked)[-1]
    assert "positions_from_newest" not in made.state_dict()


def test_weights_that_count_from_the_other_end_are_not_loaded(networks):
    stock, ours = networks
    with pytest.raises(RuntimeError, match=r"Unexpected key.*positions_from_newest"):
        stock.load_state_dict(ours.state_dict())
    with pytest.raises(RuntimeError, match=r"Missing key.*positions_from_newest"):
        ours.load_state_dict(stock.state_dict())


@pytest.mark.slow
def test_a_training_with_it_can_be_opened_again(settings, tmp_path):
    """The checkpoint's figures are the training's, in RecBole's own way and from a bundle."""
    import recbole_iacn

    changes = {**FULL, "positions_from": "newest", "checkpoint_dir": str(tmp_path / "saved")}
    result = recbole_iacn.run("SASRec", "tiny", config_dict=settings(**changes))
    from recbole.quick_start import load_data_and_model

    config, model, *_, test = load_data_and_model(next((tmp_path / "saved").glob("*.pth")))
    from recbole.utils import get_trainer

    again = get_trainer(config["MODEL_TYPE"], "SASRec")(config, model).evaluate(test, load_best_model=False)
    assert dict(again) == pytest.approx(dict(result["test_result"]), abs=1e-6)
    assert bool(model.positions_from_newest)


@pytest.mark.parametrize(
    ("model", "asked", "message"),
    [
        ("SASRec", "end", "positions_from: must be oldest, newest, or ~ for oldest, got 'end'"),
        ("SASRec", True, "positions_from: must be oldest, newest, or ~ for oldest, got True"),
        ("GRU4Rec", "newest", "positions_from: is for SASRec, not for GRU4Rec; leave it out"),
        ("MIND", "oldest", "positions_from: is for SASRec, not for MIND; leave it out"),
    ],
)
def test_it_is_rejected_where_it_has_no_effect(build, model, asked, message):
    with pytest.raises(ConfigError) as error:
        build(model, **{**FULL, "loss_type": ...}, positions_from=asked)
    assert message in str(error.value)


def test_it_is_checked_in_recboles_own_runs_too(settings):
    from recbole.config import Config

    changes = {**FULL, "protocol": ..., "eval_negatives": ..., "positions_from": "first"}
    changes["train_neg_sample_args"] = None
    with pytest.raises(ConfigError, match="positions_from: must be oldest or newest, got 'first'"):
        Config(model="SASRec", dataset="tiny", config_dict=settings(**changes))
