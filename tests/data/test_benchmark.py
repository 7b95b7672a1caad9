"""Benchmark files: what the model reads is what the files say, whatever the columns are called."""

import logging

import numpy as np
import pandas as pd
import pytest

import recbole_iacn
from recbole_iacn.errors import ConfigError

FULL = {
    "protocol": None,
    "eval_args": {"split": {"LS": "valid_and_test"}, "order": "TO", "group_by": "user", "mode": "full"},
    "metrics": ["Hit"],
    "valid_metric": "Hit@5",
    "topk": [5],
    "benchmark_filename": ["train", "valid", "test"],
}
STOCK = {"loss_type": "BPR", "mlp_hidden_size": ...}
MODELS = {
    "DIN_IaCN": {},
    "WideDeep_IaCN": {},
    "MIND": {"mlp_hidden_size": ...},
    "SASRec": STOCK,
    "GRU4Rec": {**STOCK, "history_dataset": True},
}


@pytest.fixture
def parts(tmp_path):
    """Writes the parts, with histories of up to 30 items; returns their tables."""

    def write(item="item_id", names=("train", "valid", "test"), times=None):
        folder = tmp_path / "files" / "shop"
        folder.mkdir(parents=True)
        random = np.random.default_rng(5)
        tables = []
        for name in names:
            histories = [random.integers(0, 40, size=size) for size in random.integers(1, 31, size=25)]
            table = pd.DataFrame(
                {
                    "user_id:token": [f"u{user}" for user in range(25)],
                    f"{item}_list:token_seq": [" ".join(f"i{one}" for one in history) for history in histories],
                    f"{item}:token": [f"i{one}" for one in random.integers(0, 40, size=25)],
                    "shelf_list:token_seq": [" ".join(f"s{one % 7}" for one in history) for history in histories],
                    "shelf:token": [f"s{one}" for one in random.integers(0, 7, size=25)],
                }
            )
            if times is not None:
                table["timestamp:float"] = times(len(tables), 25)
            table.to_csv(folder / f"shop.{name}.inter", sep="\t", index=False)
            tables.append(table)
        return tables

    return write


@pytest.fixture
def build(tmp_path, settings):
    def make(model, **changes):
        given = {**FULL, "load_col": None, "data_path": str(tmp_path / "files"), **MODELS.get(model, {}), **changes}
        return recbole_iacn.build(model, "shop", config_dict=settings(**given))

    return make


def words(dataset, field, column):
    """A column of lists, in the tokens of ``field``."""
    tokens = dataset.field2id_token[field]
    return [[str(tokens[one]) for one in row if one] for row in column.tolist()]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("item", ["item_id", "p"])
def test_histories_are_those_of_the_files(parts, build, model, item):
    tables = parts(item)
    training = build(model, ITEM_ID_FIELD=item, MAX_ITEM_LIST_LENGTH=30)
    for table, loader in zip(tables, (training.train_data, training.valid_data, training.test_data)):
        dataset = loader._dataset
        rows, told = dataset.inter_feat, table[f"{item}_list:token_seq"].str.split()
        assert words(dataset, item, rows[f"{item}_list"]) == told.tolist()
        assert words(dataset, item, rows[item][:, None]) == table[f"{item}:token"].str.split().tolist()
        assert words(dataset, "shelf", rows["shelf_list"]) == table["shelf_list:token_seq"].str.split().tolist()
        assert rows["item_length"].tolist() == told.str.len().tolist()
    named = build(model, ITEM_ID_FIELD=item, MAX_ITEM_LIST_LENGTH=30, alias_of_item_id=[f"{item}_list"])
    assert named.dataset.field2token_id[item] == training.dataset.field2token_id[item]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("limits", [(7, None), (30, 7), (7, 30)])
def test_long_histories_keep_the_newest(parts, build, model, limits):
    length, of_list = limits
    _, _, table = parts()
    given = {"seq_len": {"item_id_list": of_list, "shelf_list": 30}} if of_list else {}
    training = build(model, MAX_ITEM_LIST_LENGTH=length, **given)
    dataset = training.test_data._dataset
    for field in ("item_id", "shelf"):
        told = table[f"{field}_list:token_seq"].str.split().str[-7:].tolist()
        assert max(map(len, told)) == 7
        assert words(dataset, field, dataset.inter_feat[f"{field}_list"]) == told
    assert dataset.inter_feat["item_length"].tolist() == list(map(len, told))
    # Every item of the files is in the catalogue, also those that stand in no history's newest entries.
    assert set(dataset.field2id_token["item_id"][1:]) == {f"i{one}" for one in range(40)}


@pytest.mark.parametrize("model", MODELS)
def test_two_parts_have_an_empty_validation_and_train_all_epochs(parts, build, model):
    train, test = parts(names=("train", "test"))
    training = build(model, benchmark_filename=["train", "test"], epochs=3, stopping_step=1, MAX_ITEM_LIST_LENGTH=6)
    assert len(training.valid_data) == 0 and len(training.valid_data._dataset) == 0
    assert len(training.train_data._dataset) == len(train) and len(training.test_data._dataset) == len(test)
    training.fit()
    assert len(training.trainer.train_loss_dict) == 3
    assert set(training.test()) == {"hit@5"}


def test_a_general_model_needs_no_histories(tmp_path, settings):
    folder = tmp_path / "shop"
    folder.mkdir()
    for name in ("train", "test"):
        rows = "".join(f"u{row % 9}\ti{row * row % 11}\n" for row in range(30))
        (folder / f"shop.{name}.inter").write_text("user_id:token\titem_id:token\n" + rows)
    given = {**FULL, "data_path": str(tmp_path), "load_col": None, "benchmark_filename": ["train", "test"]}
    training = recbole_iacn.build("BPR", "shop", config_dict=settings(**given, mlp_hidden_size=...))
    assert [len(part._dataset) for part in (training.train_data, training.valid_data, training.test_data)] == [
        30,
        0,
        30,
    ]


@pytest.mark.parametrize("model", ["DIN_IaCN", "SASRec"])
def test_times_in_text_are_read_in_every_part(parts, build, model, caplog):
    tables = parts(times=lambda part, count: [f"2024-0{part + 1}-{row + 1:02d}T12:00:00Z" for row in range(count)])
    with caplog.at_level(logging.WARNING):
        training = build(model, MAX_ITEM_LIST_LENGTH=6)
    said = [record.message for record in caplog.records if record.message.startswith("timestamp: ")]
    assert said == [
        "timestamp: the text was read as times, 2024-01-01 12:00:00 to 2024-03-25 12:00:00 (UTC, also where no offset "
        "is written)"
    ]
    right = pd.concat(tables)["timestamp:float"].map(lambda text: pd.Timestamp(text).timestamp())
    found = training.dataset.inter_feat["timestamp"]
    np.testing.assert_array_equal(found.numpy(), right.to_numpy(np.float32))


@pytest.mark.parametrize("model", ["DIN_IaCN", "SASRec"])
def test_what_cannot_be_a_benchmark_is_named(parts, build, model, tmp_path):
    parts(times=lambda part, count: [["2024-01-01", "5"][part % 2]] * count)
    with pytest.raises(
        ConfigError, match=r"benchmark_filename: 'timestamp' .TIME_FIELD. has numbers in one part and text"
    ):
        build(model)
    with pytest.raises(ConfigError, match=r"benchmark_filename: must be three parts, .*, or two, .*, got \['train'\]"):
        build(model, benchmark_filename=["train"])
    path = tmp_path / "files" / "shop" / "shop.test.inter"
    text = path.read_text()
    path.write_text(text.replace("shelf:token", "shelf:float"))
    with pytest.raises(ConfigError, match=r"shop\.test\.inter, line 1: 'shelf' is of type float, and of type token in"):
        build(model)
    path.write_text(text.replace("shelf:token", "rack:token"))
    with pytest.raises(
        ConfigError, match=r"shop\.test\.inter, line 1: 'shelf' is missing, and of type token in shop\.train"
    ):
        build(model)
    path.write_text(text.replace("\nu3\t", "\n\t").replace("2024-01-01", "5"))
    with pytest.raises(ConfigError, match=r"shop\.test\.inter, line 5: user_id: the cell is empty; write it, or leave"):
        build(model)


@pytest.mark.parametrize("model", ["SASRec", "GRU4Rec", "DIN", "MIND", "DIN_IaCN"])
@pytest.mark.parametrize("part", ["train", "test"])
def test_a_history_may_be_empty(parts, build, model, part, tmp_path):
    """RecBole's models that take the state at its last place read one padding item: index -1 is out of bounds."""
    parts()
    with open(tmp_path / "files" / "shop" / f"shop.{part}.inter", "a") as file:
        file.write("u3\t\ti5\t\ts1\n")
    training = build(model, epochs=1)
    data = {"train": training.train_data, "test": training.test_data}[part]._dataset.inter_feat
    empty = (data["item_id_list"] == 0).all(dim=1)
    assert empty.sum() == 1 and data["item_length"][empty].item() == (model in ("SASRec", "GRU4Rec"))
    training.fit(verbose=False)
    assert 0 <= training.test()["hit@5"] <= 1


def test_diens_negatives_are_needed(parts, build):
    parts()
    with pytest.raises(ConfigError, match=r"shop\.train\.inter: no column 'neg_item_id_list' \(.*take DIEN_IaCN"):
        build("DIEN")


def test_diens_negatives_have_the_numbers_of_the_items(parts, build, tmp_path):
    tables = parts()
    for name, table in zip(("train", "valid", "test"), tables):
        table["neg_item_id_list:token_seq"] = table["item_id_list:token_seq"].str.replace("1", "2")
        table.to_csv(tmp_path / "files" / "shop" / f"shop.{name}.inter", sep="\t", index=False)
    training = build("DIEN", MAX_ITEM_LIST_LENGTH=30)
    rows = training.train_data._dataset.inter_feat
    right = [cell.split() for cell in tables[0]["neg_item_id_list:token_seq"]]
    assert words(training.dataset, "item_id", rows["neg_item_id_list"]) == right
