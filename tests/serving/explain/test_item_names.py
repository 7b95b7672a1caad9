"""A table of items in any form gives the same names; what is missing is told, and what is wrong is one line."""

import logging

import numpy as np
import pandas as pd
import pytest
import torch

from recbole_iacn.data.catalogue import Catalogue, Column
from recbole_iacn.errors import ConfigError
from recbole_iacn.serving.explain.item_names import ItemNames
from recbole_iacn.serving.explain.item_table import address_in

TOKENS = np.array(["[PAD]", "1", "2", "03", "four"])


def catalogue(**columns):
    """Items with columns of lists of words, in the order of their ids."""
    tokens, items, kinds = {"item_id": TOKENS}, {"item_id": torch.arange(5)}, {"item_id": Column("token", "item_id")}
    for name, cells in columns.items():
        words = ["[PAD]", *sorted({word for cell in cells for word in cell})]
        ids = torch.zeros(5, max(map(len, cells)), dtype=torch.int64)
        for row, cell in enumerate(cells, start=1):
            ids[row, : len(cell)] = torch.tensor([words.index(word) for word in cell])
        tokens[name], items[name], kinds[name] = np.array(words), ids, Column("token_seq", "item", ids.shape[1])
    return Catalogue("user_id", "item_id", kinds, tokens, items, {})


TABLE = pd.DataFrame(
    {
        "item": ["2", "1", "03", "2", "else"],
        "Title": ['A, "B"', "Cé", "", "twice", "unknown"],
        "image_url": ["https://x.org/a,b.jpg", "javascript:alert('http')", None, "http://late", "http://x"],
        "genres": ["Sci-Fi|War", "War", "Sci-Fi", "Drama", "Drama"],
        "price": [1.5, 2, 3, 4, 5],
    }
)


def written(form, tmp_path):
    path = tmp_path / f"items.{form}"
    if form == "frame":
        return TABLE
    if form == "polars":
        return pytest.importorskip("polars").from_pandas(TABLE.astype(object).where(TABLE.notna(), None))
    if form == "csv":
        TABLE.to_csv(path, index=False)
    elif form == "csv.gz":
        TABLE.to_csv(path, index=False, compression="gzip")
    elif form == "parquet":
        TABLE.to_parquet(path)
    elif form == "jsonl":
        TABLE.to_json(path, orient="records", lines=True)
    else:
        head = "item:token\tTitle:token\timage_url:token\tgenres:token_seq\tprice:float"
        rows = TABLE.assign(genres=TABLE["genres"].str.replace("|", " ")).fillna("")
        lines = ["\t".join(map(str, row)) for row in rows.itertuples(index=False)]
        path.write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")
    return path if form in ("csv", "item") else str(path)


@pytest.mark.parametrize("form", ["frame", "polars", "csv", "csv.gz", "parquet", "jsonl", "item"])
def test_forms(tmp_path, form):
    names = ItemNames.read(catalogue(), written(form, tmp_path))
    assert names.names == ["[PAD]", "Cé", 'A, "B"', "03", "four"]
    assert dict(names.pictures) == {2: "https://x.org/a,b.jpg"}
    assert names.named(2).picture == "https://x.org/a,b.jpg" and names.named(1).picture is None
    assert (names.named(3).item, names.named(3).name) == ("03", "03")
    assert sorted(names.values.names) == [("genres", "Sci-Fi"), ("genres", "War")]
    has = {name: column.nonzero()[0].tolist() for name, column in zip(names.values.names, names.values.has.T.toarray())}
    assert has == {("genres", "Sci-Fi"): [2, 3], ("genres", "War"): [1, 2]}
    assert any("2 of 4 items have no title in" in note for note in names.notes)
    assert any("no addresses of http or https: 1 pictures in" in note for note in names.notes)


def test_the_models_own_columns():
    words = catalogue(movie_title=[["Toy", "Story"], ["Alien"], [], ["Heat"]], tags=[["a"], ["a"], ["b"], ["a", "b"]])
    names = ItemNames.read(words)
    assert names.names == ["[PAD]", "Toy Story", "Alien", "03", "Heat"]
    assert sorted(names.values.names) == [("tags", "a"), ("tags", "b")] and names.notes == ()
    table = pd.DataFrame({"item_id": ["1", "03"], "tags": ["c", "c"]})
    names = ItemNames.read(words, table)  # its column replaces the model's, its missing titles do not
    assert names.names[1] == "Toy Story" and sorted(names.values.names) == [("tags", "c")]


def test_nothing_to_name_items_by():
    names = ItemNames.read(catalogue())
    assert names.names == TOKENS.tolist()
    assert names.notes == (
        "Items are shown by their tokens: the model has loaded no titles, and no table was given.",
        "No column says what items have in common: an interest is called by its middle item.",
    )
    names = ItemNames.read(catalogue(), pd.DataFrame({"item_id": ["1"], "size": [3.5]}))
    assert any("no column of items is known as their title" in note for note in names.notes)


def test_columns_that_are_named(caplog):
    table = pd.DataFrame({"code": ["1", "2"], "id": ["9", "9"], "caption": ["x", "y"], "face": ["http://a", "b"]})
    with caplog.at_level(logging.INFO):
        names = ItemNames.read(catalogue(), table, item_key="code", title="caption", picture="face")
    assert names.names[1:3] == ["x", "y"] and dict(names.pictures) == {1: "http://a"}
    assert "items: items by 'code'; titles 'caption', pictures 'face'" in caplog.text


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"items": TABLE, "title": "titel"}, "title: items has no column 'titel'. Did you mean 'Title'"),
        ({"items": TABLE, "picture": "x"}, "picture: items has no column 'x'"),
        ({"items": TABLE, "item_key": "Title"}, "items: none of its 5 rows has an item of the model in 'Title'"),
        ({"items": TABLE.drop(columns="item")}, "identifies the item; name it: --item-key COLUMN"),
        ({"items": 5}, "items: must be a path or a table of pandas, Polars or Arrow, got <class 'int'>"),
        ({"title": "name"}, "title: is a column of a table of items, and there is none; give items, too"),
        ({"items": "nowhere.csv"}, "nowhere.csv"),
    ],
)
def test_wrong_tables(given, message):
    with pytest.raises(ConfigError) as error:
        ItemNames.read(catalogue(), **given)
    assert message in str(error.value)


def test_a_mend_works():
    names = ItemNames.read(catalogue(), TABLE.rename(columns={"item": "what"}), item_key="what")
    assert names.names == ItemNames.read(catalogue(), TABLE).names


@pytest.mark.parametrize(
    ("cell", "address"),
    [
        ("http://a.org/x.jpg", "http://a.org/x.jpg"),
        ("[https://a.org/x,1.jpg, https://b.org]", "https://a.org/x,1.jpg"),
        ("['HTTPS://a.org/x.jpg']", "HTTPS://a.org/x.jpg"),
        ("javascript:alert(1)", None),
        ("data:image/png;base64,AAAA", None),
        ("//a.org/x.jpg", None),
        ("", None),
    ],
)
def test_addresses(cell, address):
    assert address_in(cell) == address
