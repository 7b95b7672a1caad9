"""HistoryDataset yields what RecBole's sequential dataset yields, to the last value, without its copies."""

import numpy as np
import pytest
import torch

from recbole_iacn.errors import ConfigError


def make_config(model="SASRec", dataset="ml-100k", **changes):
    from recbole.config import Config

    base = {"train_neg_sample_args": None, "state": "ERROR"} if model == "SASRec" else {"state": "ERROR"}
    return Config(model=model, dataset=dataset, config_dict={**base, **changes})


def both(config):
    """RecBole's dataset and ours with the same settings."""
    from recbole.data.dataset import SequentialDataset

    from recbole_iacn.data.history import HistoryDataset

    return SequentialDataset(config), HistoryDataset(config)


def assert_same_rows(stock, ours):
    """Equal columns, types and values of two datasets' rows, and of a batch with its items' features."""
    rows = ours.inter_feat.gather()
    assert sorted(rows.columns) == sorted(ours.inter_feat.columns) == sorted(stock.inter_feat.columns)
    for name in stock.inter_feat:
        expected = stock.inter_feat[name]
        for found in (rows[name], ours.inter_feat[name]):
            assert found.dtype == expected.dtype and torch.equal(found, expected), name
    index = np.random.default_rng(0).integers(0, len(stock), size=17)
    expected, found = stock[index], ours[index]
    assert sorted(found.columns) == sorted(expected.columns)
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def write_rich(folder, rows=400):
    """Interactions in no order, with lists, numbers, empty cells, equal times; items and users with features."""
    rng = np.random.default_rng(1)
    target = folder / "rich"
    target.mkdir()
    lines = ["user_id:token\titem_id:token\ttimestamp:float\tprice:float\tdevice:token\ttags:token_seq"]
    for _ in range(rows):
        user, item, time = rng.integers(30), rng.integers(50), 1_400_000_000 + 500 * rng.integers(100)
        device = "" if rng.random() < 0.1 else f"d{rng.integers(3)}"
        tags = " ".join(f"t{tag}" for tag in rng.integers(0, 6, size=rng.integers(0, 4)))
        lines.append(
            f"u{user}\ti{item}\t{time}\t{float(rng.random() * 10.0 ** rng.integers(-3, 6))!r}\t{device}\t{tags}"
        )
    (target / "rich.inter").write_text("\n".join(lines) + "\n")
    items = [f"i{item}\t{'' if item % 5 == 0 else 'a b'}\t{item / 7!r}" for item in range(60)]
    (target / "rich.item").write_text("\n".join(["item_id:token\tkinds:token_seq\tweight:float", *items]) + "\n")
    users = [f"u{user}\t{user % 3 or ''}" for user in range(35)]
    (target / "rich.user").write_text("\n".join(["user_id:token\tage:token", *users]) + "\n")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("length", [3, 50])
@pytest.mark.parametrize(
    "split", [{"LS": "valid_and_test"}, {"LS": "test_only"}, {"RS": [0.8, 0.1, 0.1]}], ids=["LS", "test_only", "RS"]
)
def test_same_windows_as_recbole_on_ml_100k(split, length):
    """In ml-100k users have up to 737 films, many of them in the same second.

    Times become places, which RecBole's float32 can hold; in seconds it has 845 of the 943 users in a wrong order.
    """
    evaluation = {"split": split, "order": "TO", "group_by": "user", "mode": "full"}
    config = make_config(eval_args=evaluation, MAX_ITEM_LIST_LENGTH=length)
    stock, ours = both(config)
    for dataset in (stock, ours):
        dataset.inter_feat["timestamp"] = dataset.inter_feat["timestamp"].rank(method="dense")
    assert list(stock.field2id_token["item_id"]) == list(ours.field2id_token["item_id"])
    assert stock.field2token_id == ours.field2token_id
    parts, our_parts = stock.build(), ours.build()
    assert sum(map(len, parts)) == 100_000 - 943
    for part, ours_part in zip(parts, our_parts):
        if len(part):
            assert_same_rows(part, ours_part)
    assert (stock.inter_matrix("csr") != ours.inter_matrix("csr")).nnz == 0


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"user_inter_num_interval": "[8,inf)", "item_inter_num_interval": "[5,inf)"},
        {"item_inter_num_interval": "[1,inf)"},
        {"val_interval": {"timestamp": "[1400010000,1400040000]"}, "filter_inter_by_user_or_item": True},
        {"rm_dup_inter": "last"},
        {"eval_args": {"split": {"TS": [0.6, 0.2, 0.2]}, "order": "TO", "group_by": "user", "mode": "full"}},
        {"unused_col": {"inter": ["timestamp", "timestamp_list"]}, "seq_len": {"tags": 2}},
        {"numerical_features": ["price"], "discretization": {"price": {"method": "ED", "bucket": 4}}},
    ],
    ids=["plain", "k-core", "no unused items", "intervals", "duplicates", "by time", "unused", "numerical"],
)
def test_same_rows_as_recbole_on_data_with_everything(tmp_path, changes):
    columns = {
        "inter": ["user_id", "item_id", "timestamp", "price", "device", "tags"],
        "item": ["item_id", "kinds", "weight"],
        "user": ["user_id", "age"],
    }
    config = make_config(
        dataset="rich", data_path=str(write_rich(tmp_path)), load_col=columns, MAX_ITEM_LIST_LENGTH=4, **changes
    )
    stock, ours = both(config)
    assert stock.field2token_id == ours.field2token_id
    for part, ours_part in zip(stock.build(), ours.build()):
        assert_same_rows(part, ours_part)


@pytest.mark.parametrize("separator", ["\t", ",", "::"])
def test_tokens_of_every_kind_are_numbered_by_first_appearance(tmp_path, separator):
    """Long ones, accents, quotes, one that begins with another, and those that pandas reads as an empty cell."""
    folder = tmp_path / "odd"
    folder.mkdir()
    users = [
        "a" * 15,
        "a" * 16,
        "a" * 17,
        "a" * 40,
        "é" * 9,
        "日本",
        "01",
        "1",
        "1.0",
        "x y",
        '"qu',
        "NULL",
        "n/a",
        "-",
    ]
    lines = [f"user_id:token{separator}item_id:token{separator}timestamp:float"]
    for step in range(5):
        lines += [f"{user}{separator}{'b' * (3 * step + 1)}{separator}{step}" for user in users]
    lines.append(f"{separator}bbb{separator}9")
    (folder / "odd.inter").write_text("\n".join(lines) + "\n", encoding="utf-8")
    config = make_config(
        dataset="odd", data_path=str(tmp_path), load_col=None, field_separator=separator, MAX_ITEM_LIST_LENGTH=3
    )
    config.checked = True  # as in recbole_iacn.build: RecBole's own dataset reads files as they are written, too
    stock, ours = both(config)
    items = ["b" * (3 * step + 1) for step in range(5)]
    for dataset in (stock, ours):
        assert dict(dataset.field2token_id["user_id"]) == {user: n for n, user in enumerate(["[PAD]", *users])}
        assert dict(dataset.field2token_id["item_id"]) == {item: n for n, item in enumerate(["[PAD]", *items])}
    for part, ours_part in zip(stock.build(), ours.build()):
        assert_same_rows(part, ours_part)


def test_benchmark_files_are_concatenated_and_yield_the_same_rows(tmp_path):
    folder = tmp_path / "split"
    folder.mkdir()
    rng = np.random.default_rng(3)
    head = "user_id:token\titem_id:token\titem_id_list:token_seq\tprice_list:float_seq\tlabel:float"
    for part in ("train", "valid", "test"):
        lines = [head]
        for user in range(25):
            seen = [f"i{item}" for item in rng.integers(0, 20, size=rng.integers(1, 6))]
            prices = " ".join(f"{price:.2f}" for price in rng.random(len(seen)))
            lines.append(f"u{user}\ti{rng.integers(20)}\t{' '.join(seen)}\t{prices}\t{user % 2}")
        (folder / f"split.{part}.inter").write_text("\n".join(lines) + "\n")
    config = make_config(
        "DIN",
        "split",
        data_path=str(tmp_path),
        load_col={"inter": ["user_id", "item_id", "item_id_list", "price_list", "label"]},
        benchmark_filename=["train", "valid", "test"],
        alias_of_item_id=["item_id_list"],
        seq_len={"item_id_list": 4},
        train_neg_sample_args=None,
        eval_args={"split": {"LS": "valid_and_test"}, "order": "TO", "group_by": "user", "mode": "labeled"},
    )
    config.checked = True  # as in recbole_iacn.build: RecBole's own dataset keeps the newest entries, too
    stock, ours = both(config)
    for part, ours_part in zip(stock.build(), ours.build()):
        assert_same_rows(part, ours_part)
    values = ours.inter_feat.windows[0].columns["item_id_list"]
    assert len(values) - 1 == int(torch.minimum(ours.inter_feat["item_length"], torch.tensor(4)).sum())


def test_splits_share_one_table_and_batches_do_not(build):
    _, train, valid, test, _ = build("SASRec", history_dataset=True, train_neg_sample_args=None, **RANKING)
    tables = {part._dataset.inter_feat.values["item_id"].data_ptr() for part in (train, valid, test)}
    assert len(tables) == 1
    batch = train._dataset[[0, 1]]
    batch["item_id"].zero_(), batch["item_id_list"].zero_()
    assert (train._dataset[[0, 1]]["item_id"] > 0).all() and train._dataset[[0, 1]]["item_id_list"].any()


RANKING = {"metrics": ["NDCG"], "valid_metric": "NDCG@10", "topk": [10]}


@pytest.mark.slow
@pytest.mark.parametrize("model", ["SASRec", "GRU4Rec", "BERT4Rec", "FEARec"])
def test_recboles_models_train_to_the_same_figures(settings, model):
    """Same seed, same rows in the same order: the same run, whether histories are copied or windowed."""
    from recbole.quick_start import run_recbole

    changes = {
        "eval_args": {"split": {"LS": "valid_and_test"}, "order": "TO", "group_by": "user", "mode": "full"},
        "train_neg_sample_args": None,
        "hidden_size": 8,
        "inner_size": 16,
        **RANKING,
    }
    plain = run_recbole(model=model, dataset="tiny", config_dict=settings(**changes))
    windowed = run_recbole(model=model, dataset="tiny", config_dict=settings(history_dataset=True, **changes))
    assert plain == windowed


@pytest.mark.slow
def test_recboles_din_trains_to_the_same_figures_on_its_own_loaders(settings):
    from recbole.quick_start import run_recbole

    plain = run_recbole(model="DIN", dataset="tiny", config_dict=settings())
    assert run_recbole(model="DIN", dataset="tiny", config_dict=settings(history_dataset=True)) == plain


def test_dien_gets_a_negative_beside_each_item_of_a_history(build):
    _, train, _, test, model = build("DIEN", history_dataset=True, protocol="leave_one_out_ctr")
    for loader in (train, test):
        batch = next(iter(loader))
        batch = batch[0] if isinstance(batch, tuple) else batch
        history, negatives = batch["item_id_list"], batch["neg_item_id_list"]
        assert ((negatives > 0) == (history > 0)).all()
        assert (negatives != history)[history > 0].all()
    assert torch.isfinite(model.calculate_loss(next(iter(train))))
    # One negative per click: a longer history of the same user begins with the same ones.
    rows = train._dataset.inter_feat.gather()
    user = rows["user_id"] == 1
    longest = rows["item_length"][user].argmax()
    for own, length in zip(rows["neg_item_id_list"][user], rows["item_length"][user]):
        assert torch.equal(own[:length], rows["neg_item_id_list"][user][longest][:length])


def test_a_model_with_its_own_dataset_is_rejected(build):
    with pytest.raises(ConfigError, match="history_dataset: GRU4RecKG needs RecBole's own GRU4RecKGDataset"):
        in_time = {"eval_args": {"split": {"LS": "valid_and_test"}, "order": "TO", "mode": "full"}, "repeatable": True}
        build("GRU4RecKG", history_dataset=True, train_neg_sample_args=None, **in_time, **RANKING)


def test_without_the_setting_recbole_keeps_its_own_dataset(build):
    from recbole.data.dataset import SequentialDataset

    _, train, *_ = build("SASRec", train_neg_sample_args=None, **RANKING)
    assert type(train._dataset) is SequentialDataset
