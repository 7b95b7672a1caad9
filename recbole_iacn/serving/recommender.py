"""A trained model that answers: scores, recommendations, vectors and interests for histories of tokens."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch

from recbole_iacn.bundle.content import fitting_together
from recbole_iacn.bundle.folder import Bundle
from recbole_iacn.errors import ConfigError
from recbole_iacn.serving.answer_table import answer_table
from recbole_iacn.serving.by_id import ById
from recbole_iacn.serving.given import tokens_of
from recbole_iacn.serving.interests import Interests, interests_of, vectors_of_items

if TYPE_CHECKING:
    from recbole_iacn.serving.explain.explanation import Explanation
    from recbole_iacn.serving.explain.item_names import ItemNames
    from recbole_iacn.serving.item_values import ItemValues
    from recbole_iacn.serving.pipeline import Pipeline


def load(path: str | os.PathLike, device: str | torch.device = "cpu") -> Recommender:
    """Open a bundle.

    Args:
        path: the folder that :meth:`recbole_iacn.Training.save` or ``recbole-iacn train --bundle`` has written.
        device: where the model is to be. Defaults to the CPU.

    Returns:
        The trained model, ready to be asked.

    Raises:
        ConfigError: the folder is not a bundle, is damaged, or was written by a later version.
    """
    bundle = Bundle.read(path)
    with fitting_together(bundle.path):
        return Recommender(bundle, device)


class Recommender(ById):
    """A trained model with its vocabulary. It answers for anybody: users that it knows, new ones, empty histories.

    Every method takes ``histories``: a list with a list of item tokens for each of B users, oldest first; or a table
    (pandas, Polars, Arrow) with a row per click and columns named as in the training's data, sorted by time if it has
    times. A model reads the newest L clicks of a history. What else a model may read:

    - ``times``: a list of numbers beside each history, for a model that reads times (TiSASRec); a table has them.
    - ``users``: a list of B user tokens; or a table, or a dict of columns, with B rows of what the model reads of users
      and of the context of the question. By default everybody is a new user. In a table of histories the column of
      users says who they are.

    Tokens that the model does not know are left out (items), taken for new (users) or for missing (other columns); one
    line of the log counts them. A new user has the mean vector of all users, where a model has a vector per user.

    An object answers one caller at a time; threads share it by a lock of theirs.

    Args:
        bundle: what a training has left.
        device: where the model is to be.

    Attributes:
        model (recbole.model.abstract_recommender.AbstractRecommender): the model, in evaluation mode.
        config (recbole.config.Config): its settings.
        catalogue (Catalogue): its columns, tokens and tables.
        manifest (dict): versions, and what the bundle is of.
        queries (Queries): which columns the model reads, and how rows are made.
        items (numpy.ndarray): the tokens of all items, in the order of their ids from 1, shape (N,).
    """

    def score(self, histories: Any, items: Any, times: Any = None, users: Any = None) -> np.ndarray:
        """The score of every given item for each history: a click model's probability of a click, or the family's
        largest product of an interest and the item.

        Args:
            histories, times, users: see the class.
            items: N item tokens.

        Returns:
            float32, shape (B, N); NaN for an item that the model does not know.

        Raises:
            ConfigError: an argument is of another form, or lacks what the model reads.
        """
        tokens = tokens_of(items, "items")
        rows = self.rows(histories, times, users)
        ids = self.known(tokens, rows)
        self.queries.say(rows)
        scores = self.scores_of(rows, torch.from_numpy(ids).expand(len(rows), -1)).cpu().numpy()
        return np.where(ids == 0, np.float32("nan"), scores)

    def recommend(
        self,
        histories: Any,
        k: int = 10,
        exclude_seen: bool = True,
        among: Any = None,
        times: Any = None,
        users: Any = None,
        diversity: float | None = None,
        diversity_by: str | ItemValues | None = None,
    ) -> pd.DataFrame:
        """The best items for each history.

        With ``diversity``, the list trades scores for different categories: ComiRec's controllable aggregation (Cen et
        al., KDD '20, section 3.3) for any model, see :func:`recbole_iacn.nn.aggregation.select`. Its candidates are the
        best k of each interest, and the best 4 k of a model without several.

        Args:
            histories, times, users: see the class.
            k: how many, at most as many as there are items. Defaults to 10.
            exclude_seen: leave out the items of the history, however old. Defaults to True.
            among: item tokens to choose from; by default all.
            diversity: lambda, 0 or more, in the unit of the scores: an item that differs from one more item of the list
                may have a score that is lower by as much. Defaults to None, and 0 is the same list.
            diversity_by: the column of items whose values are to differ, by default the only one that the bundle has;
                or what :meth:`item_values` returns, of a table.

        Returns:
            A table with up to k rows per history, best first; columns: the user (its token, or the number of the
            history), the item, ``score`` and ``rank`` from 1. ``attrs["unknown"]`` counts unknown tokens. With
            ``diversity`` the rank is the order of the choice, and the scores, the model's own, need not fall.

        Raises:
            ConfigError: k is not from 1 to the number of items; ``diversity`` is below 0, or there is no column for it;
                or as for :meth:`score`.
        """
        chosen = self.chosen(k, among)
        wanted = self.diversity(diversity, diversity_by)
        rows = self.rows(histories, times, users)
        ids = None if chosen is None else self.known_among(chosen, rows)
        self.queries.say(rows)
        return answer_table(self.catalogue, rows, *self.best(rows, k, exclude_seen, ids, wanted))

    def rank(self, histories: Any, candidates: Any, times: Any = None, users: Any = None) -> pd.DataFrame:
        """Each history's own candidates, best first.

        Args:
            histories, times, users: see the class.
            candidates: a list of item tokens for each history; those that the model does not know are left out.

        Returns:
            As :meth:`recommend`.

        Raises:
            ConfigError: as :meth:`score`.
        """
        rows = self.rows(histories, times, users)
        if isinstance(candidates, str) or not hasattr(candidates, "__len__") or len(candidates) != len(rows):
            raise ConfigError(f"candidates: must be a list of {len(rows)} lists of item tokens, one per history")
        lists = [
            self.known(tokens_of(some, f"candidates, place {place}"), rows) for place, some in enumerate(candidates)
        ]
        self.queries.say(rows)
        ids = np.zeros((len(lists), max(map(len, lists), default=0)), dtype=np.int64)
        for place, some in enumerate(lists):
            ids[place, : len(some)] = some
        scores = self.scores_of(rows, torch.from_numpy(ids))
        scores = scores.masked_fill(torch.from_numpy(ids == 0).to(scores.device), -torch.inf)
        order = scores.argsort(dim=1, descending=True, stable=True)
        best = torch.from_numpy(ids).to(order.device).gather(1, order)
        return answer_table(self.catalogue, rows, best, scores.gather(1, order))

    def item_vectors(self) -> tuple[np.ndarray, np.ndarray]:
        """The vectors that items are retrieved by: the family's item table, or ``E_auxiliary`` of a model with IaCN.

        Returns:
            Tokens of the N items, and their vectors (N, D), float32.

        Raises:
            ConfigError: the model has no such vectors.
        """
        return self.items, vectors_of_items(self.model).cpu().numpy()

    def user_vectors(self, histories: Any, times: Any = None, users: Any = None) -> tuple[np.ndarray, np.ndarray]:
        """The vectors that users retrieve items by; an item's score is its largest product with one of them.

        Args:
            histories, times, users: see the class.

        Returns:
            Vectors (B, K, D), float32, and which of them a user has, (B, K).

        Raises:
            ConfigError: the model has none, or as for :meth:`score`.
        """
        rows = self.rows(histories, times, users)
        self.queries.say(rows)
        vectors, active = self.vectors(rows)
        return vectors.cpu().numpy(), active.cpu().numpy()

    def interests(self, histories: Any, times: Any = None, users: Any = None) -> Interests:
        """The interests of each history: vectors, which click belongs to which, and how much each counts.

        Args:
            histories, times, users: see the class.

        Raises:
            ConfigError: the model has none, or as for :meth:`score`.
        """
        rows = self.rows(histories, times, users)
        self.queries.say(rows)
        return interests_of(self.model, rows, self.catalogue)

    def explain(
        self,
        histories: Any,
        k: int = 10,
        exclude_seen: bool = True,
        among: Any = None,
        times: Any = None,
        users: Any = None,
        items: Any = None,
        edits: bool = False,
        nearest: int = 20,
        addable: int = 20,
    ) -> list[Explanation]:
        """Why these items: the interests of each history, and for each recommended item the clicks that carry it.

        What a score loses without a click is measured: the model is asked again for the history that lacks it. The
        clicks that it reads stay the same otherwise: no older one takes the empty place, and what is left out still
        counts as seen. Explaining a history of L clicks takes about L + K scores of each recommended item.

        Args:
            histories, k, exclude_seen, among, times, users: as for :meth:`recommend`.
            items: names, pictures and columns of the items: the path of a table (RecBole's ``.item``, CSV, Parquet or
                JSON lines), a data frame, or what :meth:`item_names` returns. By default what the bundle has.
            edits: also what every single change of the history does to the list, for which all items are scored
                L + K + A times. Defaults to False.
            nearest: how many of the nearest items of each interest to list. Defaults to 20.
            addable: A, how many items ``edits`` has that may be added to the history. Defaults to 20.

        Returns:
            One :class:`Explanation` per history; ``print`` shows its words, ``as_dict`` is for JSON. Models without
            interests give reasons alone, and a note says so.

        Raises:
            ConfigError: as for :meth:`recommend`; the table of items cannot be read; ``nearest`` or ``addable`` is not
                a whole number from 1.
        """
        from recbole_iacn.serving.explain.asking import explained

        return explained(
            self, histories, k, exclude_seen, among, times, users, items, nearest, addable if edits else None
        )

    def item_names(
        self,
        items: Any = None,
        item_key: str | None = None,
        title: str | None = None,
        picture: str | None = None,
        in_events: str | None = None,
    ) -> ItemNames:
        """Names of the items, read once for several explanations; see :meth:`ItemNames.read`."""
        from recbole_iacn.serving.explain.item_names import ItemNames

        return ItemNames.read(self.catalogue, items, item_key, title, picture, in_events)

    def export(self, path: str | os.PathLike, overwrite: bool = False) -> None:
        """Write an ONNX graph and its vocabulary; see :func:`recbole_iacn.serving.onnx.exporting.export`."""
        from recbole_iacn.serving.onnx.exporting import export

        export(self, path, overwrite)

    @staticmethod
    def pipeline(retriever: Recommender, ranker: Recommender, index: str | None = None, **options: int) -> Pipeline:
        """Retrieve, then rank, for large catalogues: the first model's interests find candidates in an index, the
        second orders these. Arguments and errors: :class:`recbole_iacn.serving.pipeline.Pipeline`."""
        from recbole_iacn.serving.pipeline import Pipeline

        return Pipeline(retriever, ranker, index, **options)


__all__ = ["Recommender", "load"]
