"""One category per item, counted by hand."""

import numpy as np
import pytest

from recbole_iacn.errors import ConfigError
from recbole_iacn.interests.categories import main_categories

TOKENS = np.array(["[PAD]", "Comedy", "Animation", "Brand", "Drama"])
# Comedy 5 of 10 items, Animation 3, Drama 3, Brand 1; item 10 has nothing, item 9 only the brand.
FILMS = np.array([[0, 0], [1, 2], [1, 2], [2, 1], [1, 0], [1, 4], [4, 0], [4, 4], [0, 0], [3, 0], [0, 0]])


def test_the_rarest_frequent_value_counts():
    """With at least 2 of 10 items: Animation (3) before Comedy (5), Drama (3: items 5, 6, 7) before Comedy."""
    found = main_categories(FILMS, TOKENS, share=0.2)
    named = [found.names[of] if of >= 0 else None for of in found.of_items]
    animation, drama = ["Animation"] * 3, ["Drama"] * 3
    assert named == [None, *animation, "Comedy", *drama, None, None, None]
    assert found.names.tolist() == ["Animation", "Drama", "Comedy"] and found.sizes.tolist() == [3, 3, 1]
    assert (found.values, found.several, found.rare, found.empty) == (4, 4, 1, 2)
    assert found.of(np.array([[4, 0]])).tolist() == [[2, -1]]


def test_a_rare_value_counts_if_asked():
    found = main_categories(FILMS, TOKENS, share=0)
    assert found.names.tolist() == ["Animation", "Drama", "Comedy", "Brand"]
    assert (found.rare, found.empty) == (0, 2)


def test_of_equally_frequent_values_the_smaller_id_counts():
    found = main_categories(np.array([[0, 0], [4, 2], [2, 4]]), TOKENS)
    assert found.names.tolist() == ["Animation"] and found.of_items.tolist() == [-1, 0, 0]


def test_a_column_with_one_value_per_item():
    found = main_categories(np.array([0, 3, 3, 1, 0]), TOKENS)
    assert found.of_items.tolist() == [-1, 0, 0, 1, -1] and found.names.tolist() == ["Brand", "Comedy"]
    assert (found.several, found.empty) == (0, 1)


def test_nothing_is_frequent_enough():
    found = main_categories(FILMS, TOKENS, share=0.9)
    assert set(found.of_items.tolist()) == {-1} and len(found.names) == 0
    assert (found.rare, found.empty) == (8, 2)


def test_a_share_is_a_share():
    with pytest.raises(ConfigError, match=r"^share: must lie in \[0, 1\], got 5$"):
        main_categories(FILMS, TOKENS, share=5)
