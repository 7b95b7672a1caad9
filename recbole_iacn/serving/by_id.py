"""A trained model that answers by internal numbers, without pandas: for pipelines, services and streams."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from recbole_iacn.bundle.folder import Bundle
from recbole_iacn.errors import ConfigError
from recbole_iacn.serving import newcomers
from recbole_iacn.serving.diverse_lists import WORDS, Diversity, check_weight, diverse_best, say_without
from recbole_iacn.serving.given import tokens_of
from recbole_iacn.serving.interests import user_vectors_of
from recbole_iacn.serving.item_scores import ItemScores
from recbole_iacn.serving.item_values import ItemValues, values_of, values_of_table
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
        self._values: dict[str | None, ItemValues] = {}

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
        self,
        rows: Rows,
        k: int,
        exclude_seen: bool = True,
        among: np.ndarray | None = None,
        diversity: Diversity | None = None,
    ) -> tuple[Tensor, Tensor]:
        """The k best items of each row.

        Args:
            rows: B of them.
            k: up to the number of items.
            exclude_seen: leave out what the histories have.
            among: ids of the items to choose from, without 0; by default all.
            diversity: of :meth:`diversity`; by default the items are those with the highest scores.

        Returns:
            Ids (B, k), 0 where there are fewer, and their scores (B, k), -inf there.
        """
        if diversity is None or diversity.weight == 0:
            return self._item_scores.best(rows, k, exclude_seen, among)
        return diverse_best(self._item_scores, rows, k, exclude_seen, among, diversity)

    def diversity(self, weight: Any, by: Any = None) -> Diversity | None:
        """What :meth:`best` trades scores for.

        Args:
            weight: lambda; None for lists by the scores alone.
            by: as ``diversity_by`` of :meth:`recbole_iacn.serving.recommender.Recommender.recommend`.

        Raises:
            ConfigError: the weight is not a finite number of 0 or more; there is no such column, or it is not named.
        """
        if weight is None:
            if by is not None:
                raise ConfigError(
                    "diversity_by: is what lists are to differ in, and diversity (--diversity λ) says how much; give "
                    "diversity, or leave diversity_by out"
                )
            return None
        weight = check_weight(weight)
        if not isinstance(by, ItemValues):
            by = self._values_of(by)
        return Diversity(weight, by)

    def item_values(self, items: Any, column: str | None = None, item_key: str | None = None) -> ItemValues:
        """The values of a column of a table of items, such as their categories, for ``diversity_by``.

        Args:
            items: the path of a table (RecBole's ``.item``, CSV, Parquet or JSON lines), or a data frame.
            column: the column; by default the only one that has tokens, besides the item's and a title's.
            item_key: the column of the item; by default recognised.

        Raises:
            ConfigError: the table cannot be read, lacks the column, or knows none of the model's items.
        """
        found = values_of_table(self.catalogue, items, column, item_key, WORDS)
        say_without(found)
        return found

    def _values_of(self, column: Any) -> ItemValues:
        if column is not None and not isinstance(column, str):
            raise ConfigError(
                "diversity_by: must be the name of a column of items, or what Recommender.item_values(TABLE) returns, "
                f"got {column!r:.60}"
            )
        if column not in self._values:
            found = values_of(self.catalogue, column, WORDS)
            if found is None:
                raise ConfigError(
                    "diversity: the bundle has no column of items with tokens, such as categories; give a table of "
                    f"items ({WORDS.table}), or train with the column in load_col.item"
                )
            say_without(found)
            self._values[column] = found
        return self._values[column]

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
