"""Where settings come from: YAML files, the command line, and the file that lies beside a dataset."""

from pathlib import Path

import pytest

from recbole_iacn.errors import ConfigError
from recbole_iacn.settings.sources import dataset_yaml, naming_file, read_config_file, values_of, with_dataset_yaml


def test_an_interval_stays_text():
    """As a literal, '[5,10]' is a list."""
    given = {"user_inter_num_interval": "[5,10]", "item_inter_num_interval": "(5,10)", "topk": "[5,10]"}
    assert values_of(given) == {**given, "topk": [5, 10]}
    assert values_of({"user_inter_num_interval": "None", "entity_kg_num_interval": "5"}) == {
        "user_inter_num_interval": None,
        "entity_kg_num_interval": "5",
    }


def test_a_tilde_is_none_as_messages_say_but_for_a_separator():
    given = {"loss": "~", "train_neg_sample_args": "~", "seq_separator": "~", "field_separator": "~", "topk": "~1"}
    assert values_of(given) == {**given, "loss": None, "train_neg_sample_args": None}


@pytest.fixture
def shop():
    """Settings beside the data of shop, in two folders of datasets."""
    for folder in ("dataset", "elsewhere"):
        Path(folder, "shop").mkdir(parents=True)
        Path(folder, "shop", "shop.yaml").write_text("epochs: 3\n")
    return Path("dataset", "shop", "shop.yaml")


def test_the_file_beside_the_data_is_found(shop):
    assert dataset_yaml("dataset", "shop") == shop
    assert dataset_yaml("dataset", "shops") is None and dataset_yaml("dataset", "../dataset/shop") is None


def test_a_dataset_that_recbole_contains_has_none():
    """RecBole reads it from its own folder, whatever data_path is."""
    Path("dataset", "ml-100k").mkdir(parents=True)
    Path("dataset", "ml-100k", "ml-100k.yaml").write_text("epochs: 3\n")
    assert dataset_yaml("dataset", "ml-100k") is None


def test_the_file_beside_the_data_ranks_lowest_and_is_read_once(shop):
    Path("mine.yaml").write_text("learning_rate: 0.1\n")
    Path("moved.yaml").write_text("data_path: elsewhere\n")
    assert with_dataset_yaml("shop", ["mine.yaml"]) == ["dataset/shop/shop.yaml", "mine.yaml"]
    assert with_dataset_yaml("shop", ["mine.yaml", "./dataset/shop/shop.yaml"])[0] == "mine.yaml"
    assert with_dataset_yaml("shop", ["moved.yaml"]) == ["elsewhere/shop/shop.yaml", "moved.yaml"]
    assert with_dataset_yaml("shop", ["moved.yaml"], "dataset")[0] == "dataset/shop/shop.yaml"
    assert with_dataset_yaml("shop", [], "nowhere") == []


def test_an_error_names_the_file_that_set_the_key(shop):
    Path("mine.yaml").write_text("learning_rate: 0.1\n")
    files = [str(shop), "mine.yaml"]
    error = ConfigError("epochs: must be an integer")
    assert str(naming_file(error, files)) == "epochs: must be an integer (epochs is set in dataset/shop/shop.yaml)"
    assert naming_file(error, files, {"epochs": 1}) is error
    assert naming_file(ConfigError("seed: wrong"), files).args == ("seed: wrong",)
    of_a_part = ConfigError("epochs.part: wrong, see dataset/shop/shop.yaml")
    assert naming_file(of_a_part, files) is of_a_part
    lost = ConfigError("config file none.yaml: not found")
    assert naming_file(lost, [*files, "none.yaml"]) is lost


DEEP = "[" * 20_000 + "]" * 20_000
BOMB = "a: &a [1,1,1,1,1,1,1,1]\n" + "".join(
    f"{name}: &{name} [*{below},*{below},*{below},*{below},*{below},*{below},*{below},*{below}]\n"
    for below, name in zip("abcdefghijklmnop", "bcdefghijklmnopq")
)


@pytest.mark.parametrize(
    "text, message",
    [
        ("epochs: 1\nepochs: 2\n", "the key 'epochs' stands there twice; leave one of them out .*line 2"),
        ("eval_args: {order: TO, order: RO}\n", "the key 'order' stands there twice"),
        (f"topk: {DEEP}\n", "is nested too deeply"),
        ("topk: &a [*a]\n", "is nested too deeply, or refers to itself by an alias"),
        (BOMB, r"has more than 100,000 values, its aliases \(\*\) written out"),
        ("seed: 2020-13-45\n", "month must be in 1..12"),
    ],
    ids=["twice", "twice within", "deep", "itself", "aliases", "date"],
)
def test_a_file_that_is_no_settings_is_one_line(text, message):
    Path("mine.yaml").write_text(text)
    with pytest.raises(ConfigError, match=f"^config file mine.yaml: .*{message}"):
        read_config_file("mine.yaml")


def test_aliases_and_a_merge_key_may_be_used():
    Path("mine.yaml").write_text("x: &x {a: 1, b: [2]}\ny: {<<: *x, b: 3}\nz: [*x, *x]\n")
    x = {"a": 1, "b": [2]}
    assert read_config_file("mine.yaml") == {"x": x, "y": {"a": 1, "b": 3}, "z": [x, x]}


def test_a_file_that_cannot_be_read_is_one_line(monkeypatch):
    Path("mine.yaml").write_text("epochs: 1\n")
    monkeypatch.setattr(Path, "read_text", lambda *given, **more: Path("absent/file").read_bytes())
    with pytest.raises(ConfigError, match=r"config file mine\.yaml: No such file"):
        read_config_file("mine.yaml")
