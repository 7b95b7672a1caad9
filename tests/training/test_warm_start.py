"""A training that starts from another day's model: every row goes to the token that had it."""

import logging
import re

import numpy as np
import pytest
import torch
from helpers import SHORT_RANKING, give_other_weights, reverse_rows

from recbole_iacn.errors import ConfigError
from recbole_iacn.training import vocabulary

FULL = {"iacn_mode": "full", "iacn_item_features": "all", "iacn_user_profile": ["age"], "iacn_negatives": 4}
WITHOUT = {"load_col": {"inter": ["user_id", "item_id", "timestamp"]}}


def scores(training):
    """(user, item) -> score of each test row's clicked item, as tokens."""
    rows = training.test_data._dataset.inter_feat
    rows = rows[np.arange(len(rows))]
    rows = training.dataset.join(rows.gather() if hasattr(rows, "gather") else rows)
    names = training.dataset.field2id_token
    users, items = names["user_id"][rows["user_id"]], names["item_id"][rows["item_id"]]
    training.model.eval()
    with torch.no_grad():
        values = training.model.predict(rows).flatten().tolist()
    return dict(zip(zip(users, items), values))


def table(training, field="item_id"):
    """Token -> row of a table of WideDeep_IaCN."""
    weight, start, _ = training.model.item_table(field)
    tokens = training.dataset.field2id_token[field]
    return {str(token): weight.weight[start + number].tolist() for number, token in enumerate(tokens)}


def saved(training, name="old.pth"):
    """A checkpoint of random weights of a size that every part feels."""
    give_other_weights(training.model)
    return training.save_checkpoint(name)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        *((f"{name}_IaCN", FULL) for name in ("DIN", "DIEN", "WideDeep", "FFM", "DSSM", "KD_DAGFM")),
        *((name, SHORT_RANKING) for name in ("ComiRec", "TiMiRecPlus")),
        ("DIN", {}),
        ("GRU4Rec", {"mlp_hidden_size": ..., "train_neg_sample_args": None, "hidden_size": 8}),
    ],
)
@pytest.mark.parametrize("bundled", [False, True], ids=["checkpoint", "bundle"])
def test_the_same_data_in_another_order_give_the_same_scores(train, place, name, changes, bundled):
    first = train(name, fitted=False, **changes)
    path = saved(first)
    path = first.save("bundle") if bundled else path
    before = scores(first)
    for file in ("tiny.inter", "tiny.item", "tiny.user"):
        reverse_rows(place / file)
    other = train(name, fitted=False, start_from=path, **changes)
    numbers = first.dataset.field2id_token["item_id"], other.dataset.field2id_token["item_id"]
    assert not np.array_equal(*numbers)
    after = scores(other)
    assert after.keys() == before.keys()
    assert np.allclose([after[key] for key in before], list(before.values()), atol=1e-5)
    assert all(moved.new == moved.dropped == 0 < moved.kept for moved in other.started_from.columns.values())


def change_data(place):
    """Two users and one item go; three items and a user come: of one category, of a new one, and of none."""
    lines = (place / "tiny.inter").read_text().splitlines()
    kept = [line for line in lines if not line.startswith(("u3\t", "u4\t")) and "\ti7\t" not in line]
    kept += [f"u{user}\t{item}\t{1_500_000_000 + user}\t5" for user in (1, 2) for item in ("x1", "x2", "x3")]
    kept += [f"newcomer\ti{item}\t{1_500_000_000 + item}\t4" for item in (1, 2, 5)]
    (place / "tiny.inter").write_text("\n".join(kept) + "\n")
    items = (place / "tiny.item").read_text().splitlines()
    items = [line for line in items if not line.startswith("i7\t")] + ["x1\tc2 never", "x2\tnever", "x3\t"]
    (place / "tiny.item").write_text("\n".join(items) + "\n")
    users = (place / "tiny.user").read_text().splitlines()
    users = [line for line in users if not line.startswith(("u3\t", "u4\t"))] + ["newcomer\t1"]
    (place / "tiny.user").write_text("\n".join(users) + "\n")


def categories(place):
    """Item -> its categories, as the file has them."""
    rows = [line.split("\t") for line in (place / "tiny.item").read_text().splitlines()[1:]]
    return {item: cell.split() for item, cell in rows}


@pytest.mark.parametrize("field", ["item_id", "item_id_auxiliary"])
def test_new_items_start_from_the_mean_of_their_peers(train, place, field):
    first = train("WideDeep_IaCN", fitted=False, **FULL)
    path = saved(first)
    before = table(first, field)
    change_data(place)
    after = table(train("WideDeep_IaCN", fitted=False, start_from=path, **FULL), field)
    assert set(after) - set(before) == {"x1", "x2", "x3"} and set(before) - set(after) == {"i7"}
    for token in set(after) & set(before):
        assert after[token] == before[token]
    of_c2 = [before[item] for item, cell in categories(place).items() if "c2" in cell and item in before]
    assert np.allclose(after["x1"], np.mean(of_c2, axis=0), atol=1e-6)
    known = [before[item] for item in after if item in before and item != "[PAD]"]
    for alone in ("x2", "x3"):
        assert np.allclose(after[alone], np.mean(known, axis=0), atol=1e-6)


def test_what_is_new_and_what_goes_is_counted(train, place, caplog):
    path = saved(train("WideDeep_IaCN", fitted=False, **FULL))
    change_data(place)
    caplog.clear()
    training = train("WideDeep_IaCN", fitted=False, start_from=path, **FULL)
    moved = {name: vars(of) for name, of in training.started_from.columns.items()}
    assert moved["item_id"] == {"kept": 39, "new": 3, "alone": 2, "dropped": 1}
    assert moved["user_id"] == {"kept": 58, "new": 1, "alone": 0, "dropped": 2}
    assert moved["categories"] == {"kept": 5, "new": 1, "alone": 1, "dropped": 0}
    assert not any(name.endswith("_auxiliary") for name in moved)
    said = [record.getMessage() for record in caplog.records if record.name.endswith("warm_start")]
    assert f"started from {path}; the optimizer starts anew" in said
    assert (
        "item_id: 39 moved over, 3 new start from the mean of those with the same features (2 of them from the mean of "
        "all), 1 of before are dropped" in said
    )
    assert "categories: 5 moved over, 1 new start from the mean of all, none of before is dropped" in said


def test_new_rows_may_start_fresh(train, place):
    path = saved(train("WideDeep_IaCN", fitted=False, **FULL))
    change_data(place)
    never = table(train("WideDeep_IaCN", fitted=False, **FULL))
    started = table(train("WideDeep_IaCN", fitted=False, start_from=path, new_rows="fresh", **FULL))
    assert all(started[token] == never[token] for token in ("x1", "x2", "x3"))
    assert all(started[token] != never[token] for token in ("i1", "i2", "[PAD]"))


def test_the_rest_is_taken_over_and_the_optimizer_is_new(train, place):
    first = train("WideDeep_IaCN", **FULL)
    path = saved(first)
    change_data(place)
    other = train("WideDeep_IaCN", fitted=False, start_from=path, **FULL)
    rows = {part.name for part in vocabulary.read(path).rows}
    before, after = first.model.state_dict(), other.model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before if name not in rows)
    assert first.trainer.optimizer.state_dict()["state"] and not other.trainer.optimizer.state_dict()["state"]


def test_a_model_with_more_parts_starts_them_fresh(train, place, caplog):
    """As the auxiliary task on a model that was trained without it."""
    path = saved(train("WideDeep_IaCN", fitted=False, iacn_mode="width"))
    caplog.clear()
    full = train("WideDeep_IaCN", fitted=False, start_from=path, iacn_mode="full")
    assert full.started_from.fresh and all(name.startswith("tasks.iacn.") for name in full.started_from.fresh)
    assert not full.started_from.dropped and any("iacn_mode (width there, full here)" in s for s in caplog.messages)
    assert any(line.startswith("weights that were not there, and start fresh: tasks.iacn.") for line in caplog.messages)


def test_weights_of_other_sizes_are_rejected_and_the_model_is_unchanged(train, place):
    path = saved(train("WideDeep_IaCN", fitted=False, embedding_size=4))
    with pytest.raises(
        ConfigError,
        match=r"old\.pth: its weight \S+ has the shape \(\d+, 4\), here it needs \(\d+, 8\); settings that differ: "
        r"embedding_size \(4 there, 8 here\); train with the settings and columns of then, or without start_from",
    ):
        train("WideDeep_IaCN", fitted=False, start_from=path)


def test_a_column_that_was_not_there_is_said(train, place):
    """Its weights have no former rows; the layers behind are wider, so they do not fit."""
    path = saved(train("WideDeep_IaCN", fitted=False, **WITHOUT))
    with pytest.raises(ConfigError, match=r"its weight mlp_layers\S+ has the shape \(16, 40\), here .*load_col"):
        train("WideDeep_IaCN", fitted=False, start_from=path)


def test_what_cannot_be_started_from_is_rejected(train, place):
    path = saved(train("WideDeep_IaCN", fitted=False))
    with pytest.raises(ConfigError, match=r"old\.pth: is a WideDeep_IaCN, and this is a DIN_IaCN"):
        train("DIN_IaCN", fitted=False, start_from=path)
    with pytest.raises(ConfigError, match=r"new_rows: must be mean or fresh, got 'man'\. Did you mean 'mean'"):
        train("WideDeep_IaCN", fitted=False, start_from=path, new_rows="man")
    with pytest.raises(ConfigError, match="new_rows: is read with start_from"):
        train("WideDeep_IaCN", fitted=False, new_rows="fresh")
    with pytest.raises(ConfigError, match=r"none\.pth: there is no such file or folder; name a bundle or a"):
        train("WideDeep_IaCN", fitted=False, start_from="none.pth")
    state = torch.load(path, weights_only=True)
    del state[vocabulary.ENTRY]
    torch.save(state, "older.pth")
    with pytest.raises(ConfigError, match=r"older\.pth: records no vocabulary, so nothing says whose its rows are"):
        train("WideDeep_IaCN", fitted=False, start_from="older.pth")
    for file in ("tiny.inter", "tiny.item"):
        header, rows = (place / file).read_text().split("\n", 1)
        (place / file).write_text(header + "\n" + re.sub(r"\bi(\d)", r"other\1", rows))
    with pytest.raises(ConfigError, match=r"old\.pth: knows none of the 40 items of these data, such as 'other"):
        train("WideDeep_IaCN", fitted=False, start_from=path)


def test_other_names_of_the_columns_of_users_and_items_are_rejected(train, place):
    """No row would move over, and all items would count as new."""
    path = saved(train("WideDeep_IaCN", fitted=False))
    for file in ("tiny.inter", "tiny.item"):
        (place / file).write_text((place / file).read_text().replace("item_id:", "sku:"))
    named = {
        "ITEM_ID_FIELD": "sku",
        "load_col": {
            "inter": ["user_id", "sku", "timestamp"],
            "item": ["sku", "categories"],
            "user": ["user_id", "age"],
        },
    }
    with pytest.raises(
        ConfigError, match=r"^start_from: ITEM_ID_FIELD is sku here, and was item_id when .*old\.pth was trained; name"
    ):
        train("WideDeep_IaCN", fitted=False, start_from=path, **named)


def test_a_floor_starts_anew(train, place):
    path = train("Popularity", fitted=False).save_checkpoint("floor.pth")
    with pytest.raises(ConfigError, match="start_from: Popularity counts and learns nothing, so it starts anew"):
        train("Popularity", fitted=False, start_from=path)


@pytest.mark.slow
def test_learning_on_goes_on_from_there(train, place, caplog):
    """One more epoch from the former weights gives a better training loss than a first epoch."""
    first = train("WideDeep_IaCN", epochs=3, learning_rate=0.01)
    change_data(place)
    with caplog.at_level(logging.INFO):
        on = train("WideDeep_IaCN", start_from=first.checkpoint, learning_rate=0.01)
    anew = train("WideDeep_IaCN", learning_rate=0.01)
    assert on.trainer.epoch_losses[0]["main"] < anew.trainer.epoch_losses[0]["main"]


def test_a_row_of_no_item_moves_over(train, place):
    """BERT4Rec has the row of the mask behind those of the items."""
    given = {
        "load_col": {"inter": ["user_id", "item_id", "timestamp"]},
        "loss_type": "CE",
        "train_neg_sample_args": None,
    }
    sizes = {"hidden_size": 8, "inner_size": 8}
    first = train("BERT4Rec", fitted=False, **given, **sizes)
    torch.nn.init.normal_(first.model.item_embedding.weight)
    first.save("bundle")
    reverse_rows(place / "tiny.inter")
    again = train("BERT4Rec", fitted=False, start_from="bundle", **given, **sizes)
    ours, theirs = (one.model.item_embedding.weight for one in (again, first))
    assert len(ours) == first.dataset.item_num + 1 and torch.equal(ours[-1], theirs[-1])
