"""Scores of many items for each row, and the best of them, within a limit of memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from recbole.data.interaction import Interaction
from recbole.model.abstract_recommender import AbstractRecommender
from torch import Tensor

from recbole_iacn.data.catalogue import Catalogue
from recbole_iacn.data.score_blocks import rows_at_once
from recbole_iacn.errors import ConfigError
from recbole_iacn.model.click.full_sort import score_pairs
from recbole_iacn.serving.model_rows import Rows
from recbole_iacn.serving.newcomers import beside_the_known

if TYPE_CHECKING:
    from recbole.config import Config

_PAIRS = 1 << 14  # of a row and an item that a model without a full sort scores at once


class ItemScores:
    """Scores by a trained model.

    Args:
        model: in evaluation mode.
        config: its settings.
        catalogue: its columns and tables.
    """

    def __init__(self, model: Any, config: Config, catalogue: Catalogue) -> None:
        self.model, self.catalogue = model, catalogue
        self.count, self.device = catalogue.count(catalogue.item), config["device"]
        self.item_feat = Interaction(dict(catalogue.items)).to(self.device)
        self.has_full_sort = type(model).full_sort_predict is not AbstractRecommender.full_sort_predict
        self.has_candidates = hasattr(model, "candidate_scores")
        self.knows_users_only = config["MODEL_TYPE"].name not in ("SEQUENTIAL", "CONTEXT")
        # A model's own full sort may hold several tables of scores.
        self.rows_at_once = rows_at_once(self.count, tables=4)

    @torch.no_grad()
    def of_all(self, rows: Rows) -> Tensor:
        """Scores of all items by id, (B, items); that of padding is -inf."""
        scores = torch.empty(len(rows), self.count, device=self.device)
        for begin, some in self._parts(rows):
            scores[begin : begin + len(some)] = self._all(some)
        return scores

    @torch.no_grad()
    def of_each(self, rows: Rows, ids: Tensor) -> Tensor:
        """Scores of each row's own items, ids of shape (B, N)."""
        ids = ids.to(self.device)
        scores = torch.empty(ids.shape, device=self.device)
        at_once = rows_at_once(ids.shape[1], tables=64)
        if self.has_full_sort and not self.has_candidates:  # then all items are scored, however few are asked for
            at_once = min(at_once, self.rows_at_once)
        for begin, some in self._parts(rows, at_once):
            scores[begin : begin + len(some)] = self._each(some, ids[begin : begin + len(some)])
        return scores

    @torch.no_grad()
    def best(self, rows: Rows, k: int, exclude_seen: bool, among: np.ndarray | None) -> tuple[Tensor, Tensor]:
        """The k best items of each row; see :meth:`Recommender.best`."""
        ids = torch.zeros(len(rows), k, dtype=torch.int64, device=self.device)
        best = torch.full((len(rows), k), -torch.inf, device=self.device)
        for begin, some, scores, columns in self.allowed(rows, exclude_seen, among):
            values, place = scores.topk(min(k, scores.shape[1]), dim=1)
            found = place if columns is None else columns[place]
            ids[begin : begin + len(some), : values.shape[1]] = found.masked_fill(values == -torch.inf, 0)
            best[begin : begin + len(some), : values.shape[1]] = values
        return ids, best

    @torch.no_grad()
    def allowed(
        self, rows: Rows, exclude_seen: bool, among: np.ndarray | None
    ) -> Iterator[tuple[int, Rows, Tensor, Tensor | None]]:
        """The scores of all items that may be recommended, a block of rows at a time.

        Args:
            rows, exclude_seen, among: as for :meth:`best`.

        Yields:
            The number of a block's first row; its rows, b of them; scores (b, I), -inf for what may not; and the ids of
            the I items, None for all.
        """
        columns = None if among is None else torch.from_numpy(np.unique(among)).to(self.device)
        for begin, some in self._parts(rows):
            scores = self._all(some) if columns is None else self._among(some, columns)
            if exclude_seen and len(some.seen) and scores.shape[1]:
                _leave_out(scores, some, columns)
            yield begin, some, scores, columns

    def _parts(self, rows: Rows, at_once: int | None = None) -> Iterator[tuple[int, Rows]]:
        at_once = at_once or self.rows_at_once
        if self.knows_users_only and bool((rows.interaction[self.catalogue.user] == 0).any()):
            name = type(self.model).__name__
            raise ConfigError(f"users: {name} reads no history and knows its training's users only; give their tokens")
        if len(rows) <= at_once:
            yield from [(0, rows)] if len(rows) else []
            return
        for begin in range(0, len(rows), at_once):
            yield begin, rows.part(begin, min(begin + at_once, len(rows)))

    def _all(self, rows):
        with beside_the_known(self.model, rows.interaction, self.catalogue.user, rows.users):
            if self.has_full_sort:
                scores = self.model.full_sort_predict(rows.interaction).view(len(rows), -1)[:, : self.count].float()
            else:
                every = torch.arange(self.count, device=self.device).expand(len(rows), -1)
                scores = self._pairs(rows, every)
        scores[:, 0] = -torch.inf
        return scores

    def _each(self, rows, ids):
        if not ids.shape[1]:
            return torch.empty(ids.shape, device=self.device)
        with beside_the_known(self.model, rows.interaction, self.catalogue.user, rows.users):
            if self.has_candidates:
                return self.model.candidate_scores(rows.interaction, ids).float()
            if self.has_full_sort:
                return self.model.full_sort_predict(rows.interaction).view(len(rows), -1).gather(1, ids).float()
            return self._pairs(rows, ids)

    def _among(self, rows, columns):
        if (self.has_full_sort and not self.has_candidates) or 2 * len(columns) > self.count:
            return self._all(rows)[:, columns]
        return self._each(rows, columns.expand(len(rows), -1))

    def _pairs(self, rows, ids):
        return score_pairs(self.model.predict, rows.interaction, ids, self.item_feat, _PAIRS).float()


def _leave_out(scores, rows, columns):
    """-inf for what the histories have."""
    row, item = (torch.from_numpy(values).to(scores.device) for values in rows.seen_pairs())
    if columns is not None:
        place = torch.searchsorted(columns, item).clamp_max(len(columns) - 1)
        among = columns[place] == item
        row, item = row[among], place[among]
    scores[row, item] = -torch.inf
