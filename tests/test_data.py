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

    plain = recbole_iacn.run("DIN_IaCN", "tiny", config_dict=settings())
    for keep in ({"save_dataloaders": True}, {"save_dataset": True}):
        for _ in range(2):  # writes, then reads
            assert recbole_iacn.run("DIN_IaCN", "tiny", config_dict=settings(**keep)) == plain
    # what was saved for mode full must not serve mode off
    off = recbole_iacn.run("DIN_IaCN", "tiny", config_dict=settings(iacn_mode="off", checkpoint_dir="fresh"))
    assert recbole_iacn.run("DIN_IaCN", "tiny", config_dict=settings(iacn_mode="off")) == off
