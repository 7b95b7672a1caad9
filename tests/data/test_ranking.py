"""Ranking among fixed candidates, or all: against NumPy, for our models and RecBole's."""

import numpy as np
import pytest
import torch
from recbole.utils import get_trainer

from recbole_iacn.data.ranking import Candidates
from recbole_iacn.errors import ConfigError

SHORT = {"load_col": {"inter": ["user_id", "item_id", "timestamp"]}, "mlp_hidden_size": ..., "topk": [3, 5]}
SAMPLED = {**SHORT, "protocol": "leave_one_out_sampled", "eval_negatives": 12, "metrics": ["Hit", "NDCG", "MRR"]}
STOCK = {"valid_metric": "NDCG@3", "loss_type": "BPR", "hidden_size": 8, "inner_size": 8, "n_heads": 1, "n_layers": 1}
DRAWN = {"distribution": "uniform", "sample_num": 1}


def test_a_candidate_drawn_twice_counts_twice_and_a_tie_is_won():
    scores = torch.tensor([[-9.0, 0.5, 0.9, 0.5, 0.1], [-9.0, 0.3, 0.2, 0.1, 0.0]])
    drawn = Candidates(torch.tensor([[2, 2, 3, 4], [2, 3, 4, 4]]))
    falling, row, place = drawn.ranked(scores, torch.arange(2), torch.tensor([1, 1]))
    assert place.tolist() == [2, 0] and row.tolist() == [0, 1]
    assert falling.shape == (2, 6) and (falling.diff() < 0).all()


def test_a_nan_never_helps_the_clicked_item():
    nan = torch.nan
    scores = torch.tensor([[0.0, nan, 0.9, 0.5], [0.0, 0.3, nan, 0.1], [0.0, nan, nan, nan]])
    drawn = Candidates(torch.tensor([[2, 3], [2, 3], [2, 3]]))
    assert drawn.ranked(scores, torch.arange(3), torch.tensor([1, 1, 1]))[2].tolist() == [2, 1, 2]


def test_gauc_by_numpy(build):
    """The share of candidates that the clicked item beats; RecBole's sum over users with one clicked item each."""
    changes = {**SAMPLED, "metrics": ["GAUC"], "valid_metric": "GAUC"}
    _, _, _, test, network, trainer = trained(build, "ComiRec", **changes)
    found = trainer.evaluate(test, load_best_model=False)["gauc"]
    scores, rows = scores_of(network, test._dataset), np.arange(60)
    clicked = scores[rows, test._dataset.inter_feat["item_id"].numpy()]
    beaten = np.mean([scores[rows, drawn] <= clicked for drawn in test.candidates.numpy().T])
    assert found == pytest.approx(beaten, abs=6e-5)


def trained(build, model, **changes):
    """(config, train, valid, test, model, trainer), the model with weights that distinguish items."""
    parts = build(model, **changes)
    torch.manual_seed(0)
    for parameter in parts[-1].parameters():
        torch.nn.init.normal_(parameter)
    return *parts, get_trainer(parts[0]["MODEL_TYPE"], parts[0]["model"])(parts[0], parts[-1])


def own_metrics(ranks, k):
    """Hit, NDCG and MRR of one clicked item per row."""
    hit = ranks <= k
    return hit.mean(), (hit / np.log2(ranks + 1)).mean(), (hit / ranks).mean()


def scores_of(model, data):
    with torch.no_grad():
        return model.eval().full_sort_predict(data[np.arange(len(data))]).view(len(data), -1).numpy()


@pytest.mark.parametrize("model", ["ComiRec", "SASRec", "GRU4Rec"])
def test_metrics_by_numpy(build, model):
    changes = SAMPLED if model == "ComiRec" else {**SAMPLED, **STOCK}
    _, _, valid, test, network, trainer = trained(build, model, **changes)
    for loader in (valid, test):
        found = trainer.evaluate(loader, load_best_model=False)
        scores, rows = scores_of(network, loader._dataset), np.arange(len(loader._dataset))
        clicked = loader._dataset.inter_feat["item_id"].numpy()
        ranks = 1 + sum(scores[rows, drawn] > scores[rows, clicked] for drawn in loader.candidates.numpy().T)
        for k in (3, 5):
            for name, wanted in zip(("hit", "ndcg", "mrr"), own_metrics(ranks, k)):
                assert found[f"{name}@{k}"] == pytest.approx(wanted, abs=6e-5)  # RecBole rounds to four places


def test_candidates_are_fixed_and_outside_the_users_own_items(build):
    """They are the same for every model and pass; other seeds and validation have others."""
    _, _, valid, test, *_ = build("ComiRec", **SAMPLED)
    again = build("SASRec", **{**SAMPLED, **STOCK})[3]
    other = build("ComiRec", **SAMPLED, seed=8)[3]
    assert test.candidates.equal(again.candidates) and not test.candidates.equal(other.candidates)
    assert not valid.candidates.equal(test.candidates) and test.candidates.shape == (60, 12)
    clicks = {}
    for user, item in zip(*(column.tolist() for column in test._dataset.clicks)):
        clicks.setdefault(user, set()).add(item)
    for user, drawn in zip(test._dataset.inter_feat["user_id"].tolist(), test.candidates.tolist()):
        assert not clicks[user] & set(drawn) and min(drawn) > 0


def test_training_negatives_may_be_test_items(build):
    """But none of the user's training items, including the first one, which is not a target."""
    _, train, valid, test, _ = build("ComiRec", **SAMPLED)
    training, later = {}, {}
    for part, into in ((train, training), (valid, later), (test, later)):
        feat = part._dataset.inter_feat
        for user, item in zip(feat["user_id"].tolist(), feat["item_id"].tolist()):
            into.setdefault(user, set()).add(item)
    for user, first in zip(train._dataset.inter_feat["user_id"].tolist(), _first_items(train._dataset)):
        training[user].add(first)
    drawn_later = 0
    for _ in range(3):
        for batch in train:
            for user, item in zip(batch["user_id"].tolist(), batch["neg_item_id"].tolist()):
                assert item not in training[user]
                drawn_later += item in later[user]
    assert drawn_later > 0


def _first_items(data):
    rows = data[np.arange(len(data))]
    users, items = data.clicks
    first = {}
    for user, item in zip(users.tolist(), items.tolist()):
        first.setdefault(user, item)
    return [first[user] for user in rows["user_id"].tolist()]


@pytest.mark.parametrize("masked", [False, True])
def test_full_ranking_with_and_without_the_history(build, masked):
    changes = {**SHORT, "protocol": "leave_one_out_full", "mask_history": masked, "metrics": ["Hit"]}
    _, _, valid, test, network, trainer = trained(build, "ComiRec", **changes, valid_metric="Hit@3")
    users, items = (column.numpy() for column in test._dataset.clicks)
    for loader, left in ((valid, 2), (test, 1)):
        found = trainer.evaluate(loader, load_best_model=False)
        feat = loader._dataset.inter_feat
        scores, ranks = scores_of(network, loader._dataset), []
        scores[:, 0] = -np.inf
        for row, (user, clicked) in enumerate(zip(feat["user_id"].numpy(), feat["item_id"].numpy())):
            if masked:
                scores[row, items[users == user][:-left]] = -np.inf
            ranks.append(1 + (scores[row] > scores[row, clicked]).sum())
        for k in (3, 5):
            assert found[f"hit@{k}"] == pytest.approx(own_metrics(np.array(ranks), k)[0], abs=6e-5)


def test_a_stock_model_with_a_full_softmax_needs_no_negatives(build):
    changes = {**SAMPLED, **STOCK, "loss_type": "CE", "train_neg_sample_args": None}
    _, train, *_, trainer = trained(build, "SASRec", **changes)
    assert "neg_item_id" not in next(iter(train))
    assert trainer.fit(train, verbose=False, saved=False) and len(trainer.train_loss_dict) == 2


def test_the_users_own_candidates(build, tmp_path):
    _, _, _, test, _ = build("ComiRec", **SAMPLED)
    names = test._dataset.field2id_token
    lines = ["user_id:token\titem_id_list:token_seq"]
    for user, drawn in zip(test._dataset.inter_feat["user_id"].tolist(), test.candidates.tolist()):
        lines.append(f"{names['user_id'][user]}\t{' '.join(names['item_id'][item] for item in drawn[::-1])}")
    (tmp_path / "mine.txt").write_text("\n".join(lines) + "\n")
    again = build("ComiRec", **SAMPLED, test_negatives_file=str(tmp_path / "mine.txt"))[3]
    assert again.candidates.equal(test.candidates.flip(1))


@pytest.mark.parametrize(
    ("model", "changes", "message"),
    [
        ("ComiRec", {"eval_negatives": 0}, "eval_negatives: must be an integer >= 1"),
        ("ComiRec", {"protocol": "leave_one_out_full"}, "eval_negatives: is for protocol leave_one_out_sampled"),
        ("ComiRec", {"mask_history": True}, "mask_history: is for protocol leave_one_out_full"),
        ("ComiRec", {"metrics": ["Hit", "NDCG", "ItemCoverage"]}, "metrics: ItemCoverage is computed over all items"),
        ("SASRec", {**STOCK, "metrics": ["Hit", "NDCG", "GiniIndex"]}, "metrics: GiniIndex is computed over all items"),
        ("ComiRec", {"topk": [3, 14]}, r"topk: 14 is more than the 13 items that are ranked \(eval_negatives\)"),
        ("SASRec", {**STOCK, "topk": 14, "valid_metric": "NDCG@14"}, "topk: 14 is more than the 13 items"),
        ("ComiRec", {"valid_metric": "NDCG@10"}, "valid_metric: 'NDCG@10' is not measured; .* NDCG@3, NDCG@5"),
        ("ComiRec", {"valid_metric": "NDCG"}, "valid_metric: 'NDCG' is not measured"),
        ("ComiRec", {"metrics": ["GAUC"], "valid_metric": "GAUC@3"}, "valid_metric: GAUC takes no cutoff"),
        ("ComiRec", {"train_neg_sample_args": None}, "train_neg_sample_args: ComiRec learns from pairs"),
        ("SASRec", {**STOCK, "train_neg_sample_args": None}, "train_neg_sample_args: SASRec learns from pairs"),
        ("ComiRec", {"train_neg_sample_args": {**DRAWN, "dynamic": True}}, "train_neg_sample_args: dynamic"),
        (
            "ComiRec",
            {"train_neg_sample_args": {**DRAWN, "distribution": "popularity", "alpha": 0.5}},
            "train_neg_sample_args: alpha: .* in proportion to popularity, got 0.5",
        ),
        ("BPR", {}, "'leave_one_out_sampled' is for sequential models, and BPR is not one"),
    ],
)
def test_impossible_rankings_are_rejected(build, model, changes, message):
    with pytest.raises(ConfigError, match=message):
        build(model, **{**SAMPLED, "valid_metric": "NDCG@3", **changes})


def test_what_a_user_clicks_again_is_not_left_out(build, tmp_path):
    """u0 clicks i1 i2 i3 i2 i1: i2 validates and i1 tests, though both were clicked before, and their history is left
    out but for them."""
    folder = tmp_path / "again"
    folder.mkdir()
    items = {"u0": "1 2 3 2 1", "u1": "4 4 5 4", "u2": "3 5 1 2"}
    lines = [f"{user}\ti{item}\t{n}" for user, row in items.items() for n, item in enumerate(row.split())]
    (folder / "again.inter").write_text("\n".join(["user_id:token\titem_id:token\ttimestamp:float", *lines]) + "\n")
    changes = {**SHORT, "protocol": "leave_one_out_full", "mask_history": True, "metrics": ["Hit"]}
    _, _, valid, test, _ = build("ComiRec", "again", data_path=str(tmp_path), **changes, valid_metric="Hit@3")
    wanted = {
        "valid": {"u0": ("i2", {"i1", "i3"}), "u1": ("i5", {"i4"}), "u2": ("i1", {"i3", "i5"})},
        "test": {"u0": ("i1", {"i2", "i3"}), "u1": ("i4", {"i5"}), "u2": ("i2", {"i3", "i5", "i1"})},
    }
    for part, loader in (("valid", valid), ("test", test)):
        tokens, found = loader._dataset.field2id_token, {}
        for rows, (row, left_out), _, clicked in loader:
            for n, user in enumerate(tokens["user_id"][rows["user_id"].tolist()]):
                of_user = tokens["item_id"][left_out[row == n].tolist()]
                found[user] = tokens["item_id"][int(clicked[n])], set(of_user)
        assert found == wanted[part]
