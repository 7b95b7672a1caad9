"""What items are called and look like, and what they have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from recbole_iacn.data.catalogue import Catalogue
from recbole_iacn.errors import ConfigError
from recbole_iacn.serving.explain.column_values import ColumnValues, lists_of_catalogue
from recbole_iacn.serving.explain.explanation import Named
from recbole_iacn.serving.explain.item_table import address_in, opened, picture_among, title_among


@dataclass(frozen=True)
class ItemNames:
    """Names, pictures and values of all items of a model, by id.

    Attributes:
        tokens: shape (N + 1,).
        names: the items' titles; the token of an item without one; N + 1 of them.
        pictures: id -> the address of its picture, of items that have one.
        values: of the columns.
        notes: what whoever reads the names should know, a sentence each.
    """

    tokens: np.ndarray
    names: list[str]
    pictures: Mapping[int, str]
    values: ColumnValues
    notes: tuple[str, ...] = ()

    @classmethod
    def read(
        cls,
        catalogue: Catalogue,
        items: Any = None,
        item_key: str | None = None,
        title: str | None = None,
        picture: str | None = None,
        in_events: str | None = None,
    ) -> ItemNames:
        """The names that a table of items has, or else those among the columns that the model has loaded.

        Args:
            catalogue: of the model.
            items: a table, see :func:`recbole_iacn.serving.explain.item_table.opened`; None for the model's columns.
            item_key, title, picture: columns of the table; by default those with usual names.
            in_events: what a table of events calls the column of items.

        Raises:
            ConfigError: the table cannot be read, has no such column, or has none of the model's items.
        """
        made = _Collected(catalogue)
        if items is None:
            for name, given in (("item_key", item_key), ("title", title), ("picture", picture)):
                if given is not None:
                    raise ConfigError(f"{name}: is a column of a table of items, and there is none; give items, too")
            made.take_catalogue()
        else:
            with opened(items, catalogue.item, item_key, title, picture, in_events) as table:
                made.take(table)
        return made.names()

    def named(self, number: int) -> Named:
        """An item as people see it.

        Args:
            number: its id.
        """
        return Named(str(self.tokens[number]), self.names[number], self.pictures.get(int(number)))


class _Collected:
    """Names and values as they are found."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.tokens = catalogue.tokens[catalogue.item]
        self.titles: dict[int, str] = {}
        self.pictures: dict[int, str] = {}
        self.notes: list[str] = []
        lists = lists_of_catalogue(catalogue)
        special = [title_among(list(lists)), picture_among(list(lists))]
        self.special = [None if name is None else lists.pop(name, None) for name in special]
        self.lists = lists

    def take_catalogue(self):
        """Titles and pictures of a model that has loaded them."""
        self._take_loaded()
        self._keep_addresses("the model's data")
        if not self.titles:
            self.notes.append(
                "Items are shown by their tokens: the model has loaded no titles, and no table was given."
            )

    def _take_loaded(self):
        titles, pictures = self.special
        for cells, place in ((titles, self.titles), (pictures, self.pictures)):
            place.update({item: " ".join(words) for item, words in enumerate(cells or ()) if words and item})

    def take(self, table):
        """Of several rows of an item the first counts, as in the training's data."""
        numbers = {token: number for number, token in enumerate(self.tokens.tolist()) if number}
        values: list[list[list[str]]] = [[[] for _ in self.tokens] for _ in table.columns]
        rows, found = 0, set()
        self._take_loaded()
        for row in table.rows:
            rows += 1
            number = numbers.get(row.token)
            if number is None or number in found:
                continue
            found.add(number)
            if row.title:
                self.titles[number] = row.title
            if row.picture:
                self.pictures[number] = row.picture
            for column, cells in zip(values, row.values):
                column[number] = cells
        if not found:
            raise ConfigError(
                f"{table.name}: none of its {rows:,} rows has an item of the model in {table.key!r}; name the column "
                "of the items' tokens: --item-key COLUMN"
            )
        self.lists |= dict(zip(table.columns, values))
        self._keep_addresses(table.name)
        if not self.titles:
            self.notes.append(
                f"Items are shown by their tokens: no column of {table.name} is known as their title (--title)."
            )
        elif len(self.titles) < len(numbers):
            missing = len(numbers) - len(self.titles)
            self.notes.append(
                f"{missing:,} of {len(numbers):,} items have no title in {table.name}: their tokens stand."
            )

    def _keep_addresses(self, name):
        addresses = {number: address_in(cell) for number, cell in self.pictures.items()}
        self.pictures = {number: address for number, address in addresses.items() if address is not None}
        wrong = len(addresses) - len(self.pictures)
        if wrong:
            self.notes.append(f"Left out, since they are no addresses of http or https: {wrong:,} pictures in {name}.")

    def names(self) -> ItemNames:
        values = ColumnValues.of(self.lists)
        if not values.names:
            self.notes.append("No column says what items have in common: an interest is called by its middle item.")
        names = [self.titles.get(number, token) for number, token in enumerate(self.tokens.tolist())]
        return ItemNames(self.tokens, names, self.pictures, values, tuple(self.notes))
