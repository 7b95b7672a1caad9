"""Scorers of click models as graphs: histories, candidates and columns of the row go in, scores come out."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import torch
from recbole.data.interaction import Interaction
from recbole.model.context_aware_recommender.fwfm import FwFM
from recbole.model.layers import ContextSeqEmbLayer
from torch import Tensor, nn
from torch.nn.functional import embedding, linear

from recbole_iacn.errors import ConfigError
from recbole_iacn.model.click.context import HistoryContext
from recbole_iacn.model.click.dien import PackedEvolution
from recbole_iacn.model.click.din import InterestAwareSeqEmbLayer, PackedScore, SequenceItems
from recbole_iacn.model.click.ffm import FieldAwareItems
from recbole_iacn.model.click.item_tables import embed_column
from recbole_iacn.nn.adoption import adopt
from recbole_iacn.nn.mapped import MappedState
from recbole_iacn.nn.transformer import TransformerBlock
from recbole_iacn.serving.onnx.ffm_fields import PlainPairs, WideFields
from recbole_iacn.serving.onnx.plain import (
    EveryPosition,
    KeepsRows,
    attention,
    constant,
    gru_states,
    mean_of_ids,
    mean_of_real,
    recur,
    shared_copy,
)

if TYPE_CHECKING:
    from recbole_iacn.serving.onnx.graph_inputs import ColumnInput


def click_graph(model: Any, columns: Sequence[ColumnInput]) -> ClickGraph:
    """The graph of a click model's scorer.

    Args:
        model (InterestAware): trained; it stays as it is.
        columns: what it reads of users and rows.

    Raises:
        ConfigError: the model computes in a way of its own that has no plain counterpart.
    """
    if isinstance(model, PackedScore):
        return DINGraph(model, columns)
    if isinstance(model, PackedEvolution):
        return DIENGraph(model, columns)
    if isinstance(model, SequenceItems):
        raise ConfigError(
            f"export: {type(model).__name__} scores by a forward pass of its own, and only that of RecBole's DIN and "
            "DIEN has a graph; context-aware backbones are exported whatever their forward pass"
        )
    return FieldAwareGraph(model, columns) if isinstance(model, FieldAwareItems) else ContextGraph(model, columns)


class ClickGraph(nn.Module):
    """``(history (B, L), items (B, N), *columns) -> scores (B, N)``; see the subclasses.

    Args:
        model: a click model.
        columns: what it reads of users and rows.
    """

    def __init__(self, model: Any, columns: Sequence[ColumnInput]) -> None:
        super().__init__()
        self.model, self.columns = shared_copy(model), columns
        self.model.item_tables.main_weight = 1.0  # of the gradient, which a graph does not have
        self.auxiliary = constant(_auxiliary_of_all(model)) if model.relationship is not None else None
        for module in self.model.modules():
            if isinstance(module, TransformerBlock):
                module.positions = EveryPosition

    def forward(self, history: Tensor, items: Tensor, *columns: Tensor) -> Tensor:
        """Score.

        Args:
            history: item ids, oldest first, 0 at padding on the right, shape (B, L).
            items: candidates' ids, shape (B, N).
            columns: in the order of the constructor's, shape (B,) or (B, C) each.
        """
        values = {one.column: one.as_read(value) for one, value in zip(self.columns, columns)}
        return self.scores(history, items, values)

    def scores(self, history: Tensor, items: Tensor, values: dict[str, Tensor]) -> Tensor:
        """:meth:`forward` with the columns by name, as RecBole's models read them."""
        raise NotImplementedError

    def related(self, history: Tensor, items: Tensor) -> Tensor | None:
        """What the relationship score adds to the logits, (B, N); None for a model without one."""
        if self.auxiliary is None:
            return None
        network = self.model.tasks["iacn"].network
        real = history != 0
        interests, active = network.interests(embedding(history, self.auxiliary), real)
        active = active & real.any(dim=1, keepdim=True)
        found = network.relationship(interests, active, embedding(items, self.auxiliary))
        added: Tensor = self.model.relationship.weight * found
        return added


def _auxiliary_of_all(model):
    """``E_auxiliary`` of all items, (items, D), for a model whose relationship score a graph can compute."""
    network = model.tasks["iacn"].network
    if isinstance(network.extractor, MappedState):
        raise ConfigError(
            "export: a relationship score by iacn_extractor: recurrent has no graph; choose another extractor"
        )
    if network.profile_layer is not None:
        raise ConfigError("export: a relationship score that reads iacn_user_profile has no graph; train without it")
    return model.item_tables.auxiliary(torch.arange(model.n_items))


class ContextGraph(ClickGraph):
    """Of a context-aware model: the backbone's own forward pass, for the B * N pairs of a row and a candidate. Only the
    mean over the history, which all candidates of a row share, and means over lists are computed in another way."""

    def __init__(self, model: Any, columns: Sequence[ColumnInput]) -> None:
        super().__init__(model, columns)
        cls = type(model)
        plain = (PlainPairs,) if getattr(cls, "fwfm_layer", None) is FwFM.fwfm_layer else ()
        adopt(self.model, type(f"Plain{cls.__name__}", (_PlainLists, *plain, cls), {"__module__": __name__}))
        self.tables = nn.ParameterList(constant(table) for table in self.item_tables())

    def item_tables(self) -> list[Tensor]:
        """The vectors of all items that a history is the mean of, (items, columns * D)."""
        every = torch.arange(self.model.n_items)
        return [torch.cat([self.model.item_field(name, every) for name in self.model.history_columns], dim=-1)]

    def scores(self, history: Tensor, items: Tensor, values: dict[str, Tensor]) -> Tensor:
        model = self.model
        means = [mean_of_real(embedding(history, table), history != 0) for table in self.tables]
        pooled = [mean.unflatten(-1, (len(model.history_columns), -1)) for mean in means]
        row = torch.arange(history.shape[0]).unsqueeze(1).expand(items.shape).reshape(-1, 1)
        pairs = {name: value[row.squeeze(1)] for name, value in values.items()}
        candidates = items.flatten()
        pairs.update({name: column[candidates] for name, column in model.item_feat.interaction.items()})
        related = self.related(history, items)
        beside = nullcontext() if related is None else model.related(related.flatten())
        with KeepsRows(), beside:
            return self.scores_of_pairs(Interaction({**pairs, model.ITEM_SEQ: row}), pooled).view(items.shape)

    def scores_of_pairs(self, pairs: Interaction, pooled: list[Tensor]) -> Tensor:
        """The backbone's scores, with the number of the row in place of the history."""
        with self.model.pooled_already(pooled[0]):
            return self.model.predict(pairs)


class FieldAwareGraph(ContextGraph):
    """Of FFM, which has a table per field: they are joined to one wide table, F * D numbers per id."""

    def __init__(self, model: Any, columns: Sequence[ColumnInput]) -> None:
        super().__init__(model, columns)
        WideFields.adopt(self.model.ffm)

    def item_tables(self) -> list[Tensor]:
        model, tables = self.model, []
        for name in model.history_columns:
            values = model.item_feat[name]
            tables += [embed_column(values, *of_field) for of_field in model.item_tables_by_field(name)]
        return [torch.cat(tables, dim=-1)]

    def scores_of_pairs(self, pairs: Interaction, pooled: list[Tensor]) -> Tensor:
        with self.model.ffm.histories(pooled[0]):
            return self.model.predict(pairs)


class _PlainLists(HistoryContext):
    """A context-aware model whose lists are padded."""

    def embed_token_seq_fields(self, token_seq_fields: list[Tensor], mode: str = "mean") -> Tensor:
        history, own = token_seq_fields[0], token_seq_fields[len(self.history_fields) :]
        parts = [self.pool_history(history)]
        if own and mode == "mean":
            tables: Any = self.token_seq_embedding_table
            parts += [mean_of_ids(ids, table).unsqueeze(1) for ids, table in zip(own, tables)]
        elif own:
            parts.append(super(HistoryContext, self).embed_token_seq_fields(own, mode))
        return torch.cat(parts, dim=1)


class _AttentionGraph(ClickGraph):
    """What DIN and DIEN share: items are rows of one table, and user and context fields may join the last layers."""

    def __init__(self, model: Any, columns: Sequence[ColumnInput]) -> None:
        super().__init__(model, columns)
        every = torch.arange(model.n_items)
        self.items = constant(model.embedding_layer.tables_of(every[:1], every)[1])
        adopt(self.model.embedding_layer, _UsersOfInputs)

    def scores(self, history: Tensor, items: Tensor, values: dict[str, Tensor]) -> Tensor:
        model, count = self.model, items.shape[1]
        keys, queries = embedding(history, self.items), embedding(items, self.items)
        joint = self.read(queries, keys, history != 0, values)
        beside = self._beside(history, values)
        if beside is not None:
            beside = beside.unsqueeze(1).expand(-1, count, -1).flatten(0, 1)
        with model.with_fields(beside):
            hidden = model.dnn_mlp_layers(joint.flatten(0, 1))
        last = model.dnn_predict_layers if isinstance(self, DINGraph) else model.dnn_predict_layer
        logits, related = last(hidden).view(items.shape), self.related(history, items)
        return torch.sigmoid(logits if related is None else logits + related)

    def read(self, queries: Tensor, keys: Tensor, real: Tensor, values: dict[str, Tensor]) -> Tensor:
        """The input of the last layers, (B, N, …)."""
        raise NotImplementedError

    def of_users(self, history: Tensor, values: dict[str, Tensor], own: bool) -> Tensor:
        """The vectors of the users' columns, (B, columns * D), with the user's ``own`` id or without."""
        layer = self.model.embedding_layer
        row = torch.arange(history.shape[0])
        names = (name for kinds in (layer.token_field_names, layer.token_seq_field_names) for name in kinds["user"])
        numbers = (n for kinds in (layer.float_field_names, layer.float_seq_field_names) for n in kinds["user"])
        layer.user_feat = {name: values.get(name, row) for name in (*names, *numbers)}
        if not own:
            return layer.of_users(row).flatten(1)
        sparse, dense = ContextSeqEmbLayer.forward(layer, row, row.new_zeros(1, 1))
        return torch.cat([part["user"].flatten(1) for part in (sparse, dense) if part["user"] is not None], dim=1)

    def _beside(self, history, values):
        model = self.model
        if not model.joins_fields:
            return None
        fields = [] if model.reads_users else [self.of_users(history, values, own=False)]
        kinds: Any = zip(model.context.names, model.context.tables, model.context.kinds)
        fields += [_embedded(values[name], table, kind.value) for name, table, kind in kinds]
        return torch.cat(fields, dim=1) if fields else torch.zeros(history.shape[0], 0)


class DINGraph(_AttentionGraph):
    """Of DIN: attention of each candidate to the history."""

    def read(self, queries: Tensor, keys: Tensor, real: Tensor, values: dict[str, Tensor]) -> Tensor:
        user = attention(self.model.attention, queries, keys, real) @ keys
        return torch.cat([user, queries, user * queries], dim=-1)


class DIENGraph(_AttentionGraph):
    """Of DIEN: a recurrence over the history, then one for each candidate, with its attention."""

    def read(self, queries: Tensor, keys: Tensor, real: Tensor, values: dict[str, Tensor]) -> Tensor:
        states = gru_states(self.model.interset_extractor.gru, keys.unsqueeze(1), real).squeeze(1)
        users = self.of_users(real, values, own=True).unsqueeze(1).expand(-1, queries.shape[1], -1)
        return torch.cat([self.evolve(queries, states, real), queries, users], dim=-1)

    def evolve(self, queries: Tensor, states: Tensor, real: Tensor) -> Tensor:
        """The last state of the evolving interest of each candidate, (B, N, H); zeros for an empty history."""
        layer = self.model.interest_evolution
        if layer.gru == "GRU":
            states = gru_states(layer.dynamic_rnn, states.unsqueeze(1), real).squeeze(1)
            return attention(layer.attention_layer, queries, states, real) @ states
        weights = attention(layer.attention_layer, queries, states, real).unsqueeze(3)
        if layer.gru == "AIGRU":
            return gru_states(layer.dynamic_rnn, states.unsqueeze(1) * weights, real)[:, :, -1]
        cell, nothing = layer.dynamic_rnn.rnn, torch.zeros_like(weights)
        offset, factor = (nothing, weights) if layer.gru == "AUGRU" else (weights, nothing)
        x = linear(states, cell.weight_ih, cell.bias_ih).unsqueeze(1)
        return recur(x, cell.weight_hh, cell.bias_hh, offset, factor)[:, :, -1]


class _UsersOfInputs(InterestAwareSeqEmbLayer):
    """DIN's and DIEN's embedding layer whose users are the rows of the graph's inputs; lists are pooled by RecBole."""

    def embed_token_seq_fields(self, token_seq_fields: list[Tensor], type: str) -> Tensor | None:
        return ContextSeqEmbLayer.embed_token_seq_fields(self, token_seq_fields, type)

    def of_users(self, user_idx: Tensor) -> Tensor:
        sparse, dense = ContextSeqEmbLayer.forward(self, user_idx, user_idx.new_zeros(1, 1))
        own = self.token_field_names["user"].index(self.user_field)
        parts = [sparse["user"][:, :own], sparse["user"][:, own + 1 :], dense["user"]]
        return torch.cat([part for part in parts if part is not None], dim=1)


def _embedded(values, table, kind):
    """A context column's vectors, (B, D); as :func:`embed_column`, without packing."""
    if kind == "token":
        return embedding(values, table.weight)
    if kind == "token_seq":
        return mean_of_ids(values, table)
    ids = values[..., 1].long()
    vectors = embedding(ids, table.weight) * values[..., :1]
    return vectors if kind == "float" else mean_of_real(vectors, ids != 0)
