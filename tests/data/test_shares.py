"""Shares of users and of training rows, beside the same computed with hashlib and pandas."""

import hashlib

import numpy as np
import pandas as pd
import pytest
from helpers import write_atomic

import recbole_iacn
from recbole_iacn.data.shares import digests_of
from recbole_iacn.errors import ConfigError

RANKED = {"metrics": ["Hit"], "valid_metric": "Hit@5", "topk": [5], "mlp_hidden_size": ...}
MODELS = {
    "DIN_IaCN": {},
    "FM": {"protocol": "leave_one_out_ctr", "metrics": ["AUC"], "valid_metric": "AUC", "mlp_hidden_size": ...},
    "SASRec": {"protocol": "leave_one_out_full", "loss_type": "BPR", **RANKED},
    "BPR": RANKED,  # without a protocol
}


def place(user):
    """A user's place in [0, 1)."""
    return int.from_bytes(hashlib.blake2b(user.encode(), digest_size=8).digest(), "little") / 2**64


def table(data_path, name="tiny"):
    return pd.read_csv(data_path / name / f"{name}.inter", sep="\t", dtype=str).rename(
        columns=lambda c: c.split(":")[0]
    )


def rows_of(part):
    """(user, item, history) of each row of a part, in tokens."""
    rows, lists = part.inter_feat[np.arange(len(part.inter_feat))], "item_id_list"
    rows = rows.gather() if hasattr(rows, "gather") else rows
    users, items = (part.field2id_token[field][rows[field].numpy()] for field in ("user_id", "item_id"))
    histories = [""] * len(users)
    if lists in rows:
        histories = [" ".join(part.field2id_token["item_id"][row[row > 0]]) for row in rows[lists].numpy()]
    return list(zip(users, items, histories))


@pytest.fixture
def make(settings):
    def build(model="DIN_IaCN", **changes):
        return recbole_iacn.build(model, "tiny", config_dict=settings(**{**MODELS[model], **changes}))

    return build


def parts(made):
    return [rows_of(loader._dataset) for loader in (made.train_data, made.valid_data, made.test_data)]


@pytest.mark.parametrize("model", MODELS)
def test_a_share_of_the_users_is_all_of_their_rows(make, data_path, model, caplog):
    """Their rows, parts and histories are those of the run with all users; nobody else is known."""
    every = table(data_path)
    kept = {user for user in every.user_id if place(user) < 0.5}
    left = every[every.user_id.isin(kept)]
    assert 20 < len(kept) < 40 and every.user_id.nunique() == 60
    made = make(model, user_share=0.5)
    assert set(made.dataset.field2id_token["user_id"][1:]) == kept
    line = f"user_share 0.5 keeps {len(kept)} of 60 users and {len(left)} of {len(every)} interactions"
    assert caplog.text.count(line) == 1
    whole = make(model)
    for some, part in zip(parts(whole), parts(made)):
        if model != "BPR":  # whose rows RecBole splits by shares
            assert sorted(part) == sorted(row for row in some if row[0] in kept)


def test_a_half_contains_the_quarter():
    tokens = np.array([f"u{user}" for user in range(20_000)])
    digests = digests_of(tokens)
    assert digests[:9] / 2**64 == pytest.approx([place(user) for user in tokens[:9]])
    kept = {share: set(tokens[digests < share * 2.0**64]) for share in (0.5, 0.25, 0.125)}
    assert kept[0.125] < kept[0.25] < kept[0.5]
    assert all(abs(len(some) / len(tokens) - share) < 0.015 for share, some in kept.items())


def test_items_that_only_others_clicked_are_not_known_without_a_table_of_items(make, data_path):
    columns = {"inter": ["user_id", "item_id", "timestamp"]}
    made = make(load_col=columns, user_share=0.05)
    left = table(data_path)
    left = left[left.user_id.map(place) < 0.05]
    assert set(made.dataset.field2id_token["item_id"][1:]) == set(left.item_id) < set(table(data_path).item_id)


@pytest.mark.parametrize("model", MODELS)
def test_a_share_of_the_training_rows_leaves_all_else(make, model, caplog):
    seed = 7 if model == "BPR" else 1  # RecBole splits its rows by the seed; our parts do not depend on it
    whole, half, quarter = make(model), make(model, train_share=0.5, seed=seed), make(model, train_share=0.25)
    rows = [parts(made) for made in (whole, half, quarter)]
    count = len(rows[0][0])
    assert [len(some[0]) for some in rows[1:]] == [round(count / 2), round(count / 4)]
    assert set(rows[2][0]) < set(rows[1][0]) < set(rows[0][0])
    assert rows[0][1:] == rows[1][1:] == rows[2][1:]
    order = {row: number for number, row in enumerate(rows[0][0])}
    assert [order[row] for row in rows[1][0]] == sorted(order[row] for row in rows[1][0])
    assert f"train_share 0.5 keeps {round(count / 2)} of {count} training rows; histories, validation" in caplog.text


def test_a_test_of_recbole_keeps_its_candidates(make):
    """RecBole leaves out of a user's candidates what the user has clicked in training: in all of it."""

    def candidates(**changes):
        made = make("BPR", **changes)
        return [sorted(zip(*(part.tolist() for part in batch[1]))) for batch in made.test_data]

    whole = candidates()
    assert any(whole) and candidates(train_share=0.25) == whole


def test_every_model_keeps_the_same_training_rows(make):
    """A user's first click, which has no history, is a row of models without one alone: nearly the same, then."""
    kept = {
        model: {row[:2] for row in parts(make(model, train_share=0.5))[0]} for model in ("DIN_IaCN", "SASRec", "FM")
    }
    every = {row[:2] for row in parts(make())[0]}
    assert kept["DIN_IaCN"] == kept["SASRec"]
    assert len(kept["FM"] & every ^ kept["DIN_IaCN"]) < 0.15 * len(every)


def test_the_kept_rows_are_spread_over_users_and_items(make, data_path, tmp_path, settings):
    write_atomic(tmp_path, "wide", users=400, items=60, seed=5)
    given = settings(data_path=str(tmp_path), train_share=0.25)
    rows = pd.DataFrame(rows_of(recbole_iacn.build("DIN_IaCN", "wide", config_dict=given).train_data._dataset))
    assert rows[0].nunique() > 300 and rows[1].nunique() == 60  # of 400 and 60; chance leaves (3/4)^6 of the users out


def test_equal_pairs_are_kept_or_not_one_by_one(tmp_path, settings):
    """One user who clicks one of two items again and again: their repetitions are told apart."""
    (tmp_path / "again").mkdir()
    lines = [f"u{user}\ti{step % 2}\t{step}" for user in range(2) for step in range(42)]
    head = "user_id:token\titem_id:token\ttimestamp:float\n"
    (tmp_path / "again" / "again.inter").write_text(head + "\n".join([*lines, "u9\ti7\t1", "u9\ti8\t2", "u9\ti9\t3"]))
    columns = {"inter": ["user_id", "item_id", "timestamp"]}
    given = settings(data_path=str(tmp_path), load_col=columns, train_share=0.5)
    rows = rows_of(recbole_iacn.build("DIN_IaCN", "again", config_dict=given).train_data._dataset)
    counts = pd.Series([row[:2] for row in rows]).value_counts()
    counts = counts[[pair for pair in counts.index if pair[0] != "u9"]]  # who has one training row
    assert len(rows) == round((2 * 39 + 1) / 2) and len(counts) == 4 and counts.max() < 18 and counts.min() > 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"user_share": 1e-9}, "user_share: 1e-09 leaves none of the 60 users of …tiny.inter; set a larger share"),
        ({"train_share": 1e-4}, "train_share: 0.0001 leaves none of the … training rows; set a larger share"),
        ({"user_share": 0}, "user_share: must be a number in (0, 1], got 0"),
        ({"train_share": 1.5}, "train_share: must be a number in (0, 1], got 1.5"),
    ],
)
def test_shares_that_leave_nothing_are_rejected(make, changes, message):
    with pytest.raises(ConfigError) as error:
        make(**changes)
    assert all(part in str(error.value) for part in message.split("…")) and "\n" not in str(error.value)


def test_labels_and_benchmarks_have_shares_too(tmp_path, settings):
    """Three files, already split, of which each keeps the same users."""
    (tmp_path / "cut").mkdir()
    random, head = np.random.default_rng(3), "user_id:token\titem_id:token\titem_id_list:token_seq\n"
    for part in ("train", "valid", "test"):
        lines = [f"u{user}\ti{random.integers(9)}\ti{random.integers(9)} i{random.integers(9)}" for user in range(40)]
        (tmp_path / "cut" / f"cut.{part}.inter").write_text(head + "\n".join(lines) + "\n")
    given = settings(
        data_path=str(tmp_path),
        load_col={"inter": ["user_id", "item_id", "item_id_list"]},
        benchmark_filename=["train", "valid", "test"],
        alias_of_item_id=["item_id_list"],
        user_share=0.5,
        protocol=None,
    )
    made = recbole_iacn.build("DIN_IaCN", "cut", config_dict=given)
    kept = sorted(f"u{user}" for user in range(40) if place(f"u{user}") < 0.5)
    assert [sorted(row[0] for row in part) for part in parts(made)] == [kept] * 3
