"""Training negatives among what was shown: which rows count, against loops over the rows."""

import logging
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from recbole_iacn.checks import evaluation
from recbole_iacn.data.history import HistoryDataset
from recbole_iacn.data.protocol import Protocol
from recbole_iacn.data.sampling import OwnItems
from recbole_iacn.data.shown import ShownItems
from recbole_iacn.errors import ConfigError

# A table of clicks: user, item, time; then which of them train. Users 1 to 4; user 4 is for the test alone.
CLICKS = [
    (1, 1, 10),
    (1, 2, 20),
    (1, 3, 30),
    (1, 4, 40),
    (2, 5, 5),
    (2, 1, 6),
    (2, 2, 6),
    (3, 3, 1),
    (3, 4, 2),
    (4, 5, 9),
]
TARGETS, TRAINS = [1, 2, 3, 5, 6, 8, 9], [1, 2, 5, 8]


def a_log(shown):
    users, items, times = (np.array(column) for column in zip(*CLICKS))
    table = {"user_id": torch.from_numpy(users)}
    whole = SimpleNamespace(
        inter_feat=SimpleNamespace(values=table, index=torch.tensor(TARGETS)),
        times=times.astype(float),
        shown=tuple(torch.tensor(column) for column in zip(*shown)),
        user_num=6,
        uid_field="user_id",
        label_field="label",
        config={"model": "MIND"},
    )
    whole.shown = *whole.shown[:2], whole.shown[2].double().numpy()
    training = SimpleNamespace(inter_feat=SimpleNamespace(values=table, index=torch.tensor(TRAINS)))
    return whole, training, OwnItems(users, items, 9)


def drawn_items(shown, **own):
    """User -> the items that it may draw, with how often each stands there."""
    whole, training, every = a_log(shown)
    for name, value in own.items():
        setattr(every, name, value)
    found = ShownItems(whole, training, every)
    random, users = np.random.default_rng(0), np.arange(6)
    users = users[found.has_some(users)]
    table = found.sample(np.repeat(users, 4000), 2, random).reshape(len(users), -1)
    return {int(user): Counter(row.tolist()) for user, row in zip(users, table)}


def test_only_what_was_shown_while_the_user_trained_counts():
    """User 1 trains up to 30 and validates at 40; user 2 trains and validates at 6, user 3 trains up to the end."""
    rows = [(1, 6, 29), (1, 7, 30), (1, 8, 31), (1, 5, 45)]
    rows += [(2, 6, 5), (2, 7, 6), (3, 8, 2), (3, 7, 3), (4, 6, 1), (5, 6, 1)]
    for order in (rows, rows[::-1], rows[::3] + rows[1::3] + rows[2::3]):  # a file need not be sorted by user
        assert {user: set(items) for user, items in drawn_items(order).items()} == {1: {6, 7}, 2: {6}, 3: {8}}


def test_rows_are_drawn_as_often_as_they_stand_there():
    """Twice for an item that was shown twice; no item that the user clicked at any time."""
    rows = [(1, 6, 1), (1, 6, 2), (1, 7, 3), (1, 8, 4), (1, 1, 5), (1, 4, 5)]
    counts = drawn_items(rows)[1]
    assert set(counts) == {6, 7, 8} and sum(counts.values()) == 8000
    assert abs(counts[6] - 4000) < 180 and abs(counts[7] - 2000) < 160  # 4 standard deviations


def test_what_nobody_clicked_is_left_out_where_negatives_are_clicked_items():
    assert set(drawn_items([(1, 5, 1), (1, 6, 1)], drawable=np.arange(1, 6))[1]) == {5}


# --- Through a protocol's loader ----------------------------------------------------------------------------------

RANKING = {"load_col": {"inter": ["user_id", "item_id", "timestamp"]}, "mlp_hidden_size": ..., "topk": [5]}


@pytest.fixture
def shown(monkeypatch):
    """The dataset of 60 users has further rows, which were not clicked: for user n (from 1) of n % 3 == 0 none, and
    else the items 1 to 12, each at a click's time. Returns them as user -> [(item, time)]."""
    made, augment = {}, HistoryDataset.data_augmentation

    def with_shown(dataset):
        augment(dataset)
        table = dataset.inter_feat.values
        dataset.times = table["timestamp"].numpy().astype(float)
        users, random = table["user_id"].numpy(), np.random.default_rng(0)
        for user in range(1, 61):
            times = random.choice(dataset.times[users == user], 12)
            made[user] = list(zip(range(1, 13), times.tolist())) if user % 3 else []
        rows = [(user, item, time) for user, shown in made.items() for item, time in shown]
        user, item, time = zip(*rows)
        dataset.shown = torch.tensor(user), torch.tensor(item), np.array(time)

    monkeypatch.setattr(HistoryDataset, "data_augmentation", with_shown)
    return made


@pytest.mark.parametrize("model", ["DIN_IaCN", "DIN", "MIND"])
def test_training_negatives_are_what_was_shown_and_not_clicked(build, shown, caplog, model):
    """Those of users without any are drawn as before; evaluation negatives stay as they are; each epoch draws anew."""
    changes = {**RANKING, "loss": "bpr"} if model == "MIND" else {"protocol": "leave_one_out_ctr"}
    with caplog.at_level(logging.WARNING):
        _, train, valid, test, _ = build(model, **changes, shown_negatives=True)
        plain, clicks = build(model, **changes)[1:], {}
        tables = []
        for epoch in (0, 1, 0):
            train.draw("train", epoch)
            tables.append(train.negatives.clone())
    assert tables[0].equal(tables[2]) and not tables[0].equal(tables[1])
    feat, data = train._dataset.inter_feat, test._dataset
    for user, item, time in zip(*(column.tolist() for column in data.clicks), data.times.tolist()):
        clicks.setdefault(user, []).append((time, item))
    plain[0].draw("train", 0)
    allowed = {}
    for user, rows in clicks.items():
        *training, held_out, _ = sorted(rows)
        own = {item for _, item in (training if model == "MIND" else rows)}
        until = training[-1][0]
        allowed[user] = {i for i, t in shown[user] if t <= until and t < held_out[0] and i not in own}
    users, without = feat["user_id"].tolist(), 0
    for user, (drawn,), (usual,) in zip(users, tables[0].tolist(), plain[0].negatives.tolist()):
        assert drawn in allowed[user] if allowed[user] else drawn == usual
        without += not allowed[user]
    assert len({drawn for (drawn,) in tables[0].tolist()}) > 12 and 20 * 6 <= without < len(users)
    said = [record.getMessage() for record in caplog.records if "shown_negatives" in record.getMessage()]
    assert said == [
        f"shown_negatives: {without} of {len(users)} training rows are of users who were shown nothing else before "
        "their validation; their negatives are drawn as without the setting"
    ]
    for ours, stock in zip((valid, test), plain[1:]):
        for name in ("negatives", "candidates"):
            assert getattr(ours, name, None) is None or getattr(ours, name).equal(getattr(stock, name))


def test_shown_negatives_without_labels_are_one_line(build, monkeypatch):
    monkeypatch.setattr(HistoryDataset, "shown", None, raising=False)
    with pytest.raises(ConfigError, match=r"shown_negatives: the data have no labels \(label, or threshold\)"):
        build(shown_negatives=True)
    with pytest.raises(ConfigError, match="shown_negatives: WideDeep has its own dataset class; leave it out"):
        build("WideDeep", protocol="leave_one_out_ctr", shown_negatives=True)


@pytest.mark.parametrize(
    ("model", "changes", "message"),
    [
        (
            "MIND",
            {**RANKING, "shown_negatives": True},
            "shown_negatives: a batch shares the negatives of loss sampled_",
        ),
        ("DIN", {"shown_negatives": True}, "shown_negatives: is for the negatives of a protocol; set protocol, or"),
        ("DIN", {"negative_items": "clicked"}, "negative_items: is for the negatives of a protocol; set protocol, or"),
        (
            "SASRec",
            {**RANKING, "protocol": "leave_one_out_full", "loss_type": "CE", "train_neg_sample_args": None}
            | {"shown_negatives": True, "valid_metric": "MRR@5"},
            "shown_negatives: train_neg_sample_args draws no negatives for the training; leave one of the two out",
        ),
    ],
)
def test_settings_of_negatives_where_nothing_is_drawn_are_rejected(build, model, changes, message):
    with pytest.raises(ConfigError, match=message):
        build(model, **changes)


@pytest.mark.parametrize("given", [{"shown_negatives": True}, {"negative_items": "clicked"}])
@pytest.mark.parametrize("mode", ["labeled", {"valid": "labeled", "test": "labeled"}])
def test_settings_of_negatives_where_labels_say_what_is_negative_are_rejected(monkeypatch, given, mode):
    monkeypatch.setattr(evaluation, "PROTOCOLS", {"by_labels": Protocol({"eval_args": {"mode": mode}})})
    config = {"protocol": "by_labels", "train_neg_sample_args": {"distribution": "none"}, "MODEL_INPUT_TYPE": None}
    evaluation.check_training_negatives({**config, "negative_items": "catalogue", "shown_negatives": False})
    message = f"{next(iter(given))}: protocol 'by_labels' has labels and draws no negatives; leave it out"
    with pytest.raises(ConfigError, match=message):
        evaluation.check_training_negatives({**config, **given})
