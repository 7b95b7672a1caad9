"""The categories that interests are compared with: a column of items, of the bundle or of a table."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from recbole_iacn.data.catalogue import Catalogue
from recbole_iacn.interests.categories import Categories, main_categories
from recbole_iacn.interests.item_lists import category_weights
from recbole_iacn.serving.item_values import ItemValues, Wording, values_of, values_of_table


@dataclass(frozen=True)
class ItemCategories:
    """Categories of items.

    Attributes:
        column: its name.
        values: all values of each item by id, shape (N + 1,) or (N + 1, M); 0 is padding.
        main: one category of each item.
    """

    column: str
    values: np.ndarray
    main: Categories

    @cached_property
    def weights(self) -> csr_array:
        """p(category | item), see :func:`recbole_iacn.interests.item_lists.category_weights`."""
        return category_weights(self.values)

    def in_words(self) -> str:
        """What was chosen, in a sentence."""
        main = self.main
        some = ", ".join(f"{name} {size:,}" for name, size in zip(main.names[:3].tolist(), main.sizes[:3].tolist()))
        more = ", …" if len(main.names) > 3 else ""
        said = (
            f"Categories are of {self.column}: {len(main.names)} of its {main.values:,} values ({some}{more} items); "
            "of several values the rarest that 1 % of the items have"
        )
        without = [
            f"{count:,} items {why}"
            for count, why in ((main.rare, "have rarer ones alone"), (main.empty, "have none"))
            if count
        ]
        return f"{said}; {' and '.join(without)}." if without else f"{said}."


_WORDS = Wording("category", "--category {}", "to compare interests with", "--items FILE")


def categories_of(catalogue: Catalogue, column: str | None = None) -> ItemCategories | None:
    """The categories that a bundle has.

    Args:
        catalogue: of the bundle.
        column: the column of items; by default the only one that has tokens.

    Returns:
        None where no column of items has tokens.

    Raises:
        ConfigError: there is no such column, or there are several and none is named.
    """
    found = values_of(catalogue, column, _WORDS)
    return None if found is None else _with_main(found)


def categories_of_table(
    catalogue: Catalogue, items: Any, column: str | None = None, item_key: str | None = None
) -> ItemCategories:
    """The categories that a table of items has.

    Args:
        catalogue: whose items they are of.
        items: the table, see :func:`recbole_iacn.serving.explain.item_table.opened`.
        column: by default the only one that has tokens, besides the item's and a title's.
        item_key: the column of the item; by default recognised.

    Raises:
        ConfigError: the table cannot be read, has no such column or several and none is named, or knows none of the
            model's items.
    """
    return _with_main(values_of_table(catalogue, items, column, item_key, _WORDS))


def _with_main(found: ItemValues) -> ItemCategories:
    return ItemCategories(found.column, found.ids, main_categories(found.ids, found.tokens))
