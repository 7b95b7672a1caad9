"""Explanations of histories by a trained model: its interests, and what its scores lose without a click, measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from recbole_iacn.errors import ConfigError
from recbole_iacn.serving.by_id import ById
from recbole_iacn.serving.explain import remarks
from recbole_iacn.serving.explain.asked import Asked
from recbole_iacn.serving.explain.candidates import best_of_pool, united
from recbole_iacn.serving.explain.changed_histories import ChangedHistories, Window, in_chunks, lost
from recbole_iacn.serving.explain.edits import addable_items, edits_of, margins_of
from recbole_iacn.serving.explain.explanation import Click, Edits, ExplainedItem, Explanation, Reason
from recbole_iacn.serving.explain.found_interests import FoundInterests
from recbole_iacn.serving.explain.item_names import ItemNames
from recbole_iacn.serving.model_rows import Rows

_ROWS = 1 << 14  # changed histories that exist at once
_PAIRS = 1 << 17  # of a changed history and an item, per history; click models take seconds for as many


def explain(
    recommender: ById,
    rows: Rows,
    of_rows: Sequence[Window],
    names: ItemNames,
    asked: Asked,
) -> list[Explanation]:
    """One explanation per history; see :meth:`recbole_iacn.serving.recommender.Recommender.explain`.

    Args:
        recommender: of the model.
        rows: B histories as the model reads them.
        of_rows: their windows.
        names: of the items.
        asked: what to explain.
    """
    costs = [len(window.ids) + 16 + (asked.addable or 0) for window in of_rows]
    explanations: list[Explanation] = []
    for begin, end in in_chunks(costs, _ROWS):
        explanations += _Chunk(recommender, rows.part(begin, end), of_rows[begin:end], names, asked).explanations()
    return explanations


class _Chunk:
    """Some histories, which are asked about together."""

    def __init__(
        self, recommender: ById, rows: Rows, of_rows: Sequence[Window], names: ItemNames, asked: Asked
    ) -> None:
        self.recommender, self.names, self.asked, self.windows = recommender, names, asked, of_rows
        self.model = type(recommender.model).__name__
        self.users = rows.names
        self.interests = FoundInterests.of(recommender, rows, of_rows, names, asked.nearest)
        count = max(asked.k, min(asked.addable or 0, len(recommender.items)))
        found, scores = (best.cpu().numpy() for best in recommender.best(rows, count, asked.exclude_seen, asked.among))
        self.best, self.scores = found[:, : asked.k], scores[:, : asked.k]
        self.added = None
        if asked.addable is not None:
            self.added = [
                addable_items(seen, best, self.interests.nearest_of(place), asked.addable)
                for place, (seen, best) in enumerate(zip(rows.seen_by_row(), found))
            ]
        self.changed = ChangedHistories.of(recommender.queries, rows, of_rows, self.interests.belongs, self.added)
        self.pool: np.ndarray | None = None
        self.candidates = self._candidates()
        of_each = torch.from_numpy(self.candidates[self.changed.owner])
        self.measured = recommender.scores_of(self.changed.rows, of_each).cpu().numpy().astype(np.float64)
        if not (np.isfinite(self.measured) | (self.candidates[self.changed.owner] == 0)).all():
            raise ConfigError(
                "users: a number among the columns is too large for the model, whose scores are not finite"
            )

    def _candidates(self):
        """Ids, (B, C): the best k; with edits also the best k of each changed history."""
        if self.added is None:
            return self.best
        recommender, asked = self.recommender, self.asked
        items = len(recommender.items) if asked.among is None else len(asked.among)
        fast = getattr(recommender.model, "full_sort_is_fast", False)
        if fast or self.changed.most_rows * items <= _PAIRS:
            ids = recommender.best(self.changed.rows, asked.k, asked.exclude_seen, asked.among)[0].cpu().numpy()
        else:
            self.pool, ids = best_of_pool(recommender, self.changed, self.added, asked)
        return united(self.best, ids, self.changed.owner)

    def explanations(self) -> list[Explanation]:
        return [self._of(place) for place in range(len(self.windows))]

    def _of(self, place):
        window, found = self.windows[place], self.interests
        return Explanation(
            model=self.model,
            user=str(self.users[place]),
            clicks=self._clicks(place),
            older=window.older,
            interests=found.explained(place),
            items=self._items(place),
            notes=(
                *remarks.of_history(self.recommender, window, found, place),
                *remarks.of_scores(self.scores[place][self.best[place] > 0]),
                *(remarks.of_pool(int((self.pool[place] > 0).sum())) if self.pool is not None else ()),
                *self.names.notes,
            ),
            edits=self._edits(place),
        )

    def _clicks(self, place):
        window, found = self.windows[place], self.interests
        return tuple(
            Click(
                of=self.names.named(item),
                place=number,
                time=None if window.times is None else float(window.times[number]),
                interest=None if found.belongs is None else int(found.belongs[place][number]),
                couplings=found.couplings_of(place, number),
            )
            for number, item in enumerate(window.ids.tolist())
        )

    def _items(self, place):
        changed, first = self.changed, self.changed.first[place]
        there = np.flatnonzero(self.best[place])
        scores = self.measured[:, : len(self.best[place])]
        clicks = scores[first] - scores[first + 1 : first + 1 + changed.readable(place)]  # (L, k)
        interests = lost(scores, first, changed.interests[place], self.interests.count)
        empty = changed.empty[place]
        belongs = self.interests.of_items(place, self.best[place])
        return tuple(
            ExplainedItem(
                of=self.names.named(self.best[place, rank]),
                rank=number,
                score=float(self.scores[place, rank]),
                interest=None if belongs is None else int(belongs[rank]),
                reasons=tuple(
                    Reason(int(click), float(clicks[click, rank]))
                    for click in np.argsort(-clicks[:, rank], kind="stable")
                ),
                without_interest=tuple(interests[:, rank].tolist()),
                without_history=None if empty is None else float(scores[first, rank] - scores[empty, rank]),
            )
            for number, rank in enumerate(there.tolist(), start=1)
        )

    def _edits(self, place: int) -> Edits | None:
        if self.added is None:
            return None
        candidates = self.candidates[place][self.candidates[place] > 0]
        recommender, changed = self.recommender, self.changed
        margins, probability = margins_of(recommender, self.measured[:, : len(candidates)])
        tokens = recommender.catalogue.tokens[recommender.catalogue.item]
        added = self.added[place] if changed.added[place] else []
        edits = edits_of(changed, place, margins, tokens[candidates], tokens[added], self.interests.count, probability)
        belongs = self.interests.of_items(place, candidates)
        named = {one.item: one for one in map(self.names.named, [*candidates.tolist(), *added])}
        return replace(edits, belongs=() if belongs is None else tuple(belongs.tolist()), named=named)
