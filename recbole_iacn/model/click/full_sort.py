"""Scores of every item for each row: a history is encoded once, and the items are scored in chunks.

A *scorer* is made from rows without candidates. It is called with item ids and returns their scores, (B, items).
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from recbole.data.interaction import Interaction

_CANDIDATES = 2048  # with more, a history's hidden layers leave the cache: half the speed at twice as many


def score_all(model: Any, interaction: Interaction) -> Tensor:
    """Scores of all items, by the scorer that the model offers.

    Args:
        model (InterestAware): has ``scorer``, ``n_items`` and ``eval_batch_size``, the pairs of a row and an item that
            are scored at once (at least one item for all rows).
        interaction (recbole.data.interaction.Interaction): rows with a history, B of them.

    Returns:
        torch.Tensor: shape (B, items), padding item included.
    """
    score = model.scorer(interaction)
    items = torch.arange(model.n_items, device=interaction[model.USER_ID].device)
    scores: Any = None
    for part in items.split(score.items_at_once):
        chunk = score(part)
        if scores is None:
            scores = chunk.new_empty(len(interaction), model.n_items)
        scores[:, part[0] : part[-1] + 1] = chunk
    return scores


class RowScorer:
    """Repeats every row for every item: for any backbone.

    Args:
        model (InterestAware): the model.
        interaction (recbole.data.interaction.Interaction): the rows.
        history (torch.Tensor, optional): replaces each row's history, shape (B, …).
    """

    def __init__(self, model: Any, interaction: Interaction, history: Tensor | None = None) -> None:
        self.model, self.rows, self.count = model, copy.copy(interaction), len(interaction)
        self.items_at_once = max(model.eval_batch_size // self.count, 1)
        self.rows.interaction = {**interaction.interaction}
        if history is not None:
            self.rows.interaction[model.ITEM_SEQ] = history

    def __call__(self, items: Tensor) -> Tensor:
        candidates = self.rows.repeat_interleave(len(items))
        candidates.update(self.model.item_tables.item_feat[items.repeat(self.count)])
        return self.model.predict(candidates).view(self.count, len(items))


class PooledScorer(RowScorer):
    """For :class:`HistoryContext`, to which a history is the mean of its items' vectors, whatever the candidate."""

    def __init__(self, model: Any, interaction: Interaction) -> None:
        super().__init__(model, interaction, torch.arange(len(interaction), device=model.device).unsqueeze(1))
        self.pooled = model.pool_history(interaction[model.ITEM_SEQ])

    def __call__(self, items: Tensor) -> Tensor:
        with self.model.pooled_already(self.pooled):
            return super().__call__(items)


class AttentionScorer:
    """For DIN and DIEN: one row after the other, with all of the items at once.

    Args:
        model (InterestAware): its backbone's ``dnn_mlp_layers`` read what ``read`` returns.
        interaction (recbole.data.interaction.Interaction): the rows.
        read (Callable): from the row's number and candidates (C, H) to the deep layers' input.
        finish (torch.nn.Module): the backbone's last layer.
    """

    def __init__(
        self, model: Any, interaction: Interaction, read: Callable[[int, Tensor], Tensor], finish: nn.Module
    ) -> None:
        self.model, self.rows, self.read, self.finish = model, len(interaction), read, finish
        self.fields = model.fields_of(interaction)
        self.items_at_once = min(model.eval_batch_size, _CANDIDATES)

    def __call__(self, items: Tensor) -> Tensor:
        model, layer = self.model, self.model.embedding_layer
        users = items.new_zeros(1)  # only the items' part is used
        _, table, place = layer.tables_of(users, items)
        candidates = table[place]
        scores = []
        for row in range(self.rows):
            fields = None if self.fields is None else self.fields[row].expand(len(candidates), -1)
            with model.with_fields(fields):
                scores.append(self.finish(model.dnn_mlp_layers(self.read(row, candidates))))
        return model.sigmoid(torch.cat(scores, dim=1)).T
