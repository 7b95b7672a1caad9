"""Retrieve, then rank: a model's interests find candidates in an index, and a click model scores these alone."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from recbole_iacn.data.catalogue import TOKENS
from recbole_iacn.errors import ConfigError
from recbole_iacn.serving.answer_table import answer_table
from recbole_iacn.serving.given import tokens_of
from recbole_iacn.serving.index import VectorIndex, check_options

if TYPE_CHECKING:
    import pandas as pd

    from recbole_iacn.serving.model_rows import Rows
    from recbole_iacn.serving.recommender import Recommender

_FOUND = 1 << 22  # products and positions that a search may return at once: 48 MiB


class Pipeline:
    """Two trained models as one recommender.

    Each interest of a user is searched for in an index of the retriever's item vectors; an item found by several counts
    by its largest product, which is the retriever's own score of it. Items of the history are left out, and the best
    that remain are scored by the ranker. Its order decides.

    The models may come from different data: items are matched by token. An item that only one of them knows is not
    recommended; a line of the log counts these.

    A history without an item that the retriever knows has no interests. Its candidates are those that the ranker scores
    highest for an empty history of a new user; the ranker then scores them for the row, with its columns of the user
    and of the context.

    Args:
        retriever: one of the multi-interest family, or a model with IaCN and ``iacn_mode: full``, whose interests are
            compared with ``E_auxiliary``.
        ranker: any model that scores an item for a history; for example a click model.
        index, nprobe, ef_search: see :class:`VectorIndex`, where ``index`` is the kind.

    Attributes:
        retriever, ranker (Recommender): the two.
        index (VectorIndex): of the items that both know.
        only_retriever, only_ranker (int): how many items only one of them knows.

    Raises:
        ConfigError: the retriever has no interests, the ranker reads no history, they have no item in common, an
            option of the index is wrong, or faiss is not installed.
    """

    def __init__(
        self,
        retriever: Recommender,
        ranker: Recommender,
        index: str | None = None,
        nprobe: int = 64,
        ef_search: int = 256,
    ) -> None:
        check_options(index, nprobe, ef_search)
        _check_ranker(ranker)
        self.retriever, self.ranker = retriever, ranker
        tokens, vectors = retriever.item_vectors()
        ids = ranker.ids_of(tokens)
        common = ids > 0
        self.only_retriever, self.only_ranker = int((~common).sum()), len(ranker.items) - int(common.sum())
        self._report_others()
        self._ids = ids[common]  # the ranker's, by position in the index
        self._positions = np.full(len(ranker.items) + 1, -1)
        self._positions[self._ids] = np.arange(len(self._ids))
        self.index = VectorIndex(vectors[common], index, nprobe, ef_search)
        scores = ranker.scores(_nobody(ranker))[0].cpu().numpy()
        self._without_history = np.argsort(-scores[self._ids], kind="stable")  # positions

    def recommend(
        self,
        histories: Any,
        k: int = 10,
        exclude_seen: bool = True,
        among: Any = None,
        times: Any = None,
        users: Any = None,
        candidates: int = 500,
    ) -> pd.DataFrame:
        """The best items for each history, among the candidates that its interests find.

        Args:
            histories, k, exclude_seen, among, times, users: as for :meth:`Recommender.recommend`; each model takes what
                it reads of the columns of users. If ``among`` has no more items than candidates are asked for, the
                ranker scores all of them.
            candidates: how many items the ranker scores for each history. Defaults to 500.

        Returns:
            As :meth:`Recommender.recommend`, with the ranker's scores.

        Raises:
            ConfigError: k is above ``candidates`` or the number of items to choose from, or as for
                :meth:`Recommender.recommend`.
        """
        _check_candidates(candidates, k)
        chosen = None if among is None else tokens_of(among, "among")
        self.ranker.check_k(k, len(self.index) if chosen is None else len(set(chosen)))
        retriever_rows, ranker_rows = self.rows(histories, times, users)
        ids = None
        if chosen is not None:
            ids = self.ranker.ids_of(chosen)
            ranker_rows.unknown[self.ranker.catalogue.item] += int((ids == 0).sum())
            ids = np.unique(ids[ids > 0])
        self.ranker.queries.say(ranker_rows)
        if retriever_rows is not ranker_rows:
            self.retriever.queries.say(retriever_rows)
        best = self.best(retriever_rows, ranker_rows, k, exclude_seen, ids, candidates)
        return answer_table(self.ranker.catalogue, ranker_rows, *best)

    # --- Without pandas, as for Recommender ---------------------------------------------------------------------------

    def rows(self, histories: Any, times: Any = None, users: Any = None) -> tuple[Rows, Rows]:
        """Histories as the retriever and as the ranker reads them; see :meth:`recommend` and :class:`Rows`."""
        one, other = self.retriever, self.ranker
        if one is other:
            rows = one.rows(histories, times, users)
            return rows, rows
        return (
            one.rows(histories, times, _columns_for(one, other, users)),
            other.rows(histories, times, _columns_for(other, one, users)),
        )

    @torch.no_grad()
    def best(
        self,
        retriever_rows: Rows,
        ranker_rows: Rows,
        k: int,
        exclude_seen: bool = True,
        among: np.ndarray | None = None,
        candidates: int = 500,
    ) -> tuple[Tensor, Tensor]:
        """The k best candidates of each row.

        Args:
            retriever_rows, ranker_rows: of the same histories, B of them; see :meth:`rows`.
            k: up to ``candidates``.
            exclude_seen: leave out what the histories have.
            among: the ranker's ids of the items to choose from, without 0; by default all.
            candidates: how many items the ranker scores for each row.

        Returns:
            The ranker's ids (B, k), 0 where there are fewer, and its scores (B, k), -inf there.
        """
        if among is not None and len(among) <= candidates:
            return self.ranker.best(ranker_rows, k, exclude_seen, among)
        device = self.ranker.config["device"]
        ids = torch.zeros(len(ranker_rows), k, dtype=torch.int64, device=device)
        best = torch.full((len(ranker_rows), k), -torch.inf, device=device)
        for begin, of_retriever, of_ranker in self._parts(retriever_rows, ranker_rows, candidates):
            items = self.candidates(of_retriever, of_ranker, candidates, exclude_seen, among)
            found = torch.from_numpy(items).to(device)
            scores = self.ranker.scores_of(of_ranker, found).masked_fill(found == 0, -torch.inf)
            order = scores.argsort(dim=1, descending=True, stable=True)[:, :k]
            part = slice(begin, begin + len(of_ranker)), slice(order.shape[1])
            ids[part], best[part] = found.gather(1, order), scores.gather(1, order)
        return ids, best

    def candidates(
        self,
        retriever_rows: Rows,
        ranker_rows: Rows,
        count: int = 500,
        exclude_seen: bool = True,
        among: np.ndarray | None = None,
    ) -> np.ndarray:
        """The items with the largest products with one of a row's interests.

        Args:
            retriever_rows, ranker_rows: of the same histories, B of them.
            count: how many for each row, C.
            exclude_seen, among: as for :meth:`best`.

        Returns:
            The ranker's ids, rising in each row, 0 where there are fewer, shape (B, C).
        """
        allowed = None
        if among is not None:
            allowed = self._positions[among]
            allowed = allowed[allowed >= 0]
        seen = self._seen(ranker_rows) if exclude_seen else [np.empty(0, np.int64)] * len(ranker_rows)
        # As many more as may be left out: then enough of them remain.
        wide = min(count + max(map(len, seen), default=0), len(self.index))
        vectors, active = (values.cpu().numpy() for values in self.retriever.vectors(retriever_rows))
        active &= (retriever_rows.lengths > 0)[:, None]
        products, positions = self.index.search(vectors[active], wide, allowed)
        ends = np.cumsum(active.sum(axis=1))
        result = np.zeros((len(seen), min(count, len(self.index))), dtype=np.int64)
        for row, (begin, end) in enumerate(zip(np.r_[0, ends[:-1]], ends)):
            if end > begin:
                ordered = _merged(products[begin:end], positions[begin:end])
            else:
                ordered = self._without_history if allowed is None else _only(self._without_history, allowed)
            found = np.sort(self._ids[_without(ordered, seen[row], result.shape[1])])
            result[row, : len(found)] = found
        return result

    def _parts(self, retriever_rows: Rows, ranker_rows: Rows, count: int) -> Iterator[tuple[int, Rows, Rows]]:
        longest = int(ranker_rows.lengths.max(initial=0))
        interests = getattr(self.retriever.model, "num_interests", None) or 8
        at_once = max(_FOUND // (interests * (count + longest)), 1)
        if len(ranker_rows) <= at_once:
            yield from [(0, retriever_rows, ranker_rows)] if len(ranker_rows) else []
            return
        for begin in range(0, len(ranker_rows), at_once):
            end = min(begin + at_once, len(ranker_rows))
            yield begin, retriever_rows.part(begin, end), ranker_rows.part(begin, end)

    def _seen(self, rows):
        """Positions in the index of each history's items, B arrays."""
        ends = np.cumsum(rows.lengths)
        seen = self._positions[rows.seen]
        return [some[some >= 0] for some in np.split(seen, ends[:-1])] if len(ends) else []

    def _report_others(self):
        if self.only_retriever == len(self.retriever.items):
            raise ConfigError(
                "pipeline: retriever and ranker have no item in common; train them on data with the same item tokens"
            )
        if self.only_retriever or self.only_ranker:
            logging.getLogger(__name__).warning(
                f"pipeline: {self.only_retriever:,} items are known to the retriever only, {self.only_ranker:,} to the "
                "ranker only; they are not recommended"
            )


def _merged(products, positions):
    """The positions that K searches found, by their largest product, each once; from (K, C) to at most K C."""
    products, positions = products.ravel(), positions.ravel()
    found = positions >= 0
    positions = positions[found][np.argsort(-products[found], kind="stable")]
    _, first = np.unique(positions, return_index=True)
    return positions[np.sort(first)]


def _without(ordered, seen, count):
    """The first ``count`` of some positions that were not seen."""
    ordered = ordered[: count + len(seen)]
    return ordered[~np.isin(ordered, seen)][:count] if len(seen) else ordered[:count]


def _only(ordered, allowed):
    return ordered[np.isin(ordered, allowed)]


def _check_candidates(candidates, k):
    if isinstance(candidates, bool) or not isinstance(candidates, int | np.integer) or candidates < 1:
        raise ConfigError(f"candidates: must be a whole number of at least 1, got {candidates!r}")
    if isinstance(k, int | np.integer) and k > candidates:
        raise ConfigError(f"candidates: must be at least k, {k}, got {candidates}")


def _check_ranker(ranker):
    if ranker.config["MODEL_TYPE"].name not in ("SEQUENTIAL", "CONTEXT"):
        raise ConfigError(
            f"ranker: {ranker.config['model']} reads no history and knows its training's users only; take a click "
            "model, such as DIN_IaCN"
        )


def _nobody(ranker):
    """A row of an empty history of a new user, whose context is missing."""
    missing = {
        name: [0.0 if ranker.catalogue.columns[name].kind not in TOKENS else ""] for name in ranker.queries.of_context
    }
    return ranker.rows_of_ids(np.empty(0, np.int64), np.zeros(1, np.int64), columns=missing)


def _columns_for(recommender, other, users):
    """What a model is given of the columns of users: all but what only the other model knows."""
    if users is None or not (isinstance(users, Mapping) or hasattr(users, "columns")):
        return users
    frame = users.to_pandas() if hasattr(users, "to_pandas") else users
    known, elsewhere = ({*some.catalogue.users, *some.catalogue.columns} for some in (recommender, other))
    kept = [name for name in frame if name in known or name not in elsewhere]
    return {name: frame[name] for name in kept} if isinstance(frame, Mapping) else frame[kept]
