"""Datasets read their files as they are written: ours, and RecBole's own in a run of build or under a protocol."""

import logging

import numpy as np
import pandas as pd
import pytest

import recbole_iacn
from recbole_iacn.errors import ConfigError

RANKING = {"metrics": ["Hit"], "valid_metric": "Hit@5", "topk": [5], "mlp_hidden_size": ...}
MODELS = {
    "DIN_IaCN": {},
    "TiSASRec": RANKING,
    "SASRec": {**RANKING, "loss_type": "BPR"},
    "BPR": RANKING,
    "WideDeep": {"protocol": "leave_one_out_ctr"},
}


@pytest.fixture
def shop(tmp_path, settings):
    """Builds a model on files that are given as columns; the settings load all of them."""
    folder = tmp_path / "files" / "shop"
    folder.mkdir(parents=True)

    def write(suffix, columns):
        rows = zip(*(map(str, values) for values in columns.values()))
        lines = ["\t".join(columns), *("\t".join(row) for row in rows)]
        (folder / f"shop.{suffix}").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def make(model="DIN_IaCN", inter=None, item=None, **changes):
        columns = {"inter": inter, "item": item}
        given = {suffix: table for suffix, table in columns.items() if table is not None}
        for suffix, table in given.items():
            write(suffix, table)
        load = {suffix: [name.partition(":")[0] for name in table] for suffix, table in given.items()}
        more = {"data_path": str(folder.parent), "load_col": load, **MODELS[model], **changes}
        return recbole_iacn.build(model, "shop", config_dict=settings(**more))

    return make


def clicks(users=12, events=5, seed=0):
    """Interactions in random order, each at a time of its own."""
    random = np.random.default_rng(seed)
    count = users * events
    return {
        "user_id:token": [f"u{row % users}" for row in range(count)],
        "item_id:token": [f"i{item}" for item in random.integers(0, 20, size=count)],
        "timestamp:float": 1_600_000_000 + random.permutation(count),
    }


def last_items(columns):
    """Each user's last item, by pandas."""
    table = pd.DataFrame({name.partition(":")[0]: values for name, values in columns.items()})
    return table.sort_values("timestamp").groupby("user_id")["item_id"].last().to_dict()


def items_of_the_test(training):
    dataset, rows = training.dataset, training.test_data._dataset.inter_feat
    users, items = (dataset.field2id_token[name] for name in ("user_id", "item_id"))
    return {
        str(users[user]): str(items[item]) for user, item in zip(rows["user_id"].tolist(), rows["item_id"].tolist())
    }


@pytest.mark.parametrize("model", MODELS)
def test_marks_and_words_are_ids(shop, model):
    columns = clicks()
    odd = dict(zip(["u0", "u1", "u2", "u3"], ['"u0', "NA", "null", "nan"]))
    columns["user_id:token"] = [odd.get(user, user) for user in columns["user_id:token"]]
    columns["item_id:token"] = ['i"' if item == "i3" else item for item in columns["item_id:token"]]
    titles = ['"Game', *("Game" for _ in range(18)), 'Game"']  # one opens, another closes
    item = {
        "item_id:token": ['i"' if n == 3 else f"i{n}" for n in range(20)],
        "title:token": titles,
        "kind:token": "ab" * 10,
    }
    dataset = shop(
        model, columns, item, load_col={"inter": ["user_id", "item_id", "timestamp"], "item": ["item_id", "kind"]}
    ).dataset
    assert set(dataset.field2id_token["user_id"][1:]) == set(columns["user_id:token"])
    assert set(dataset.field2id_token["item_id"][1:]) == set(item["item_id:token"])


@pytest.mark.parametrize("model", ["DIN_IaCN", "TiSASRec", "SASRec"])
@pytest.mark.parametrize("spelling", ["day", "seconds", "offsets", "nanoseconds"])
def test_the_last_item_by_time_tests(shop, model, spelling, caplog):
    columns = clicks()
    order = columns["timestamp:float"] - 1_600_000_000
    stamps = pd.to_datetime(1_600_000_000 + order, unit="s")
    zones = pd.Series(stamps).dt.tz_localize("UTC")
    columns["timestamp:float"] = {
        "day": [f"{pd.Timestamp('2020-01-01') + pd.Timedelta(days=int(place)):%Y-%m-%d}" for place in order],
        "seconds": [f"{stamp:%Y-%m-%d %H:%M:%S}" for stamp in stamps],
        "offsets": [zone.tz_convert(f"{'+-'[row % 2]}0{row % 9}:30").isoformat() for row, zone in enumerate(zones)],
        "nanoseconds": 1_600_000_000_000_000_000 + order,
    }[spelling]
    right = last_items({**columns, "timestamp": order})
    under = {"protocol": "leave_one_out_full"} if model == "SASRec" else {}
    with caplog.at_level(logging.WARNING):
        training = shop(model, columns, **under)
    said = [record.message for record in caplog.records if record.message.startswith("timestamp: ")]
    assert len(said) == 1
    assert (
        "as nanoseconds they make sense" if spelling == "nanoseconds" else "the text was read as times, 2020-"
    ) in said[0]
    assert items_of_the_test(training) == right


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    ("kind", "time", "message"),
    [
        ("float", "", r"shop\.inter, line 5: timestamp: the cell is empty"),
        ("float", "soon", r"shop\.inter, line 5: timestamp: 'soon' is not a time"),
        (
            "token",
            "5",
            r"shop\.inter, line 1: 'timestamp' \(TIME_FIELD\) is of type token, .* type it float: timestamp:float",
        ),
        ("float_seq", "5", r"shop\.inter, line 1: 'timestamp' \(TIME_FIELD\) is of type float_seq"),
    ],
)
def test_what_is_no_time_is_named(shop, model, kind, time, message):
    columns = clicks()
    times = list(columns.pop("timestamp:float"))
    times[3] = time
    with pytest.raises(ConfigError, match=message):
        shop(model, {**columns, f"timestamp:{kind}": times})


def test_recboles_models_under_a_protocol_without_build(shop, tmp_path):
    from recbole.config import Config
    from recbole.data import create_dataset

    columns = clicks()
    shop("DIN_IaCN", columns)
    path = tmp_path / "files" / "shop" / "shop.inter"
    path.write_text(path.read_text().replace("timestamp:float", "timestamp:token"))
    base = {"data_path": str(path.parents[1]), "load_col": None, "state": "ERROR"}
    config = Config(model="DIN", dataset="shop", config_dict={**base, "protocol": "leave_one_out_ctr"})
    with pytest.raises(ConfigError, match=r"shop\.inter, line 1: 'timestamp' \(TIME_FIELD\) is of type token"):
        create_dataset(config)
    path.write_text(path.read_text().replace("timestamp:token", "timestamp"))
    with pytest.raises(ConfigError, match=r"shop\.inter, line 1: 'timestamp' is not 'field:type'"):
        create_dataset(config)


def test_lines_about_an_item_that_has_one_are_counted(shop, caplog):
    item = {"item_id:token": [f"i{n % 20}" for n in range(23)], "kind:token": ["a"] * 20 + ["b"] * 3}
    with caplog.at_level(logging.WARNING):
        dataset = shop("DIN_IaCN", clicks(), item).dataset
    message = (
        "shop.item: 3 of 23 lines repeat the item_id of an earlier line, and are not read; the first is line 22 ('i0')"
    )
    assert any(message in record.message for record in caplog.records)
    assert list(dataset.field2id_token["kind"]) == ["[PAD]", "a"]


@pytest.mark.parametrize("model", ["DIN_IaCN", "SASRec"])
def test_a_file_without_rows_is_one_line(shop, model):
    with pytest.raises(ConfigError, match=r"shop\.item: has a header and no rows"):
        shop(model, clicks(), {"item_id:token": [], "kind:token": []})
    with pytest.raises(ConfigError, match=r"shop\.inter: has a header and no rows"):
        shop(model, {name: [] for name in clicks()})


def test_a_number_in_a_feature_is_named(shop):
    item = {"item_id:token": [f"i{n}" for n in range(20)], "price:float": ["1.5"] * 19 + ["NA"]}
    with pytest.raises(ConfigError, match=r"shop\.item, line 21: price: 'NA' is not a finite number"):
        shop("DIN_IaCN", clicks(), item)
