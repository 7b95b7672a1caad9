"""Gives a context-aware model, which sees single rows, the user's history."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from recbole.model.abstract_recommender import ContextRecommender
from recbole.model.layers import FMFirstOrderLinear
from recbole.utils import FeatureSource, FeatureType, ModelType
from torch import Tensor, nn

from recbole_iacn.data.dataset import AUXILIARY_SUFFIX
from recbole_iacn.model.click.full_sort import PooledScorer
from recbole_iacn.model.click.item_tables import ItemTables, mean_of_lists, mean_over_history
from recbole_iacn.nn import mix_gradient
from recbole_iacn.nn.lookup import look_up

if TYPE_CHECKING:
    from recbole.config import Config
    from recbole.data.dataset import Dataset
    from recbole.data.interaction import Interaction


class HistoryContext(ItemTables, ContextRecommender):
    """RecBole's ``ContextRecommender`` with a history: comes *after* the backbone among the bases.

    For each item column that the backbone embeds (the item, its features, their auxiliary aliases) there is one more
    field: the mean of that column's vectors over the items of the history, from the **same** table. Since this
    constructor runs within the backbone's, before it sizes its layers by ``num_feature_field``, every backbone that
    reads its fields through RecBole's ``embed_input_fields`` widens automatically: ``class X(InterestAware, WideDeep,
    HistoryContext)``. RecBole alone would embed the history's column in a table of its own.

    The first-order part has no history and no auxiliary columns: the one would add the same number to every candidate
    of a user, the others would count each item twice.

    A model with a history is a sequential one to RecBole (``type``); a two-tower model has it in the user's tower.
    """

    type = ModelType.SEQUENTIAL
    reads_items = False  # until the backbone has read its fields
    _pooled = None

    def __init__(self, config: Config, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        self.USER_ID, self.ITEM_ID = config["USER_ID_FIELD"], config["ITEM_ID_FIELD"]
        self.POS_ITEM_ID = self.ITEM_ID
        self.LABEL_FIELD = self.LABEL
        self.LIST_SUFFIX = config["LIST_SUFFIX"]
        self.ITEM_SEQ = self.ITEM_ID + self.LIST_SUFFIX
        self.ITEM_SEQ_LEN = config["ITEM_LIST_LENGTH_FIELD"]
        self.max_seq_length = config["MAX_ITEM_LIST_LENGTH"]
        self.n_items = dataset.item_num
        self.item_feat = dataset.get_item_feature().to(self.device)
        self.first_order_linear = FMFirstOrderLinear(config, _without_auxiliary(dataset))
        self._add_history_fields(config, dataset)

    def _add_history_fields(self, config, dataset):
        embedded = [*self.token_field_names, *self.token_seq_field_names]
        embedded += [*self.float_field_names, *self.float_seq_field_names]
        of_item = (FeatureSource.ITEM, FeatureSource.ITEM_ID)
        self.history_columns = [name for name in embedded if dataset.field2source[name] in of_item]
        self.history_fields = [name + self.LIST_SUFFIX for name in self.history_columns]
        # At the front, where two-tower models look for the user's.
        self.token_seq_field_names[:0] = self.history_fields
        self.token_seq_field_dims[:0] = [1] * len(
            self.history_fields
        )  # FFM creates tables of that size, which are never read
        self.num_feature_field += len(self.history_fields)
        if self.double_tower:
            self.user_token_seq_field_num += len(self.history_fields)
        _join_groups(config["fields"], self.history_columns, self.LIST_SUFFIX)

    @property
    def item_tables(self) -> HistoryContext:
        """The module that embeds items."""
        return self

    def item_table(self, name: str) -> tuple[nn.Embedding, int, FeatureType]:
        if name in self.token_field_names:
            table, place = self.token_embedding_table, self.token_field_names.index(name)
            return table.embedding, int(table.offsets[place]), FeatureType.TOKEN
        if name in self.float_field_names:
            table, place = self.float_embedding_table, self.float_field_names.index(name)
            return table.embedding, int(table.offsets[place]), FeatureType.FLOAT
        if name in self.float_seq_field_names:
            place = self.float_seq_field_names.index(name)
            return self.float_seq_embedding_table[place], 0, FeatureType.FLOAT_SEQ
        place = self.token_seq_field_names.index(name) - len(self.history_fields)
        return self.token_seq_embedding_table[place], 0, FeatureType.TOKEN_SEQ

    def with_history(self, interaction: Interaction) -> Interaction:
        """The rows, with the history's ids under the name of every history field."""
        rows = copy.copy(interaction)
        rows.interaction = {**interaction.interaction}
        for name in self.history_fields:
            rows.interaction[name] = interaction[self.ITEM_SEQ]
        return rows

    def scorer(self, interaction: Interaction) -> PooledScorer:
        """See :mod:`recbole_iacn.model.click.full_sort`."""
        return PooledScorer(self, interaction)

    @contextlib.contextmanager
    def pooled_already(self, pooled: Tensor) -> Iterator[None]:
        """While active, a row's history is its row number in ``pooled``, a result of :meth:`pool_history`."""
        self._pooled = pooled
        try:
            yield
        finally:
            self._pooled = None

    def embed_token_fields(self, token_fields: Tensor | None) -> Tensor | None:
        if token_fields is None:
            return None
        table = self.token_embedding_table
        vectors = look_up(token_fields + token_fields.new_tensor(table.offsets), table.embedding)
        return mix_gradient(vectors, self.gradient_weights(self.token_field_names))

    def embed_token_seq_fields(self, token_seq_fields: list[Tensor], mode: str = "mean") -> Tensor:
        self.reads_items = True
        history, own = token_seq_fields[0], token_seq_fields[len(self.history_fields) :]
        parts = [self.pool_history(history)]
        if own and mode == "mean":
            tables = self.token_seq_embedding_table
            parts.append(torch.stack([mean_of_lists(ids, table) for ids, table in zip(own, tables)], dim=1))
        elif own:
            parts.append(super().embed_token_seq_fields(own, mode))
        names = [*self.history_columns, *self.token_seq_field_names[len(self.history_fields) :]]
        return mix_gradient(torch.cat(parts, dim=1), self.gradient_weights(names))

    def pool_history(self, history: Tensor) -> Tensor:
        """Mean over the real items of a history, for every item column.

        Args:
            history (torch.LongTensor): item ids, 0 at padding, shape (B, L).

        Returns:
            torch.Tensor: shape (B, columns, D); zeros where the history is empty.
        """
        if self._pooled is not None:
            return self._pooled[history[:, 0]]

        def vectors(items):
            parts = {name: self.item_field(name, items) for name in self.history_columns}
            self.share(items, parts)
            return torch.cat(list(parts.values()), dim=-1)

        return mean_over_history(history, vectors).unflatten(-1, (len(self.history_columns), -1))


def _without_auxiliary(dataset):
    """The dataset as the first-order part sees it."""
    view = copy.copy(dataset)
    view.hidden_fields = dataset.hidden_fields | dataset.auxiliary_fields
    return view


def _join_groups(groups, columns, suffix):
    """If the user grouped columns for FFM and FwFM (``fields``), aliases and histories join their column's group."""
    for names in (groups or {}).values():
        for column in columns:
            if column.removesuffix(AUXILIARY_SUFFIX) in names:
                names += [name for name in (column, column + suffix) if name not in names]
