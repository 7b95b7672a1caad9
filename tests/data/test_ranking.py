"""Ranking among fixed candidates, or all: against NumPy, for our models and RecBole's."""

import numpy as np
import pytest
import torch
from recbole.utils import get_trainer

from recbole_iacn.data.ranking import AllItems, Candidates, places
from recbole_iacn.errors import ConfigError

SHORT = {"load_col": {"inter": ["user_id", "item_id", "timestamp"]}, "mlp_hidden_size": ..., "topk": [3, 5]}
SAMPLED = {**SHORT, "protocol": "leave_one_out_sampled", "eval_negatives": 12, "metrics": ["Hit", "NDCG", "MRR"]}
STOCK = {"valid_metric": "NDCG@3", "loss_type": "BPR", "hidden_size": 8, "inner_size": 8, "n_heads": 1, "n_layers": 1}
DRAWN = {"distribution": "uniform", "sample_num": 1}


def test_a_candidate_drawn_twice_counts_twice_and_a_tie_takes_the_middle():
    scores = torch.tensor([[-9.0, 0.5, 0.9, 0.5, 0.1], [-9.0, 0.3, 0.2, 0.1, 0.0]])
    drawn = Candidates(torch.tensor([[2, 2, 3, 4], [2, 3, 4, 4]]))
    falling, row, place = drawn.ranked(scores, torch.arange(2), torch.tensor([1, 1]))
    assert place.tolist() == [3, 0] and row.tolist() == [0, 1]
    assert falling.shape == (2, 6) and (falling.diff() < 0).all()


def test_of_equal_scores_the_clicked_item_has_the_middle_place_rounded_against_it():
    """Places from 0: of one equal score beside it, second of two; of two, second of three; of three, third of four."""
    own = torch.zeros(6)
    others = torch.tensor([[-1, -1, -1], [-1, 0, -1], [0, -1, 0], [0, 0, 0], [1, 0, 0], [1, 1, 0]]).float()
    assert places(own, others).tolist() == [0, 1, 1, 2, 2, 3]
    counted = torch.tensor([[True, True, False]]).expand(6, -1)
    assert places(own, others, counted).tolist() == [0, 1, 1, 1, 2, 2]


def rank_by_numpy(own, others):
    """The rule in one line for one row: higher ones, half of the equal ones rounded up; a NaN anywhere is higher."""
    higher = sum(1 for other in others if not other <= own)
    return 1 + higher + int(np.ceil(sum(1 for other in others if other == own) / 2))


def tied_scores(rows=40, items=30):
    """Of few values, so that most rows have ties; some NaN, and rows of one value alone."""
    random = np.random.default_rng(0)
    scores = random.integers(0, 6, (rows, items)).astype(np.float32)
    scores[random.random(scores.shape) < 0.03] = np.nan
    scores[-3:] = [[0.0], [np.nan], [-np.inf]]
    return scores, random.integers(1, items, rows), random


def test_ranks_of_many_ties_by_numpy_among_candidates():
    scores, clicked, random = tied_scores()
    drawn = random.integers(1, scores.shape[1], (len(scores), 9))
    among = Candidates(torch.from_numpy(drawn))
    _, _, place = among.ranked(torch.from_numpy(scores), torch.arange(len(scores)), torch.from_numpy(clicked))
    wanted = [rank_by_numpy(row[item], row[others]) for row, item, others in zip(scores, clicked, drawn)]
    assert (place + 1).tolist() == wanted


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.float64])
def test_ranks_of_many_ties_by_numpy_among_all_items(dtype):
    """The scores that are handed on put the clicked item there, and alone; other items keep their order."""
    scores, clicked, random = tied_scores()
    rows, items = scores.shape
    out = random.random(scores.shape) < 0.2
    out[np.arange(rows), clicked] = False
    given = torch.from_numpy(scores).to(dtype)
    given[:, 0] = -torch.inf  # as RecBole does, for the padding and for what is left out
    given[torch.from_numpy(out)] = -torch.inf
    among = AllItems(tuple(map(torch.from_numpy, np.nonzero(out))))
    found, row, item = among.ranked(given, torch.arange(rows), torch.from_numpy(clicked))
    found = found.double().numpy()
    assert row.tolist() == list(range(rows)) and item.tolist() == clicked.tolist()
    for n in range(rows):
        counted = [i for i in range(1, items) if not out[n, i] and i != clicked[n]]
        rank = rank_by_numpy(scores[n, clicked[n]], scores[n, counted])
        assert 1 + (found[n, counted] > found[n, clicked[n]]).sum() == rank
        assert not (found[n, counted] == found[n, clicked[n]]).any()
        assert (found[n, np.r_[0, np.flatnonzero(out[n])]] == -np.inf).all()
        order = np.nan_to_num(scores[n, counted].astype(float), nan=99)
        above, below = np.nonzero(order[:, None] > order)
        assert (found[n, counted][above] > found[n, counted][below]).all()


def test_rows_without_a_tie_keep_their_scores():
    scores = torch.tensor([[-torch.inf, 0.5, 0.9, 0.9], [-torch.inf, 0.3, 0.3, 0.1]])
    found, *_ = AllItems().ranked(scores.clone(), torch.arange(2), torch.tensor([1, 2]))
    assert found[0].equal(scores[0]) and found[1].tolist() == [-torch.inf, 0.0, -1.0, -2.0]


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
    beaten = np.mean([scores[rows, drawn] < clicked for drawn in test.candidates.numpy().T])
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


def test_candidates_of_many_items_are_looked_up(build, monkeypatch):
    from recbole_iacn.bridge import score_tables

    *_, test, network, trainer = trained(build, "ComiRec", **SAMPLED)
    among_all = trainer.evaluate(test, load_best_model=False)
    monkeypatch.setattr(score_tables, "_TIMES", 0)
    monkeypatch.setattr(network, "full_sort_predict", None)
    assert trainer.evaluate(test, load_best_model=False) == among_all


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
    _, train, valid, test, _ = build("ComiRec", **SAMPLED, loss="bpr")
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
        ("ComiRec", {"loss": "bpr", "train_neg_sample_args": None}, "train_neg_sample_args: ComiRec learns from pairs"),
        ("SASRec", {**STOCK, "train_neg_sample_args": None}, "train_neg_sample_args: SASRec learns from pairs"),
        (
            "ComiRec",
            {"loss": "bpr", "train_neg_sample_args": {**DRAWN, "dynamic": True}},
            "train_neg_sample_args: dynamic",
        ),
        (
            "ComiRec",
            {"loss": "bpr", "train_neg_sample_args": {**DRAWN, "distribution": "popularity", "alpha": 0.5}},
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
        for rows, among, _, clicked in loader:
            row, left_out = among.left_out
            for n, user in enumerate(tokens["user_id"][rows["user_id"].tolist()]):
                of_user = tokens["item_id"][left_out[row == n].tolist()]
                found[user] = tokens["item_id"][int(clicked[n])], set(of_user)
        assert found == wanted[part]


def test_places_of_many_items_are_distinct_in_half_precision():
    """Whose integers end at 2,048."""
    found, *_ = AllItems().ranked(torch.zeros(1, 5000, dtype=torch.half), torch.tensor([0]), torch.tensor([9]))
    assert found[0, 1:].unique().numel() == 4999 and (found[0, 1:] > found[0, 9]).sum() == 2499


FULL = {**SHORT, "protocol": "leave_one_out_full"}
RANKED = ["Hit", "NDCG", "MRR", "Recall", "MAP", "Precision", "GAUC"]


@pytest.mark.parametrize("name", ["ComiRec", "SASRec"])
@pytest.mark.parametrize(
    ("changes", "others"),
    [({**SAMPLED, "metrics": RANKED}, 12), ({**FULL, "metrics": [*RANKED, "ItemCoverage", "AveragePopularity"]}, 39)],
)
def test_a_model_whose_scores_are_all_equal_is_in_the_middle(build, changes, others, name):
    """Not at the top: 13 items have their seventh place, 40 their 21st, so nothing is among the first five."""
    changes = {**changes, "valid_metric": "NDCG@3", "topk": [3, 5]} | ({} if name == "ComiRec" else STOCK)
    config, *_, valid, test, network = build(name, **changes)
    network.full_sort_predict = lambda rows: torch.zeros(len(rows), 41)
    trainer = get_trainer(config["MODEL_TYPE"], name)(config, network)
    trainer.eval_collector.data_collect(valid)
    for loader in (valid, test):
        found = trainer.evaluate(loader, load_best_model=False)
        ranked = {name: value for name, value in found.items() if "@" in name and "item" not in name}
        assert len(ranked) == 6 * 2 + 2 * (others == 39)
        assert not any(value for name, value in ranked.items() if "popularity" not in name)
        rank = 1 + np.ceil(others / 2)
        assert found["gauc"] == pytest.approx((others + 1 - rank) / others, abs=6e-5)


@pytest.mark.parametrize("masked", [False, True])
def test_metrics_of_a_model_with_many_ties_by_numpy(build, masked):
    """All of RecBole's metrics of one clicked item, and which items its lists hold, from ranks by the rule."""
    changes = {**FULL, "mask_history": masked, "metrics": [*RANKED, "ItemCoverage"], "valid_metric": "NDCG@3"}
    config, _, _, test, network = build("ComiRec", **changes)
    scores = np.random.default_rng(0).integers(0, 4, (61, 41)).astype(np.float32)
    network.full_sort_predict = lambda rows: torch.from_numpy(scores[rows["user_id"].cpu()].copy())
    trainer = get_trainer(config["MODEL_TYPE"], "ComiRec")(config, network)
    trainer.eval_collector.data_collect(test)
    found = trainer.evaluate(test, load_best_model=False)
    users, items = (column.numpy() for column in test._dataset.clicks)
    feat, ranks, beaten = test._dataset.inter_feat, [], []
    for user, clicked in zip(feat["user_id"].tolist(), feat["item_id"].tolist()):
        out = {0, clicked, *(items[users == user][:-1] if masked else ())}
        others = [item for item in range(41) if item not in out]
        ranks.append(rank_by_numpy(scores[user, clicked], scores[user, others]))
        beaten.append(1 - (ranks[-1] - 1) / len(others))
    ranks = np.array(ranks)
    for k in (3, 5):
        hit, ndcg, mrr = own_metrics(ranks, k)
        precision = hit / k
        wanted = {"hit": hit, "recall": hit, "ndcg": ndcg, "mrr": mrr, "map": mrr, "precision": precision}
        for name, value in wanted.items():
            assert found[f"{name}@{k}"] == pytest.approx(value, abs=6e-5), name
    assert found["gauc"] == pytest.approx(np.mean(beaten), abs=6e-5)
    assert 0 < found["itemcoverage@5"] <= 1


def test_without_our_loader_recbole_ranks_as_it_does(build, settings):
    """A stock evaluation among all items is not touched: the wrapped function returns what RecBole's does."""
    full = {"split": {"LS": "valid_and_test"}, "order": "TO", "group_by": "user", "mode": "full"}
    changes = {**SHORT, **STOCK, "protocol": None, "eval_args": full, "metrics": ["Hit"], "valid_metric": "Hit@3"}
    config, _, _, test, network = build("SASRec", **changes)
    network.full_sort_predict = lambda rows: torch.zeros(len(rows), 41)
    trainer = get_trainer(config["MODEL_TYPE"], "SASRec")(config, network)
    trainer.tot_item_num = 41
    _, scores, *_ = trainer._full_sort_batch_eval(next(iter(test)))
    assert (scores[:, 1:] == 0).all() and (scores[:, 0] == -torch.inf).all()
