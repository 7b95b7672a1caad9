"""A trained model that answers by internal numbers, without pandas: for pipelines, services and streams."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from recbole_iacn.bundle.folder import Bundle
from recbole_iacn.errors import ConfigError
from recbole_iacn.serving import newcomers
from recbole_iacn.serving.given import tokens_of
from recbole_iacn.serving.interests import user_vectors_of
from recbole_iacn.serving.item_scores import ItemScores
from recbole_iacn.serving.model_rows import Rows
from recbole_iacn.serving.queries import Queries


class ById:
    """What :class:`recbole_iacn.serving.recommender.Recommender` does below its tables, by internal numbers, of which 0
    is padding. Arguments and attributes are those of that class.
    """

    def __init__(self, bundle: Bundle, device: str | torch.device = "cpu") -> None:
        self.manifest, self.catalogue = bundle.manifest, bundle.catalogue
        self.config: Any = bundle.config(device)
        self.model: Any = bundle.model(device).requires_grad_(False)
        newcomers.settle(self.model, self.config, self.catalogue)
        self.items = self.catalogue.tokens[self.catalogue.item][1:]
        self.queries = Queries(self.config, self.catalogue, self.model)
        self._item_scores = ItemScores(self.model, self.config, self.catalogue)

    def rows(self, histories: Any, times: Any = None, users: Any = None) -> Rows:
        """Histories as the model reads them; see the class and :class:`Rows`."""
        return self.queries.rows(histories, times, users)

    def rows_of_ids(self, ids: np.ndarray, lengths: np.ndarray, **more: Any) -> Rows:
        """As :meth:`rows`, from ids end to end; see :meth:`Queries.of_ids`."""
        return self.queries.of_ids(ids, lengths, **more)

    def ids_of(self, tokens: Any) -> np.ndarray:
        """The ids of item tokens, int64; 0 for those that the model does not know."""
        return self.catalogue.ids(self.catalogue.item, tokens_of(tokens, "items"))

    def scores(self, rows: Rows) -> Tensor:
        """Scores of all items by id, (B, items); that of padding is -inf."""
        return self._item_scores.of_all(rows)

    def scores_of(self, rows: Rows, ids: Tensor) -> Tensor:
        """Scores of each row's own items.

        Args:
            rows: B of them.
            ids: item ids, int64, shape (B, N).

        Returns:
            Shape (B, N).
        """
        return self._item_scores.of_each(rows, ids)

    def best(
        self, rows: Rows, k: int, exclude_seen: bool = True, among: np.ndarray | None = None
    ) -> tuple[Tensor, Tensor]:
        """The k best items of each row.

        Args:
            rows: B of them.
            k: up to the number of items.
            exclude_seen: leave out what the histories have.
            among: ids of the items to choose from, without 0; by default all.

        Returns:
            Ids (B, k), 0 where there are fewer, and their scores (B, k), -inf there.
        """
        return self._item_scores.best(rows, k, exclude_seen, among)

    def vectors(self, rows: Rows) -> tuple[Tensor, Tensor]:
        """As :meth:`user_vectors`, of rows, as tensors."""
        return user_vectors_of(self.model, rows)

    def check_k(self, k: Any, most: int) -> None:
        """Reject a number of items that cannot be recommended.

        Args:
            k: the number.
            most: how many items there are to choose from.

        Raises:
            ConfigError: says what it may be.
        """
        if isinstance(k, bool) or not isinstance(k, int | np.integer) or not 1 <= k <= most:
            raise ConfigError(
                f"k: must be a whole number from 1 to {most}, the number of items to choose from, got {k!r}"
            )

    def chosen(self, k: Any, among: Any) -> list[str] | None:
        """The tokens of the items to choose from; None for all.

        Args:
            k: how many are to be recommended.
            among: what the caller names.

        Raises:
            ConfigError: it names none, or there are fewer than k.
        """
        tokens = None if among is None else tokens_of(among, "among")
        if tokens == []:
            raise ConfigError("among: has no item; leave it out to choose from all")
        self.check_k(k, len(self.items) if tokens is None else len(set(tokens)))
        return tokens

    def known(self, tokens: list[str], rows: Rows) -> np.ndarray:
        """The ids of item tokens, int64; 0 for those that the model does not know, which the rows count."""
        ids = self.ids_of(tokens)
        missing = int((ids == 0).sum())
        if missing:
            rows.unknown[self.catalogue.item] += missing
        return ids

    def known_among(self, tokens: list[str], rows: Rows) -> np.ndarray:
        """The different ids of the items that the model knows, as for :meth:`known`."""
        ids = self.known(tokens, rows)
        return np.unique(ids[ids > 0])
