"""Rows that are histories: the targets of a row per click, each once."""

from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from helpers import SHORT_RANKING

import recbole_iacn
from recbole_iacn.data.whole_rows import is_causal, keep_one_per_history, learns_to_rank, training_targets
from recbole_iacn.errors import ConfigError
from recbole_iacn.model.retrieval.ranking_loss import next_items

FULL = {"protocol": "leave_one_out_full", "eval_negatives": ..., "metrics": ["NDCG"], "valid_metric": "NDCG@5"}


@pytest.fixture
def made(build):
    def make(rows, model="YouTubeDNN", **changes):
        _, train, *_, network = build(model, **{**SHORT_RANKING, "rows": rows, **changes})
        return train, network

    return make


def clicks_of(train):
    """(user, what precedes a target, target) of every target, with ids, in any order."""
    data = train._dataset
    rows = data.inter_feat.gather()
    history, user, item = (rows[name].numpy() for name in ("item_id_list", "user_id", "item_id"))
    found = []
    for own, seen, clicked in zip(user, history, item):
        real = [*seen[seen > 0], clicked]
        places = range(1, len(real)) if data.whole_rows else [len(real) - 1]
        found += [(int(own), tuple(map(int, real[:place])), int(real[place])) for place in places]
    return found


@pytest.mark.parametrize("length", [1, 2, 3, 6, 50])
def test_the_targets_are_those_of_a_row_per_click(made, length):
    one, other = (made(rows, MAX_ITEM_LIST_LENGTH=length)[0] for rows in ("prefixes", "histories"))
    expected, found = clicks_of(one), clicks_of(other)
    assert Counter((user, target) for user, _, target in found) == Counter((u, t) for u, _, t in expected)
    assert len(other._dataset) <= len(one._dataset) and (length == 1) == (len(other._dataset) == len(one._dataset))
    if length == 50:  # nothing is cut
        assert sorted(found) == sorted(expected)
    else:  # what precedes a target is a part of what a row of its own has
        whole = dict.fromkeys(expected)
        assert all(
            any(u == user and t == target and seen == s[-len(seen) :] for u, s, t in whole)
            for user, seen, target in found
        )


def test_validation_and_test_stay(build):
    parts = [build("YouTubeDNN", **SHORT_RANKING, rows=rows)[2:4] for rows in ("prefixes", "histories")]
    for one, other in zip(*parts):
        assert np.array_equal(one._dataset.inter_feat["item_id_list"], other._dataset.inter_feat["item_id_list"])


@pytest.mark.parametrize("length", [2, 50])
def test_what_is_counted_of_them_is_the_same(made, length):
    one, other = (made(rows, MAX_ITEM_LIST_LENGTH=length)[0]._dataset for rows in ("prefixes", "histories"))
    pairs = [sorted(zip(*(ids.tolist() for ids in training_targets(data)))) for data in (one, other)]
    assert pairs[0] == pairs[1]
    assert one.item_counter == other.item_counter and one.user_counter == other.user_counter
    matrices = [data.inter_matrix().toarray() > 0 for data in (one, other)]
    assert np.array_equal(*matrices)


def test_negatives_lie_outside_the_users_training_items(made):
    """One for each place; drawn anew in every epoch."""
    train, _ = made("histories", loss="bpr", MAX_ITEM_LIST_LENGTH=3)
    own = {}
    for user, item in zip(*(ids.tolist() for ids in training_targets(train._dataset))):
        own.setdefault(user, set()).add(item)
    drawn = []
    for _ in range(2):
        for batch in train:
            assert batch["neg_item_id"].shape == batch["item_id_list"].shape
            for user, items in zip(batch["user_id"].tolist(), batch["neg_item_id"].tolist()):
                assert not own[user].intersection(items) and 0 not in items
            drawn.append(batch["neg_item_id"])
    assert not np.array_equal(drawn[0], drawn[len(drawn) // 2])


def test_next_items_by_hand():
    history = np.array([[3, 5, 0], [7, 0, 0], [1, 2, 3], [0, 0, 0]])
    import torch

    found = next_items(torch.from_numpy(history), torch.tensor([9, 8, 6, 4]))
    assert found.tolist() == [[5, 9, 0], [8, 0, 0], [2, 3, 6], [0, 0, 0]]


@pytest.mark.parametrize(
    ("model", "changes", "message"),
    [
        (
            "ComiRec",
            {},
            "rows: histories need states that depend on nothing behind them, and ComiRec reads whole ones; set rows",
        ),
        (
            "YouTubeDNN",
            {"benchmark_filename": ["a", "b", "c"]},
            "rows: histories are made from inter.*set rows: prefixes",
        ),
        ("YouTubeDNN", {"train_share": 0.5}, "train_share: leaves targets out.*set rows: prefixes"),
        (
            "YouTubeDNN",
            {"transform": "inverse_itemseq"},
            "transform: changes a history.*leave it out, or set rows: prefixes",
        ),
        (
            "YouTubeDNN",
            {"protocol": "dien_books", "eval_negatives": ..., "MAX_ITEM_LIST_LENGTH": 20},
            "rows: protocol 'dien_books'",
        ),
        (
            "YouTubeDNN",
            {"loss": None},
            "loss: YouTubeDNN has no loss_type of RecBole's; set bpr, sampled_softmax or softmax",
        ),
        ("SASRec", {**FULL}, "rows: needs loss, which SASRec"),
        (
            "NARM",
            {**FULL, "loss": "softmax"},
            "loss: is for the multi-interest family, GRU4Rec and SASRec, not for NARM",
        ),
    ],
)
def test_rows_that_cannot_be_histories(build, model, changes, message):
    with pytest.raises(ConfigError, match=message):
        build(model, **{**SHORT_RANKING, "rows": "histories", **changes})


def test_which_models_have_states_for_whole_histories():
    """A class of one's own that finds interests in its own way counts as one that reads whole histories."""
    from recbole.model.sequential_recommender import NARM, GRU4Rec, SASRec

    from recbole_iacn.model.retrieval.multi_interest import ComiRec, YouTubeDNN

    own = {"make_extractor": lambda model, config: None}
    derived = {
        "Same": (type("Same", (YouTubeDNN,), {}), True, True),
        "Other": (type("Other", (YouTubeDNN,), own), True, False),
        "Says": (type("Says", (YouTubeDNN,), {**own, "causal": True}), True, True),
        "OfComiRec": (type("OfComiRec", (ComiRec,), {}), True, False),
        "Stock": (SASRec, True, True),
        "Plain": (type("Plain", (SASRec,), {}), True, False),
        "Learns": (type("Learns", (YouTubeDNN,), {"calculate_loss": None}), True, False),
        "Forward": (type("Forward", (SASRec,), {"forward": None}), True, False),
        "Loss": (type("Loss", (GRU4Rec,), {"calculate_loss": None}), False, False),
        "NARM": (NARM, False, False),
    }
    found = {name: (one, learns_to_rank(one), is_causal(one)) for name, (one, *_) in derived.items()}
    assert found == derived


def test_rows_with_gaps_are_no_histories(made):
    """A click of a user's that is no row would be a target all the same."""
    train, _ = made("prefixes")
    data = train._dataset
    index = data.inter_feat.index.numpy()
    gap = np.flatnonzero((index[2:] == index[1:-1] + 1) & (index[1:-1] == index[:-2] + 1))[0] + 1
    data.inter_feat = data.inter_feat[np.delete(np.arange(len(index)), gap)]
    with pytest.raises(ConfigError, match="rows: histories need every click of tiny as a row; set rows: prefixes"):
        keep_one_per_history(data, 6)


@pytest.mark.slow
def test_a_training_goes_on_with_the_rows_that_it_had(settings):
    given = {key: value for key, value in settings(**SHORT_RANKING, epochs=1).items() if value is not ...}
    recbole_iacn.run("YouTubeDNN", "tiny", config_dict={**given, "checkpoint_dir": "saved"})
    [path] = Path("saved").iterdir()
    with pytest.raises(
        ConfigError, match=r"over its own data and with its own rows \(prefixes or histories\), or start"
    ):
        recbole_iacn.run("YouTubeDNN", "tiny", config_dict={**given, "epochs": 2, "rows": "prefixes"}, resume=str(path))


def test_labelled_rows_are_no_histories():
    """Their clicks would be targets of clicks at the same time."""
    with pytest.raises(
        ConfigError, match=r"rows: histories of shop would have .* set rows: prefixes, or leave the label"
    ):
        keep_one_per_history(SimpleNamespace(labelled=True, dataset_name="shop"), 6)
