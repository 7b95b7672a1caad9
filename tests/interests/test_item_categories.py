"""Which column of items interests are compared with, and what an item's category is."""

import json

import numpy as np
import pytest

from recbole_iacn.errors import ConfigError
from recbole_iacn.interests.item_categories import categories_of, categories_of_table
from recbole_iacn.serving.item_values import token_columns
from recbole_iacn.serving.recommender import load


@pytest.fixture(scope="module")
def catalogue(bundles):
    return load(bundles["MIND"]).catalogue


def main_of(categories, catalogue):
    """Item token -> its category's name."""
    names = [*categories.main.names.tolist(), None]
    return dict(zip(catalogue.tokens["item_id"][1:].tolist(), (names[k] for k in categories.main.of_items[1:])))


def test_the_only_column_of_the_bundle(catalogue):
    """The tiny data: item n has 'c(n % 4) all', but for every eleventh, which has none; 'all' says less."""
    found = categories_of(catalogue)
    assert token_columns(catalogue) == ["categories"] and found.column == "categories"
    expected = {f"i{n}": None if n % 11 == 0 else f"c{n % 4}" for n in range(40)}
    assert main_of(found, catalogue) == {item: expected[item] for item in main_of(found, catalogue)}
    assert found.in_words() == (
        "Categories are of categories: 4 of its 5 values (c1 9, c2 9, c3 9, … items); of several values the rarest "
        "that 1 % of the items have; 4 items have none."
    )


@pytest.mark.parametrize("suffix", [".item", ".jsonl"])
def test_a_table_gives_what_the_bundle_gives(catalogue, data_path, tmp_path, suffix):
    path = tmp_path / f"items{suffix}"
    text = (data_path / "tiny" / "tiny.item").read_text()
    if suffix == ".item":
        path.write_text(text)
    else:
        pytest.importorskip("duckdb")
        rows = [line.split("\t") for line in text.splitlines()[1:]]
        lines = [json.dumps({"item_id": item, "categories": cell.split()}) for item, cell in rows]
        path.write_text("\n".join(lines) + "\n")
    found = categories_of_table(catalogue, path)
    own = categories_of(catalogue)
    assert main_of(found, catalogue) == main_of(own, catalogue)
    assert np.array_equal(np.sort(found.weights.toarray().sum(axis=0)), np.sort(own.weights.toarray().sum(axis=0)))


def test_a_column_must_be_named_and_there(catalogue, tmp_path):
    with pytest.raises(
        ConfigError, match=r"^category: the bundle has no column 'categorie' of items. Did you mean 'cat"
    ):
        categories_of(catalogue, "categorie")
    path = tmp_path / "two.item"
    path.write_text("item_id:token\tgenre:token\ttags:token_seq\ni1\tg\ta b\n")
    with pytest.raises(ConfigError, match=r"two.item has several columns of items, genre, tags; .*: --category genre$"):
        categories_of_table(catalogue, path)
    assert categories_of_table(catalogue, path, "tags").main.values == 2
    with pytest.raises(
        ConfigError, match=r"^category: .*two.item has no column 'tag' of categories. Did you mean 'tags'"
    ):
        categories_of_table(catalogue, path, "tag")
    path.write_text("item_id:token\tgenre:token\nother\tg\n")
    with pytest.raises(
        ConfigError, match=r"^items: .*has no category of any item that the model knows; is 'item_id' th"
    ):
        categories_of_table(catalogue, path)
    path.write_text("item_id:token\ti:float\ni1\t2\n")
    with pytest.raises(ConfigError, match=r"^items: .*two.item has no column of categories; name another table"):
        categories_of_table(catalogue, path)
