"""The inputs of an exported graph: what they are called, what they hold, and random values for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from recbole.model.abstract_recommender import ContextRecommender
from torch import Tensor

from recbole_iacn.model.click.din import SequenceItems

if TYPE_CHECKING:
    from recbole_iacn.data.catalogue import Catalogue

HISTORY, ITEMS, TIMES = "history", "items", "times"
ROWS = "batch"  # the name of the first axis of every input


@dataclass(frozen=True)
class ColumnInput:
    """A column of the user or of the row that a click model reads.

    Attributes:
        name: of the graph's input: ``user.age``, ``context.hour``. With the dot it is no name of a node of the graph.
        column: as the data call it.
        kind: ``token``, ``token_seq``, ``float``, ``float_seq``, or ``bucket``, the number of a float column's bucket
            (setting ``discretization``).
        count: the column's ids, padding included; 0 of floats.
    """

    name: str
    column: str
    kind: str
    count: int

    @classmethod
    def of(cls, column: str, catalogue: Catalogue, config: Any) -> ColumnInput:
        """The input for a column of the data."""
        known = catalogue.columns[column]
        side = "context" if known.source == "inter" else "user"
        if column in (config["discretization"] or {}):
            return cls(f"{side}.{column}", column, "bucket", known.buckets or 0)
        count = catalogue.count(column) if known.kind.startswith("token") else 0
        return cls(f"{side}.{column}", column, known.kind, count)

    @property
    def dtype(self) -> str:
        """``int64`` or ``float32``."""
        return "float32" if self.kind.startswith("float") else "int64"

    @property
    def axes(self) -> tuple[str, ...]:
        """The names of the axes: rows, and the entries of a list."""
        return (ROWS, f"{self.column}_entries") if self.kind.endswith("_seq") else (ROWS,)

    @property
    def meaning(self) -> str:
        """What to give, in words."""
        return {
            "token": "ids; 0 where unknown",
            "token_seq": "lists of ids, padded by 0",
            "float": "numbers, scaled as in training",
            "float_seq": "lists of numbers, padded by NaN",
            "bucket": "number of the bucket",
        }[self.kind]

    def as_read(self, values: Tensor) -> Tensor:
        """The input as RecBole's models read it: a number is paired with an id, 0 of which is padding.

        Args:
            values: shape (B,), of lists (B, C).
        """
        if self.kind == "float":
            return torch.stack([values, torch.ones_like(values)], dim=-1)
        if self.kind == "float_seq":
            real = ~values.isnan()
            return torch.stack([torch.where(real, values, 0.0), real.to(values.dtype)], dim=-1)
        if self.kind == "bucket":
            ids = values.to(torch.float32)
            return torch.stack([torch.ones_like(ids), ids], dim=-1)
        return values

    def as_given(self, values: Tensor) -> Tensor:
        """The reverse of :meth:`as_read`: a column of RecBole's as the graph takes it."""
        if self.kind == "bucket":
            return values[..., 1].long()
        if self.dtype == "int64" or (self.kind == "float" and values.dim() == 1):  # RecBole pairs features alone
            return values
        if self.kind == "float_seq":
            return torch.where(values[..., 1] != 0, values[..., 0], torch.nan)
        return values[..., 0]

    def random(self, rows: int, generator: torch.Generator) -> Tensor:
        """Values of a row's context, (rows,) or lists of up to three entries."""
        shape = (rows, 3) if self.kind.endswith("_seq") else (rows,)
        if self.dtype == "float32":
            return torch.rand(shape, generator=generator)
        return torch.randint(1, max(self.count, 2), shape, generator=generator)


def columns_of(model: Any, catalogue: Catalogue, config: Any) -> list[ColumnInput]:
    """The columns of users and rows that a click model reads, in the order of the graph's inputs.

    Args:
        model (InterestAware): a click model.
        catalogue: of its data.
        config: its settings.
    """
    of_item = ("item", "item_id")
    names = [name for name in _read_by(model) if catalogue.columns[name].source not in of_item]
    return [ColumnInput.of(name, catalogue, config) for name in dict.fromkeys(names)]


def _read_by(model: Any) -> Sequence[str]:
    if isinstance(model, ContextRecommender):
        names = [*model.token_field_names, *model.token_seq_field_names]
        names += [*model.float_field_names, *model.float_seq_field_names]
        return [name for name in names if name not in model.history_fields]
    names = []
    if isinstance(model, SequenceItems) and (model.reads_users or model.joins_fields):
        layer = model.embedding_layer
        kinds = layer.token_field_names, layer.token_seq_field_names, layer.float_field_names
        names = [name for kind in (*kinds, layer.float_seq_field_names) for name in kind["user"]]
        if not model.reads_users:  # the user's own id does not join
            names.remove(layer.user_field)
        names += model.context.names if model.joins_fields else []
    return names


def random_histories(rows: int, length: int, items: int, generator: torch.Generator) -> Tensor:
    """Histories of random lengths, the first of them empty where there are several.

    Args:
        rows: B.
        length: L.
        items: number of items, padding included.
        generator: of the random numbers.

    Returns:
        Ids, 0 at padding on the right, (B, L).
    """
    lengths = torch.randint(1, length + 1, (rows, 1), generator=generator)
    lengths[0] = 0 if rows > 1 else length
    drawn = torch.randint(1, items, (rows, length), generator=generator)
    return drawn * (torch.arange(length) < lengths)


def random_times(history: Tensor, generator: torch.Generator) -> Tensor:
    """Times in whole seconds, not falling along a history, some of them equal; 0 at padding, (B, L)."""
    steps = torch.randint(0, 40, history.shape, generator=generator) * 1_000
    return (1_400_000_000 + steps.cumsum(dim=1)) * (history != 0)
