"""Negatives, loaders, order in time: what the protocol promises, for our models and RecBole's."""

from pathlib import Path

import numpy as np
import pytest
import torch

from recbole_iacn.data.protocol import protocol_settings
from recbole_iacn.data.sampling import OwnItems
from recbole_iacn.errors import ConfigError

PROTOCOL = {"protocol": "leave_one_out_ctr"}


def file_rows(dataset):
    """The cells of every line of the file itself."""
    text = Path(dataset.dataset_path, f"{dataset.dataset_name}.inter").read_text()
    return [line.split("\t") for line in text.splitlines()[1:]]


def own_sets(dataset):
    """User -> all items."""
    own = {}
    for user, item, *_ in file_rows(dataset):
        own.setdefault(user, set()).add(item)
    return own


def rows(loader):
    """(user, item, label) of a whole pass, as tokens."""
    dataset = loader._dataset
    out = []
    for batch in loader:
        batch = batch[0] if isinstance(batch, tuple) else batch
        users = dataset.field2id_token["user_id"][batch["user_id"]]
        items = dataset.field2id_token["item_id"][batch["item_id"]]
        out += list(zip(users, items, batch["label"].tolist()))
    return out


def test_sampling_is_exact_uniform_and_decided_by_the_generator():
    own = OwnItems(np.array([1, 1, 1, 2]), np.array([1, 2, 3, 5]), n_items=7)
    users = np.repeat([1, 2], 30_000)
    drawn = own.sample_others(users, 1, np.random.default_rng(0))[:, 0]
    again = own.sample_others(users, 1, np.random.default_rng(0))[:, 0]
    assert (drawn == again).all()
    counts = np.bincount(drawn[:30_000], minlength=7)
    assert (counts[:4] == 0).all()
    assert abs(counts[4:] - 10_000).max() < 400  # 4 standard deviations
    assert set(drawn[30_000:]) == {1, 2, 3, 4, 6}


def test_sampling_by_popularity_draws_an_item_as_often_as_it_has_users():
    users, items = np.array([1, 2, 3, 1, 2, 3, 4, 1, 1]), np.array([1, 1, 1, 2, 2, 3, 3, 2, 4])
    own = OwnItems(users, items, n_items=9)  # users of items 1 to 4: 3, 2, 2, 1; nobody has 5 to 8
    drawn = own.sample_others(np.full(70_000, 4), 1, np.random.default_rng(0), "popularity")
    counts = np.bincount(drawn[:, 0], minlength=9)
    assert counts[3] == counts[5:].sum() == 0  # user 4's own, and what nobody has
    assert abs(counts[[1, 2, 4]] / 70_000 - np.array([3, 2, 1]) / 6).max() < 0.007  # 4 standard deviations
    with pytest.raises(ConfigError, match="all 2 items"):
        OwnItems(np.array([1, 1, 2]), np.array([1, 2, 1]), 9).sample_others(
            np.array([1]), 1, np.random.default_rng(0), "popularity"
        )


def test_a_user_who_has_everything_is_an_error():
    own = OwnItems(np.array([1, 1, 2]), np.array([1, 2, 1]), n_items=3)
    with pytest.raises(ConfigError, match="all 2 items"):
        own.sample_others(np.array([2, 1]), 1, np.random.default_rng(0))


@pytest.mark.parametrize("model", ["DIN_IaCN", "DIN", "SASRec", "WideDeep"])
def test_negatives_never_are_the_users_own_items(build, model):
    changes = {"train_neg_sample_args": ..., **PROTOCOL}
    if model == "SASRec":
        changes.update(loss_type="BPR", metrics=["NDCG"], valid_metric="NDCG@10")
    _, train, valid, test, _ = build(model, **changes)
    own = own_sets(train._dataset)
    for loader in (train, valid, test) if model != "SASRec" else (valid, test):
        for user, item, label in rows(loader):
            assert (item in own[user]) == bool(label)


def test_evaluation_negatives_stay_and_are_the_same_for_every_model(build):
    _, _, valid, test, _ = build()
    _, _, _, stock, _ = build("DIN", **PROTOCOL)
    _, _, _, other_seed, _ = build(seed=8)
    first = rows(test)
    assert rows(test) == first
    assert sorted(rows(stock)) == sorted(first)
    assert sorted(rows(other_seed)) != sorted(first)
    negatives = [item for _, item, label in first if not label]
    assert negatives != [item for _, item, label in rows(valid) if not label]


def test_training_negatives_depend_on_seed_and_epoch_alone(build):
    _, train, *_ = build()
    _, twin, *_ = build(train_batch_size=16, worker=2)
    first, second = rows(train), rows(train)
    assert sorted(first) != sorted(second)
    twin.set_epoch(1)
    assert sorted(rows(twin)) == sorted(second)
    train.set_epoch(0)
    assert rows(train) == first


def test_one_negative_per_positive_and_every_prefix_trains(build):
    _, train, valid, test, _ = build()
    users, events = 60, 9
    for loader, cases in ((train, users * (events - 3)), (valid, users), (test, users)):
        labels = [label for _, _, label in rows(loader)]
        assert labels.count(1.0) == labels.count(0.0) == cases
    lengths = torch.cat([batch["item_length"][batch["label"] == 1] for batch in train])
    assert torch.bincount(lengths)[1:].tolist() == [users] * 5 + [users]
    assert sum(len(batch) for batch in train) == 2 * users * (events - 3)


def test_batches_hold_as_many_rows_as_recbole_means(build):
    _, train, valid, _, _ = build(train_batch_size=64, eval_batch_size=32)
    assert len(next(iter(train))) == 64
    assert len(next(iter(valid))[0]) == 32


def test_last_item_tests_and_the_one_before_validates(build):
    _, _, valid, test, _ = build()
    last = {}
    for user, item, time, _ in file_rows(test._dataset):
        last.setdefault(user, []).append((int(time), item))
    for loader, place in ((valid, -2), (test, -1)):
        for user, item, label in rows(loader):
            if label:
                assert item == sorted(last[user])[place][1]


def test_order_is_that_of_the_file_and_not_of_rounded_times(build, tmp_path):
    """Unix times a second apart are equal in float32; the file lists them backwards."""
    folder = tmp_path / "seconds"
    folder.mkdir()
    lines = ["user_id:token\titem_id:token\ttimestamp:float"]
    for user in range(30):
        lines += [f"u{user}\ti{(user + step) % 20}\t{1_400_000_000 + step}" for step in reversed(range(6))]
    (folder / "seconds.inter").write_text("\n".join(lines) + "\n")
    load = {"inter": ["user_id", "item_id", "timestamp"]}
    for model in ("DIN_IaCN", "DIN"):
        _, _, _, test, _ = build(model, "seconds", data_path=str(tmp_path), load_col=load, **PROTOCOL)
        for user, item, label in rows(test):
            if label:
                assert item == f"i{(int(user[1:]) + 5) % 20}"


def test_without_a_protocol_recbole_keeps_its_own_loaders(build):
    from recbole.data.dataloader import NegSampleEvalDataLoader, TrainDataLoader

    _, train, valid, _, _ = build("DIN", eval_args={"split": {"LS": "valid_and_test"}, "order": "TO", "mode": "uni1"})
    assert type(train) is TrainDataLoader and type(valid) is NegSampleEvalDataLoader


def test_din_electronics_is_leave_one_out_with_ten_items(build):
    config, train, *_ = build("DIN", protocol="din_electronics", MAX_ITEM_LIST_LENGTH=...)
    _, same, *_ = build("DIN", protocol="leave_one_out_ctr", MAX_ITEM_LIST_LENGTH=10)
    assert config["MAX_ITEM_LIST_LENGTH"] == 10
    assert rows(train) == rows(same)


@pytest.mark.parametrize("model", ["DIN", "DIN_IaCN", "WideDeep_IaCN"])
def test_dien_books_takes_each_users_last_item_and_splits_by_users(build, model):
    _, *loaders, _ = build(model, protocol="dien_books", MAX_ITEM_LIST_LENGTH=...)
    own, last = own_sets(loaders[0]._dataset), {}
    for user, item, time, _ in file_rows(loaders[0]._dataset):
        last[user] = max(last.get(user, (0, "")), (int(time), item))
    found = [rows(loader) for loader in loaders]
    users = [{user for user, _, _ in part} for part in found]
    assert [len(part) for part in users] == [49, 5, 6] and len(set.union(*users)) == 60
    for user, item, label in (row for part in found for row in part):
        assert item == last[user][1] if label else item not in own[user]
    # another seed splits otherwise; the same one does not
    again, other = (build(model, protocol="dien_books", MAX_ITEM_LIST_LENGTH=..., seed=seed)[3] for seed in (7, 8))
    assert rows(again) == found[2] and {user for user, _, _ in rows(other)} != users[2]


def test_dien_books_draws_negatives_by_popularity(build, tmp_path):
    """One item that half of the users have: the other half gets it as a negative about as often as its share says."""
    folder = tmp_path / "popular"
    folder.mkdir()
    lines = ["user_id:token\titem_id:token\ttimestamp:float"]
    for user in range(400):
        items = ["hit" if user % 2 else f"x{user}", f"y{user}", f"z{user}"]
        lines += [f"u{user}\t{item}\t{step}" for step, item in enumerate(items)]
    (folder / "popular.inter").write_text("\n".join(lines) + "\n")
    load = {"inter": ["user_id", "item_id", "timestamp"]}
    changes = {"data_path": str(tmp_path), "load_col": load, "protocol": "dien_books", "MAX_ITEM_LIST_LENGTH": ...}
    _, train, *_ = build("DIN", "popular", **changes)
    drawn = [item for _ in range(20) for user, item, label in rows(train) if not label and int(user[1:]) % 2 == 0]
    # 200 of 1,200 clicks are on the hit; of the other clicks three are the user's own and are drawn again.
    assert abs(drawn.count("hit") / len(drawn) - 200 / 1197) < 0.03


def test_a_model_without_a_history_cannot_follow_dien_books(build):
    with pytest.raises(ConfigError, match="WideDeep_IaCN with iacn_mode: off is WideDeep with one"):
        build("WideDeep", protocol="dien_books", MAX_ITEM_LIST_LENGTH=...)


@pytest.mark.parametrize(
    "model, changes, message",
    [
        ("DIN", {"test_negatives_file": "x"}, "test_negatives_file: only a protocol draws fixed negatives"),
        ("DIN_IaCN", {"valid_negatives_file": "absent"}, "valid_negatives_file: absent: No such file"),
        ("DIN", {"history_dataset": "maybe"}, "history_dataset: must be True or False, got 'maybe'"),
        ("DIN_IaCN", {"history_dataset": False}, "history_dataset: DIN_IaCN always reads histories so"),
        ("WideDeep", {"history_dataset": True}, "history_dataset: WideDeep reads no histories"),
    ],
)
def test_wrong_data_settings_are_told_before_any_data_are_read(build, monkeypatch, model, changes, message):
    from recbole.data.dataset import Dataset

    monkeypatch.setattr(Dataset, "_load_data", lambda *args: pytest.fail("data were read"))
    with pytest.raises(ConfigError, match=message):
        build(model, **changes)


@pytest.mark.parametrize("users, protocol", [(1, "dien_books"), (2, "dien_books"), (0, "leave_one_out_ctr")])
def test_too_few_histories_are_an_error(build, tmp_path, users, protocol):
    """So many users with three interactions, five with one; RecBole gives each part one of three rows, not of fewer."""
    folder = tmp_path / "few"
    folder.mkdir()
    lines = [f"u{user}\ti{step}\t{step}" for user in range(users) for step in range(3)]
    lines += [f"v{user}\ti{user}\t1" for user in range(5)]
    (folder / "few.inter").write_text("\n".join(["user_id:token\titem_id:token\ttimestamp:float", *lines]) + "\n")
    load = {"inter": ["user_id", "item_id", "timestamp"]}
    changes = {"data_path": str(tmp_path), "load_col": load, "protocol": protocol, "MAX_ITEM_LIST_LENGTH": ...}
    with pytest.raises(ConfigError, match="too few" if users else "no user has two interactions"):
        build("DIN", "few", **changes)


def write_negatives(path, dataset, change=lambda user, item: f"{user}\t{item}"):
    """For each user the first item that is not their own; ``change`` may spoil a line."""
    own = own_sets(dataset)
    lines = [change(user, min({f"i{item}" for item in range(40)} - own[user])) for user in own]
    path.write_text("\n".join(["user_id:token\titem_id_list:token_seq", *lines]) + "\n")


def test_evaluation_negatives_may_come_from_a_file(build, tmp_path):
    _, train, *_ = build()
    write_negatives(tmp_path / "mine", train._dataset)
    _, _, valid, test, _ = build(test_negatives_file=str(tmp_path / "mine"))
    own = own_sets(train._dataset)
    everything = {f"i{item}" for item in range(40)}
    assert all(item == min(everything - own[user]) for user, item, label in rows(test) if not label)
    assert any(item != min(everything - own[user]) for user, item, label in rows(valid) if not label)


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda user, item: f"{user}x\t{item}", "line 2: 'u0x' is not in the data"),
        (lambda user, item: f"{user}\t{item}{'?' if user == 'u3' else ''}", r"line 5: 'i\d+\?' is not in the data"),
        (lambda user, item: f"{user}\t{item} {item}", "line 2: 2 items, but each positive needs 1"),
        (lambda user, item: user, "line 2: 0 items"),
    ],
)
def test_a_wrong_line_of_negatives_is_named(build, tmp_path, change, message):
    _, train, *_ = build()
    write_negatives(tmp_path / "mine", train._dataset, change)
    with pytest.raises(ConfigError, match=f"mine, {message}"):
        build(valid_negatives_file=str(tmp_path / "mine"))


def test_own_items_and_absent_users_among_given_negatives_are_errors(build, tmp_path):
    _, train, *_ = build()
    own = own_sets(train._dataset)
    write_negatives(tmp_path / "own", train._dataset, lambda user, item: f"{user}\t{min(own[user])}")
    with pytest.raises(ConfigError, match=r"own, line 2: 'i\d+' is an item of 'u0' itself"):
        build(test_negatives_file=str(tmp_path / "own"))
    head = "user_id:token\titem_id_list:token_seq\n"
    (tmp_path / "empty").write_text(head)
    with pytest.raises(ConfigError, match="no line for 60 evaluated user"):
        build(test_negatives_file=str(tmp_path / "empty"))
    (tmp_path / "head").write_text("user\titems\n")
    with pytest.raises(ConfigError, match="line 1: must be 'user_id:token"):
        build(test_negatives_file=str(tmp_path / "head"))
    with pytest.raises(ConfigError, match="No such file"):
        build(test_negatives_file=str(tmp_path / "absent"))


@pytest.mark.parametrize("features", ["all", ["categories"]])
def test_auxiliary_columns_repeat_their_originals(build, features):
    _, train, *_ = build(iacn_item_features=features)
    items = train._dataset.get_item_feature()
    assert torch.equal(items["item_id_auxiliary"], items["item_id"])
    assert torch.equal(items["categories_auxiliary"], items["categories"])
    assert train._dataset.num("categories_auxiliary") == train._dataset.num("categories")
    _, alone, *_ = build(iacn_item_features=[])
    assert [name for name in alone._dataset.get_item_feature() if name.endswith("_auxiliary")] == ["item_id_auxiliary"]


def test_data_without_an_item_table_work(build):
    *_, train, _, _, model = build(load_col={"inter": ["user_id", "item_id", "timestamp"]})
    assert torch.isfinite(sum(model.calculate_loss(next(iter(train)))))


def test_a_protocol_fills_in_and_refuses_contradiction():
    assert protocol_settings(None, {"eval_args": {}}) == {}
    settings = protocol_settings("leave_one_out_ctr", {"eval_args": {"order": "TO"}})
    assert settings["eval_args"]["mode"] == {"valid": "uni1", "test": "uni1"}
    with pytest.raises(ConfigError, match="eval_args: protocol 'leave_one_out_ctr' fixes it"):
        protocol_settings("leave_one_out_ctr", {"eval_args": {"order": "RO"}})
    with pytest.raises(ConfigError, match="Did you mean 'leave_one_out_ctr'"):
        protocol_settings("leave_one_out_crt", {})


def test_benchmark_files_with_labels_and_histories_work(build, tmp_path):
    """Pre-split rows: histories, lengths and labels come from the files as they are."""
    folder = tmp_path / "split"
    folder.mkdir()
    head = "user_id:token\titem_id:token\titem_id_list:token_seq\tlabel:float\n"
    for part in ("train", "valid", "test"):
        body = "".join(f"u{u}\ti{u % 5}\ti1 i{u % 4} i2\t1\nu{u}\ti{(u + 2) % 5}\ti3\t0\n" for u in range(8))
        (folder / f"split.{part}.inter").write_text(head + body)
    _, train, _, _, model = build(
        dataset="split",
        data_path=str(tmp_path),
        load_col={"inter": ["user_id", "item_id", "item_id_list", "label"]},
        benchmark_filename=["train", "valid", "test"],
        alias_of_item_id=["item_id_list"],
        protocol=None,
        train_neg_sample_args=None,
        eval_args={"split": {"LS": "valid_and_test"}, "order": "TO", "group_by": "user", "mode": "labeled"},
        MAX_ITEM_LIST_LENGTH=3,
    )
    batch = next(iter(train))
    assert sorted(set(batch["item_length"].tolist())) == [1, 3]
    main, auxiliary = model.calculate_loss(batch)
    assert torch.isfinite(main) and auxiliary > 0


def test_saved_loaders_and_data_sets_give_the_same_run(settings):
    import recbole_iacn

    def figures(**changes):
        result = recbole_iacn.run("DIN_IaCN", "tiny", config_dict=settings(**changes))
        return {key: result[key] for key in ("best_valid_score", "best_valid_result", "test_result")}

    plain = figures()
    for keep in ({"save_dataloaders": True}, {"save_dataset": True}):
        for _ in range(2):  # writes, then reads
            assert figures(**keep) == plain
    # what was saved for mode full must not serve mode off
    assert figures(iacn_mode="off") == figures(iacn_mode="off", checkpoint_dir="fresh")
