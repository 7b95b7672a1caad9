"""What items are called and look like, and what they have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from recbole_iacn.data.catalogue import Catalogue
from recbole_iacn.serving.explain.column_values import ColumnValues, lists_of_catalogue
from recbole_iacn.serving.explain.explanation import Named


@dataclass(frozen=True)
class ItemNames:
    """Names, pictures and values of all items of a model, by id.

    Attributes:
        tokens: shape (N + 1,).
        names: the items' titles, or else their tokens, shape (N + 1,).
        pictures: id -> the address of its picture, of items that have one.
        values: of the columns.
        notes: what whoever reads the names should know.
    """

    tokens: np.ndarray
    names: np.ndarray
    pictures: Mapping[int, str]
    values: ColumnValues
    notes: tuple[str, ...] = field(default=())

    @classmethod
    def read(cls, catalogue: Catalogue) -> ItemNames:
        tokens = catalogue.tokens[catalogue.item]
        return cls(
            tokens, tokens, {}, ColumnValues.of(lists_of_catalogue(catalogue)), ("Items are called by their tokens.",)
        )

    def named(self, number: int) -> Named:
        """An item as people see it.

        Args:
            number: its id.
        """
        return Named(str(self.tokens[number]), str(self.names[number]), self.pictures.get(int(number)))
