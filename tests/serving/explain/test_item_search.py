"""The search finds what a loop over all names finds, in the order that it promises."""

import re
import unicodedata

import numpy as np
import pytest

from recbole_iacn.serving.explain.column_values import ColumnValues
from recbole_iacn.serving.explain.item_names import ItemNames
from recbole_iacn.serving.explain.item_search import ItemSearch

TITLES = [
    "Toy Story",
    "toy",
    "The Toy",
    "Attoyment",
    "Amélie",
    "AMELIA",
    "Toy\nsoldiers",
    "",
    "Straße",
    "Story of a toy",
]


@pytest.fixture(scope="module")
def search():
    tokens = np.array(["[PAD]", *(f"t{number}" for number in range(1, len(TITLES) + 1))])
    return ItemSearch(ItemNames(tokens, ["[PAD]", *TITLES], {1: "http://a"}, ColumnValues.of({})))


def plain(text):
    letters = (one for one in unicodedata.normalize("NFKD", text) if not unicodedata.combining(one))
    return " ".join("".join(letters).casefold().split())


@pytest.mark.parametrize(
    "query", ["toy", "TOY", "story", "amel", "strasse", "y s", "soldiers", "e", "o", "nothing", " "]
)
def test_a_loop_finds_the_same(search, query):
    wanted = []
    for number, title in enumerate(TITLES, start=1):
        name, part = plain(title), plain(query)
        if part and part in name:
            begins = name.startswith(part)
            of_word = re.search(rf"(?<![^\W_]){re.escape(part)}", name) is not None
            wanted.append((0 if begins else 1 if of_word else 2, len(title), f"t{number}"))
    assert [one.item for one in search(query)] == [token for *_, token in sorted(wanted)]


def test_a_token_comes_first(search):
    assert [one.item for one in search("t3")] == ["t3"]
    assert search("t1")[0].picture == "http://a" and search("t1")[0].name == "Toy Story"


def test_at_most_so_many(search):
    assert len(search("toy", 2)) == 2
