"""Where settings come from: YAML files, the command line, and the file that lies beside a dataset."""

from pathlib import Path

import pytest

from recbole_iacn.errors import ConfigError
from recbole_iacn.settings.sources import dataset_yaml, naming_file, values_of, with_dataset_yaml


def test_an_interval_stays_text():
    """As a literal, '[5,10]' is a list."""
    given = {"user_inter_num_interval": "[5,10]", "item_inter_num_interval": "(5,10)", "topk": "[5,10]"}
    assert values_of(given) == {**given, "topk": [5, 10]}
    assert values_of({"user_inter_num_interval": "None", "entity_kg_num_interval": "5"}) == {
        "user_inter_num_interval": None,
        "entity_kg_num_interval": "5",
    }


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
