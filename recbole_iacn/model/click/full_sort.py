"""Scores of every item for each row, or of the row's own candidates: a history is encoded once, and the items are
scored in chunks.

A *scorer* is made from rows without candidates. It is called with item ids and returns their scores, (B, items); its
``each`` takes candidates of each row's own, (B, N), and returns theirs.
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


def score_each(model: Any, interaction: Interaction, items: Tensor) -> Tensor:
    """Scores of each row's own candidates, by the scorer that the model offers: a test among 1,000 items need not score
    a catalogue of 100,000.

    Args:
        model (InterestAware): as in :func:`score_all`.
        interaction (recbole.data.interaction.Interaction): rows with a history, B of them.
        items (torch.LongTensor): item ids, shape (B, N).

    Returns:
        torch.Tensor: shape (B, N).
    """
    score = model.scorer(interaction)
    return torch.cat([score.each(part) for part in items.split(score.items_at_once, dim=1)], dim=1)


def score_pairs(
    predict: Callable[[Interaction], Tensor], rows: Interaction, items: Tensor, item_feat: Interaction, at_once: int
) -> Tensor:
    """Scores of each row's own candidates, for a model that only scores pairs of a row and an item.

    RecBole repeats all rows of a batch for all items before it scores any: with 4,096 rows and 12,000 items, 50 million
    histories.

    Args:
        predict (Callable): the model's.
        rows (recbole.data.interaction.Interaction): rows with a history, B of them.
        items (torch.LongTensor): item ids, shape (B, N).
        item_feat (recbole.data.interaction.Interaction): the columns of all items, by id.
        at_once (int): pairs that are scored at once.

    Returns:
        torch.Tensor: shape (B, N).
    """
    scores: Any = None
    rows_at_once = max(at_once // items.shape[1], 1)
    for first in range(0, len(items), rows_at_once):
        some = rows[first : first + rows_at_once]
        for begin in range(0, items.shape[1], at_once):
            place = slice(first, first + rows_at_once), slice(begin, begin + at_once)
            pairs = some.repeat_interleave(items[place].shape[1])
            pairs.update(item_feat[items[place].flatten()])
            found = predict(pairs).view(items[place].shape)
            if scores is None:
                scores = found.new_empty(items.shape)
            scores[place] = found
    return scores


def related_of(model: Any, rows: Interaction) -> Callable[[Tensor], Tensor] | None:
    """From candidates of rows, (B, N), or (N,) for all alike, to what is added to their logits (B, N), for a model that
    has a relationship score; None for others.

    Args:
        model (InterestAware): the model.
        rows (recbole.data.interaction.Interaction): with a history, B of them.
    """
    return None if model.relationship is None else model.relationship.reader(model, rows)


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
        self.related = related_of(model, interaction)
        if history is not None:
            self.rows.interaction[model.ITEM_SEQ] = history

    def __call__(self, items: Tensor) -> Tensor:
        return self.each(items.expand(self.count, -1))

    def each(self, items: Tensor) -> Tensor:
        candidates = self.rows.repeat_interleave(items.shape[1])
        candidates.update(self.model.item_tables.item_feat[items.flatten()])
        if self.related is None:
            return self.model.predict(candidates).view(items.shape)
        with self.model.related(self.related(items).flatten()):
            return self.model.predict(candidates).view(items.shape)


class PooledScorer(RowScorer):
    """For :class:`HistoryContext`, to which a history is the mean of its items' vectors, whatever the candidate."""

    def __init__(self, model: Any, interaction: Interaction) -> None:
        super().__init__(model, interaction, torch.arange(len(interaction), device=model.device).unsqueeze(1))
        self.pooled = model.pool_history(interaction[model.ITEM_SEQ])

    def each(self, items: Tensor) -> Tensor:
        with self.model.pooled_already(self.pooled):
            return super().each(items)


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
        self.related = related_of(model, interaction)
        self.items_at_once = min(model.eval_batch_size, _CANDIDATES)

    def __call__(self, items: Tensor) -> Tensor:
        table, place = self.model.embedding_layer.items_of(items)
        candidates = table[place]
        return self._scores((candidates for _ in range(self.rows)), items)

    def each(self, items: Tensor) -> Tensor:
        table, place = self.model.embedding_layer.items_of(items)
        return self._scores((table[of_row] for of_row in place), items)

    def _scores(self, candidates, items):
        model, scores = self.model, []
        for row, vectors in enumerate(candidates):
            fields = None if self.fields is None else self.fields[row].expand(len(vectors), -1)
            with model.with_fields(fields):
                scores.append(self.finish(model.dnn_mlp_layers(self.read(row, vectors))))
        logits = torch.cat(scores, dim=1).T
        return model.sigmoid(logits if self.related is None else logits + self.related(items))
