"""Embeds items, rather than rows, from the tables that a RecBole model already has."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from recbole.utils import FeatureType
from torch import Tensor, nn

from recbole_iacn.data.dataset import AUXILIARY_SUFFIX
from recbole_iacn.nn.lookup import Bags, Lists, look_up, take

# The base of a class that comes before or after a backbone: to a type checker it has every attribute of the model.
Part: Any = object


class ItemTables(Part):
    """For the module that owns the embedding tables of the item columns.

    It must have ``item_feat``, the table of item columns with one row per item, and :meth:`item_table`.
    """

    main_weight = 1.0  # weight of the main model's gradient on the auxiliary tables
    # While a loss is computed, what the backbone's forward pass leaves for the tasks, by name.
    left: dict[str, Any] | None = None
    _columns_of_lists: dict[str, Lists] | None = None  # by name; aliases share their original's

    def item_table(self, name: str) -> tuple[nn.Embedding, int, FeatureType]:
        """Where column ``name`` is embedded: ``(table, first row, feature type)``."""
        raise NotImplementedError

    def item_field(self, name: str, items: Tensor) -> Tensor:
        """One column's vectors: an id's own, the mean of a list's, a number's times the number.

        Args:
            name (str): an item column that the model embeds.
            items (torch.LongTensor): item ids, shape (U,).

        Returns:
            torch.Tensor: shape (U, D).
        """
        table, start, kind = self.item_table(name)
        if kind is FeatureType.TOKEN_SEQ:
            return self._lists(name.removesuffix(AUXILIARY_SUFFIX))[items].mean(table.weight, table.sparse)
        return embed_column(self.item_feat[name][items], table, start, kind)

    def _lists(self, name):
        if self._columns_of_lists is None:
            self._columns_of_lists = {}
        if name not in self._columns_of_lists:
            self._columns_of_lists[name] = Lists(self.item_feat[name])
        return self._columns_of_lists[name]

    def auxiliary(self, items: Tensor) -> Tensor:
        """``c = f(i, r)``: the mean of an item's auxiliary embedding and those of its features.

        Args:
            items (torch.LongTensor): item ids, any shape.

        Returns:
            torch.Tensor: shape (\\*items.shape, D).
        """
        distinct, vectors = (self.left or {}).get("auxiliary", (None, None))
        if distinct is not None:
            place = torch.searchsorted(distinct, items).clamp_max(len(distinct) - 1)
        if distinct is None or not torch.equal(distinct[place], items):
            distinct, place = items.unique(return_inverse=True)
            vectors = torch.stack([self.item_field(name, distinct) for name in self.auxiliary_names()])
        return take(vectors.mean(dim=0), place)

    def auxiliary_names(self) -> list[str]:
        """The auxiliary columns, in the order of the item table."""
        return [name for name in self.item_feat.columns if name.endswith(AUXILIARY_SUFFIX)]

    @contextlib.contextmanager
    def sharing(self) -> Iterator[None]:
        """While active, the backbone's forward pass may leave something in ``left``. What it embeds also serves
        :meth:`auxiliary`, if it has all the requested items."""
        self.left = {}
        try:
            yield
        finally:
            self.left = None

    def share(self, distinct: Tensor, vectors_of: dict[str, Tensor]) -> None:
        """Offer vectors to :meth:`auxiliary`.

        Args:
            distinct (torch.LongTensor): item ids in order, shape (U,).
            vectors_of (dict of str to torch.Tensor): an auxiliary column's name -> its vectors, before any mixing of
                gradients, shape (U, D).
        """
        names = self.auxiliary_names()
        if self.left is not None and names:
            self.left["auxiliary"] = distinct, torch.stack([vectors_of[name] for name in names])

    def gradient_weights(self, names: Sequence[str]) -> float | Tensor:
        """1 for original columns, ``main_weight`` for auxiliary ones: 1.0, or a tensor of shape (columns, 1)."""
        if self.main_weight == 1.0:
            return 1.0
        weights = [self.main_weight if name.endswith(AUXILIARY_SUFFIX) else 1.0 for name in names]
        return torch.tensor(weights, device=self.device).unsqueeze(-1)


def embed_column(values: Tensor, table: nn.Embedding, start: int, kind: FeatureType) -> Tensor:
    """The vectors of one column's values.

    Args:
        values (torch.Tensor): ids (U,) or lists of ids (U, C); numbers, paired by RecBole with the id of their
            column, (U, 2) or (U, C, 2).
        table (torch.nn.Embedding): where they are embedded.
        start (int): its row of id 0.
        kind (recbole.utils.FeatureType): what the values are.

    Returns:
        torch.Tensor: shape (U, D).
    """
    if kind is FeatureType.TOKEN:
        return look_up(values + start, table)
    if kind is FeatureType.FLOAT:
        return values[:, :1] * look_up(values[:, 1].long() + start, table)
    if kind is FeatureType.FLOAT_SEQ:
        return mean_of_lists(values[..., 1].long(), table, values[..., 0])
    return mean_of_lists(values, table)


def mean_of_lists(ids: Tensor, table: nn.Embedding, numbers: Tensor | None = None) -> Tensor:
    """Mean embedding of lists of ids, computed at real entries only: lists are padded to the longest of all items.

    Args:
        ids (torch.LongTensor): 0 at padding, shape (U, C).
        table (torch.nn.Embedding): where they are embedded.
        numbers (torch.Tensor, optional): what each vector is multiplied by, shape (U, C).

    Returns:
        torch.Tensor: shape (U, D); zeros where a list is empty.
    """
    if numbers is None:
        return Bags.of(ids).mean(table.weight, table.sparse)
    real = ids != 0
    vectors = look_up(ids[real], table) * numbers[real].unsqueeze(-1)
    sums = vectors.new_zeros(len(ids), vectors.shape[-1]).index_add(0, real.nonzero()[:, 0], vectors)
    return sums / real.sum(dim=1, keepdim=True).clamp_min(1)


def mean_over_history(history: Tensor, vectors_of: Callable[[Tensor], Tensor]) -> Tensor:
    """Mean of the items' vectors over a history; each distinct item is embedded once.

    Args:
        history (torch.LongTensor): item ids, 0 at padding, shape (B, L).
        vectors_of (Callable): from item ids (U,) to their vectors (U, D').

    Returns:
        torch.Tensor: shape (B, D'); zeros where the history is empty.
    """
    items, place = history.unique(return_inverse=True)
    real = history != 0
    return Bags(place[real], real.sum(dim=1)).mean(vectors_of(items))
