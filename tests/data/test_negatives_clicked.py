"""Items of the catalogue that nobody clicked: left out of the negatives where asked, and said where they are many."""

import logging
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers import write_atomic
from recbole.utils import get_trainer

from recbole_iacn.data.loader import own_items
from recbole_iacn.data.negatives import notice_unclicked
from recbole_iacn.errors import ConfigError

CTR = {"load_col": {"inter": ["user_id", "item_id", "timestamp"], "item": ["item_id", "categories"]}}
RANKED = {**CTR, "mlp_hidden_size": ..., "topk": [3, 5]}


@pytest.fixture
def large(tmp_path):
    """40 items that users click, and 60 that stand in the file of items alone."""
    write_atomic(tmp_path, "large")
    with (tmp_path / "large" / "large.item").open("a") as file:
        file.writelines(f"x{item}\tc1\n" for item in range(60))
    return {"data_path": str(tmp_path)}


def tokens(loader, items):
    return set(loader._dataset.field2id_token["item_id"][np.unique(np.asarray(items))])


def notices(caplog):
    said = [record.getMessage() for record in caplog.records if record.name == "recbole_iacn.data.negatives"]
    caplog.clear()
    return said


CASES = [
    ("DIN_IaCN", CTR),
    ("DIN", {**CTR, "protocol": "leave_one_out_ctr"}),
    ("MIND", {**RANKED, "eval_negatives": 30, "loss": "bpr"}),
]
CASES += [("SASRec", {**RANKED, "protocol": "leave_one_out_sampled", "loss_type": "BPR", "valid_metric": "MRR@5"})]


@pytest.mark.parametrize(("model", "changes"), CASES)
def test_negatives_are_items_that_somebody_clicked(build, large, caplog, model, changes):
    """In training and evaluation; by default they are of the catalogue, which is said, once for both evaluations."""
    with caplog.at_level(logging.WARNING):
        _, train, valid, test, _ = build(model, "large", **large, **changes, negative_items="clicked")
        assert notices(caplog) == []
        catalogue = build(model, "large", **large, **changes)[1:4]
        assert len(notices(caplog)) == 1
    for loader, of_all in zip((train, valid, test), catalogue):
        if loader is train:
            train.draw("train"), of_all.draw("train")
        name = "candidates" if getattr(loader, "candidates", None) is not None else "negatives"
        clicked, every = (tokens(one, getattr(one, name)) for one in (loader, of_all))
        assert clicked <= {f"i{item}" for item in range(40)}
        assert any(item.startswith("x") for item in every)


@pytest.mark.parametrize("loss", ["softmax", "sampled_softmax"])
def test_what_a_softmax_ranks_against_is_clicked(build, large, loss):
    """All 40 items that somebody clicked, or those drawn among them; by default some of the other 60."""
    changes = {**RANKED, "eval_negatives": 30, "loss": loss, "train_negatives": 2000}
    for asked in ("clicked", "catalogue"):
        _, train, _, _, model = build("MIND", "large", **large, **changes, negative_items=asked)
        others = model.ranking_loss.others(torch.tensor([1, 100]))
        every = {f"i{item}" for item in range(40)} | (
            {f"x{item}" for item in range(60)} if asked == "catalogue" else set()
        )
        assert tokens(train, others.ids) == every
        assert [others.ids[place].item() if place >= 0 else None for place in others.column] == [
            item if item in others.ids else None for item in (1, 100)
        ]


def test_each_clicked_item_is_drawn_as_often(build, large):
    """Uniformly among those of the 40 that are not the user's own: expected counts by summing over the users."""
    _, train, _, test, _ = build("DIN_IaCN", "large", **large, **CTR, negative_items="clicked")
    own = {}
    for user, item in zip(*(column.tolist() for column in test._dataset.clicks)):
        own.setdefault(user, set()).add(item)
    clicked, wanted, drawn = set.union(*own.values()), np.zeros(101), np.zeros(101)
    for user in train._dataset.inter_feat["user_id"].tolist():
        others = list(clicked - own[user])
        wanted[others] += 50 / len(others)
    for epoch in range(50):
        train.draw("train", epoch)
        drawn += np.bincount(train.negatives.flatten(), minlength=101)
    assert (drawn[wanted == 0] == 0).all()
    assert (abs(drawn - wanted) <= 4.5 * np.sqrt(wanted)).all()


@pytest.mark.parametrize("masked", [False, True])
def test_among_all_items_only_clicked_ones_are_ranked(build, large, masked):
    """By NumPy; half of the scores of items that nobody clicked are the highest of all."""
    given = {**RANKED, "protocol": "leave_one_out_full", "metrics": ["Hit", "GAUC", "ItemCoverage"]}
    given |= {"valid_metric": "Hit@3", "negative_items": "clicked", "mask_history": masked}
    config, train, _, test, network = build("ComiRec", "large", **large, **given)
    data = test._dataset
    never = np.array([item.startswith(("x", "[")) for item in data.field2id_token["item_id"]])
    scores = np.random.default_rng(0).normal(size=(61, 101)).astype(np.float32)
    scores[:, np.flatnonzero(never)[::2]] += 9
    network.full_sort_predict = lambda rows: torch.from_numpy(scores[rows["user_id"].cpu()].copy())
    trainer = get_trainer(config["MODEL_TYPE"], "ComiRec")(config, network)
    trainer.eval_collector.data_collect(train)
    found = trainer.evaluate(test, load_best_model=False)
    users, items = (column.numpy() for column in data.clicks)
    ranks, beaten = [], []
    for user, clicked in zip(data.inter_feat["user_id"].tolist(), data.inter_feat["item_id"].tolist()):
        others = set(np.flatnonzero(~never)) - {clicked} - (set(items[users == user]) if masked else set())
        ranks.append(1 + (scores[user, list(others)] > scores[user, clicked]).sum())
        beaten.append(1 - (ranks[-1] - 1) / len(others))
    for k in (3, 5):
        assert found[f"hit@{k}"] == pytest.approx((np.array(ranks) <= k).mean(), abs=6e-5)
    assert found["gauc"] == pytest.approx(np.mean(beaten), abs=6e-5)
    assert found["itemcoverage@5"] <= 40 / 101
    network.full_sort_predict = lambda rows: torch.zeros(len(rows), 101)
    assert trainer.evaluate(test, load_best_model=False)["gauc"] == pytest.approx(0.5, abs=0.02)  # of 39 others


def test_the_notice_names_share_and_setting(build, large, caplog):
    """60 of 100 items are ranked though nobody clicked them; of what is drawn the share is counted."""
    with caplog.at_level(logging.WARNING):
        build("ComiRec", "large", **large, **RANKED, protocol="leave_one_out_full", negative_items="clicked")
        assert notices(caplog) == []
        build("ComiRec", "large", **large, **RANKED, protocol="leave_one_out_full")
        assert notices(caplog) == [
            "negative_items: 60 % of the negatives of the validation are items that nobody clicked, which a model "
            "tells from clicked ones without knowing the user; negative_items: clicked leaves them out"
        ]
        _, _, valid, _, _ = build("DIN_IaCN", "large", **large, **CTR)
        drawn = valid._dataset.field2id_token["item_id"][valid.negatives.flatten()]
        share = sum(item.startswith("x") for item in drawn) / len(drawn)
        assert notices(caplog)[0].startswith(f"negative_items: {100 * share:.0f} % of the negatives")


@pytest.mark.parametrize(("unclicked", "said"), [(2, 0), (3, 1)])
def test_exactly_a_fifth_is_not_said(caplog, unclicked, said):
    """Of ten negatives: in binary 1 - .8 is not .2, so what counts is the number."""
    dataset = SimpleNamespace(item_num=11, config={"valid_negatives_file": None})
    negatives = np.array([[1] * (10 - unclicked) + [10] * unclicked])
    with caplog.at_level(logging.WARNING):
        notice_unclicked(dataset, np.arange(1, 10), negatives, "valid")
    assert len(notices(caplog)) == said


@pytest.mark.parametrize(("more", "said"), [(10, 0), (11, 1)])
def test_up_to_a_fifth_is_not_said(build, tmp_path, caplog, more, said):
    """Of 50 items 10 are a fifth."""
    write_atomic(tmp_path, "large")
    with (tmp_path / "large" / "large.item").open("a") as file:
        file.writelines(f"x{item}\tc1\n" for item in range(more))
    with caplog.at_level(logging.WARNING):
        build("ComiRec", "large", data_path=str(tmp_path), **RANKED, protocol="leave_one_out_full")
    assert len(notices(caplog)) == said


def test_of_a_file_of_negatives_the_notice_names_the_file(build, large, caplog, tmp_path):
    lines = [f"u{user}\tx{user}" for user in range(60)]
    (tmp_path / "mine").write_text("\n".join(["user_id:token\titem_id_list:token_seq", *lines]) + "\n")
    given = {**large, **CTR, "negative_items": "clicked", "test_negatives_file": str(tmp_path / "mine")}
    with caplog.at_level(logging.WARNING):
        build("DIN_IaCN", "large", **given)
    (said,) = notices(caplog)
    assert "100 % of the negatives of the test are items" in said and said.endswith(
        f"they are those of {tmp_path}/mine"
    )


# --- Users who clicked everything ---------------------------------------------------------------------------------


def write_clicks(folder, rows, items=()):
    """``rows``: user -> text of items. Returns settings."""
    (folder / "few").mkdir(exist_ok=True)
    lines = [f"{user}\ti{item}\t{n}" for user, text in rows.items() for n, item in enumerate(text.split())]
    head = "user_id:token\titem_id:token\ttimestamp:float"
    (folder / "few" / "few.inter").write_text("\n".join([head, *lines]) + "\n")
    (folder / "few" / "few.item").write_text("\n".join(["item_id:token\tcategories:token_seq", *items]) + "\n")
    load = {"inter": ["user_id", "item_id", "timestamp"]} | ({"item": ["item_id", "categories"]} if items else {})
    return {"data_path": str(folder), "load_col": load}


# a has everything. Without a there are six items, of which b has all; c to e remain.
EVERYTHING = {"a": "1 2 3 4 5 6 7 8", "b": "1 2 3 4 5 6", "c": "1 2 3 6", "d": "2 3 4", "e": "4 5 1"}


@pytest.mark.parametrize("protocol", ["leave_one_out_ctr", "leave_one_out_sampled"])
@pytest.mark.parametrize("items", ["catalogue", "clicked"])
def test_what_the_error_of_an_exhausted_user_names_works(build, tmp_path, protocol, items):
    """'[0,8)' would leave b, who then has everything, and so on."""
    given = write_clicks(tmp_path, EVERYTHING) | {"negative_items": items, "protocol": protocol}
    model = "DIN_IaCN"
    if protocol == "leave_one_out_sampled":
        model, given = "ComiRec", {**given, "mlp_hidden_size": ..., "topk": [5], "eval_negatives": 5}
    with pytest.raises(ConfigError) as error:
        build(model, "few", **given)
    of_these = " that anybody clicked" if items == "clicked" else ""
    assert str(error.value) == (
        f"1 user(s) have interacted with all 8 items{of_these}, so no negative item exists for them. "
        "Leave them out, e.g. user_inter_num_interval: '[0,6)'."
    )
    _, train, *_ = build(model, "few", **given, user_inter_num_interval="[0,6)")
    next(iter(train))
    assert set(train._dataset.field2id_token["user_id"]) == {"[PAD]", "c", "d", "e"}


def test_one_who_clicked_all_that_anybody_clicked_may_draw_from_the_catalogue(build, tmp_path):
    given = write_clicks(tmp_path, EVERYTHING, [f"i{item}\tc1" for item in range(1, 12)])
    with pytest.raises(ConfigError) as error:
        build("DIN_IaCN", "few", **given, negative_items="clicked")
    assert str(error.value) == (
        "1 user(s) have interacted with all 8 items that anybody clicked, so no negative item exists for them. "
        "Set negative_items: catalogue, which draws from all items."
    )
    next(iter(build("DIN_IaCN", "few", **given, negative_items="catalogue")[1]))


def test_where_nobody_would_remain_no_interval_is_named(build, tmp_path):
    given = write_clicks(tmp_path, {"a": "1 2 3 4", "b": "4 3 2 1"})
    with pytest.raises(ConfigError) as error:
        build("DIN_IaCN", "few", **given)
    assert str(error.value).endswith("no negative item exists for them. The data need more items.")


def test_rows_that_were_shown_count_as_interactions_in_the_interval(monkeypatch):
    """Users 1 and 2 have all three items. User 3 has two clicks and one more row: RecBole counts three."""
    users, items = torch.tensor([1, 1, 1, 3, 3, 4, 4]), torch.tensor([1, 2, 3, 1, 2, 2, 3])
    data = SimpleNamespace(clicks=(users, items), item_num=4, config={"negative_items": "catalogue"})
    assert own_items(data).interactions.tolist() == [0, 3, 0, 2, 2]
    del data.own_items
    data.shown = torch.tensor([3, 4, 4]), torch.tensor([3, 1, 1]), np.array([1.0, 2.0, 3.0])
    assert own_items(data).interactions.tolist() == [0, 3, 0, 3, 4]
