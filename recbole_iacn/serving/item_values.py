"""A column of items, such as their categories, by item id: of a bundle, or of a table that people have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from recbole_iacn.data.catalogue import TOKENS, Catalogue
from recbole_iacn.data.dataset import AUXILIARY_SUFFIX
from recbole_iacn.errors import ConfigError, did_you_mean
from recbole_iacn.serving.explain.item_table import opened


@dataclass(frozen=True)
class ItemValues:
    """The values of a column of items.

    Attributes:
        column: its name.
        ids: of all values of each item by id, shape (N + 1,) or (N + 1, M); 0 is padding.
        tokens: the values by id, str; that of 0 is padding.
    """

    column: str
    ids: np.ndarray
    tokens: np.ndarray

    @cached_property
    def distinct(self) -> np.ndarray:
        """As :func:`distinct_values`."""
        return distinct_values(self.ids)

    @property
    def without(self) -> int:
        """How many items have no value."""
        return int((~(self.distinct[1:] > 0).any(axis=1)).sum())


@dataclass(frozen=True)
class Wording:
    """How messages name the option that chooses a column.

    Attributes:
        option: its name, as ``category``.
        example: what names a column, with ``{}`` for the name.
        why: what the column is for.
        table: what gives a table of items.
    """

    option: str
    example: str
    why: str
    table: str


def values_of(catalogue: Catalogue, column: str | None, words: Wording) -> ItemValues | None:
    """The values that a bundle has.

    Args:
        catalogue: of the bundle.
        column: the column of items; by default the only one that has tokens.
        words: for messages.

    Returns:
        None where no column of items has tokens, and none is named.

    Raises:
        ConfigError: there is no such column, or there are several and none is named.
    """
    known = token_columns(catalogue)
    if column is None:
        if not known:
            return None
        column = only(known, "the bundle", words)
    if column not in known:
        also = f"columns of items with tokens: {', '.join(known)}" if known else "it has no column of items with tokens"
        raise ConfigError(
            f"{words.option}: the bundle has no column {column!r} of items.{did_you_mean(column, known)} Of the "
            f"bundle: {also}; a table of items has others ({words.table})"
        )
    return ItemValues(column, catalogue.items[column].cpu().numpy(), catalogue.tokens[column])


def values_of_table(
    catalogue: Catalogue, items: Any, column: str | None, item_key: str | None, words: Wording
) -> ItemValues:
    """The values that a table of items has.

    Args:
        catalogue: whose items they are of.
        items: the table, see :func:`recbole_iacn.serving.explain.item_table.opened`.
        column: by default the only one that has tokens, besides the item's and a title's.
        item_key: the column of the item; by default recognised.
        words: for messages.

    Raises:
        ConfigError: the table cannot be read, has no such column or several and none is named, or knows none of the
            model's items.
    """
    with opened(items, catalogue.item, item_key) as table:
        if not table.columns:
            raise ConfigError(f"items: {table.name} has no column of categories; name another table, or leave it out")
        column = only(table.columns, table.name, words) if column is None else column
        if column not in table.columns:
            raise ConfigError(
                f"{words.option}: {table.name} has no column {column!r} of categories."
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
    return ItemValues(column, found, np.array(tokens))


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


def only(names: Sequence[str], where: str, words: Wording) -> str:
    """The only one of several names.

    Raises:
        ConfigError: there are several.
    """
    if len(names) > 1:
        raise ConfigError(
            f"{words.option}: {where} has several columns of items, {', '.join(names)}; name the one {words.why}: "
            f"{words.example.format(names[0])}"
        )
    return names[0]


def distinct_values(values: np.ndarray) -> np.ndarray:
    """The values of each item, each once, in ascending order, with zeros for repetitions and padding.

    Args:
        values: ids, shape (N + 1,) or (N + 1, M); 0 is padding.

    Returns:
        int64, shape (N + 1, M), at least one column.
    """
    values = np.asarray(values, np.int64)
    ordered = np.sort(values.reshape(len(values), -1), axis=1)
    ordered[:, 1:][ordered[:, 1:] == ordered[:, :-1]] = 0
    return ordered
