"""The categories that interests are compared with: a column of items, of the bundle or of a table."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_array

from recbole_iacn.data.catalogue import TOKENS, Catalogue
from recbole_iacn.data.dataset import AUXILIARY_SUFFIX
from recbole_iacn.errors import ConfigError, did_you_mean
from recbole_iacn.interests.categories import Categories, main_categories
from recbole_iacn.interests.item_lists import category_weights
from recbole_iacn.serving.explain.item_table import opened

if TYPE_CHECKING:
    from collections.abc import Sequence


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
    known = token_columns(catalogue)
    if column is None:
        if not known:
            return None
        column = only(known, "the bundle")
    if column not in known:
        also = f"columns of items with tokens: {', '.join(known)}" if known else "it has no column of items with tokens"
        raise ConfigError(
            f"category: the bundle has no column {column!r} of items.{did_you_mean(column, known)} Of the bundle: "
            f"{also}; a table of items has others (--items FILE)"
        )
    values = catalogue.items[column].cpu().numpy()
    return ItemCategories(column, values, main_categories(values, catalogue.tokens[column]))


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
    with opened(items, catalogue.item, item_key) as table:
        if not table.columns:
            raise ConfigError(f"items: {table.name} has no column of categories; name another table, or leave it out")
        column = only(table.columns, table.name) if column is None else column
        if column not in table.columns:
            raise ConfigError(
                f"category: {table.name} has no column {column!r} of categories."
                f"{did_you_mean(column, table.columns)} There are: {', '.join(table.columns)}"
            )
        place = table.columns.index(column)
        rows = [(row.token, row.values[place]) for row in table.rows]
    lists: list[list[str]] = [[] for _ in range(catalogue.count(catalogue.item))]
    for number, (_, values) in zip(catalogue.ids(catalogue.item, [token for token, _ in rows]).tolist(), rows):
        if number:
            lists[number] = lists[number] or values  # of an item's several rows the first that says something
    if not any(lists):
        raise ConfigError(
            f"items: {table.name} has no category of any item that the model knows; is {table.key!r} their column "
            "(--item-key), and are they written as in the training (leading zeros)?"
        )
    tokens = ["", *dict.fromkeys(value for values in lists for value in values)]
    number_of = {token: number for number, token in enumerate(tokens)}
    found = np.zeros((len(lists), max(map(len, lists))), dtype=np.int64)
    for number, values in enumerate(lists):
        found[number, : len(values)] = [number_of[value] for value in values]
    return ItemCategories(column, found, main_categories(found, np.array(tokens)))


def token_columns(catalogue: Catalogue) -> list[str]:
    """The columns of items that have tokens, besides the item itself."""
    return [
        name
        for name, one in catalogue.columns.items()
        if name in catalogue.items
        and name != catalogue.item
        and one.kind in TOKENS
        and not name.endswith(AUXILIARY_SUFFIX)
    ]


def only(names: Sequence[str], where: str) -> str:
    """The only one of several names.

    Raises:
        ConfigError: there are several.
    """
    if len(names) > 1:
        raise ConfigError(
            f"category: {where} has several columns of items, {', '.join(names)}; name the one to compare interests "
            f"with: --category {names[0]}"
        )
    return names[0]
