"""FFM has separate item vectors per field: the history is pooled from each field's own tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from recbole.model.context_aware_recommender.ffm import FieldAwareFactorizationMachine
from recbole.utils import FeatureType
from torch import Tensor, nn

from recbole_iacn.model.click.full_sort import RowScorer
from recbole_iacn.model.click.item_tables import Part, embed_column, mean_over_history
from recbole_iacn.nn import mix_gradient
from recbole_iacn.nn.adoption import adopt

if TYPE_CHECKING:
    from recbole.config import Config
    from recbole.data.dataset import Dataset
    from recbole.data.interaction import Interaction


class FieldAwareItems(Part):
    """For FFM: comes before the backbone among the bases.

    There is one table per field, so ``E_auxiliary`` has a part in each; the capsule task reads their mean.
    """

    reads_items = True

    def __init__(self, config: Config, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        adopt(self.ffm, FieldAwareHistory)
        object.__setattr__(self.ffm, "owner", self)  # not as a submodule: the owner holds this one

    def scorer(self, interaction: Interaction) -> RowScorer:
        """See :mod:`recbole_iacn.model.click.full_sort`."""
        return RowScorer(self, interaction)

    def item_tables_by_field(self, name: str) -> list[tuple[nn.Embedding, int, FeatureType]]:
        """``(table, first row, feature type)`` of an item column, for each field."""
        if name in self.token_field_names:
            start = int(self.ffm.token_offsets[self.token_field_names.index(name)])
            return [(table, start, FeatureType.TOKEN) for table in self.ffm.token_embeddings]
        if name in self.float_field_names:
            start = int(self.ffm.float_offsets[self.float_field_names.index(name)])
            return [(table, start, FeatureType.FLOAT) for table in self.ffm.float_embeddings]
        lists = self.token_seq_field_names, self.ffm.token_seq_embeddings, FeatureType.TOKEN_SEQ
        if name in self.float_seq_field_names:
            lists = self.float_seq_field_names, self.ffm.float_seq_embeddings, FeatureType.FLOAT_SEQ
        names, tables, kind = lists
        return [(of_field[names.index(name)], 0, kind) for of_field in tables]

    def item_field(self, name: str, items: Tensor) -> Tensor:
        """The mean of a column's vectors over all fields, shape (U, D)."""
        values = self.item_feat[name][items]
        return torch.stack([embed_column(values, *table) for table in self.item_tables_by_field(name)]).mean(dim=0)


class FieldAwareHistory(FieldAwareFactorizationMachine):
    """RecBole's layer, whose history columns are means over the items' own tables."""

    def _emb_token_ffm_input(self, token_ffm_input):
        weights = self.owner.gradient_weights(self.token_feature_names)
        return [mix_gradient(vectors, weights) for vectors in super()._emb_token_ffm_input(token_ffm_input)]

    def _emb_token_seq_ffm_input(self, token_seq_ffm_input):
        owner = self.owner
        count = len(owner.history_columns)
        history, own = token_seq_ffm_input[0], token_seq_ffm_input[count:]
        weights = owner.gradient_weights([*owner.history_columns, *self.token_seq_feature_names[count:]])
        tables = [owner.item_tables_by_field(name) for name in owner.history_columns]
        result = []
        for field in range(self.num_fields):
            parts = [self._history(history, [of_column[field] for of_column in tables])]
            for place, ids in enumerate(own, start=count):
                table = self.token_seq_embeddings[field][place]
                parts.append(embed_column(ids, table, 0, FeatureType.TOKEN_SEQ).unsqueeze(1))
            result.append(mix_gradient(torch.cat(parts, dim=1), weights))
        return result

    def _history(self, history, tables):
        columns = [self.owner.item_feat[name] for name in self.owner.history_columns]

        def vectors(items):
            return torch.cat([embed_column(values[items], *table) for values, table in zip(columns, tables)], dim=-1)

        return mean_over_history(history, vectors).unflatten(-1, (len(columns), -1))
