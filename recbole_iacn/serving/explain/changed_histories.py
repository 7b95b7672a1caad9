"""Histories without one of their clicks, without an interest, or with one click more, as rows that a model reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from recbole_iacn.serving.given import Given
from recbole_iacn.serving.model_rows import Rows
from recbole_iacn.serving.queries import Queries


@dataclass(frozen=True)
class Window:
    """What a model reads of one history.

    Attributes:
        ids: the clicks, oldest first, shape (L,).
        times: of each, as given; None where they are not.
        older: known clicks before these, which the model does not read.
        unknown: items of the history that the model does not know.
    """

    ids: np.ndarray
    times: np.ndarray | None
    older: int
    unknown: int


def windows(given: Given, ids: np.ndarray, most: int) -> list[Window]:
    """The windows of histories.

    Args:
        given: B histories end to end.
        ids: of their items, 0 for an unknown one.
        most: clicks that the model reads; 0 for one that reads none.
    """
    ends = np.cumsum(given.lengths)
    found = []
    for begin, end in zip((ends - given.lengths).tolist(), ends.tolist()):
        known = begin + np.flatnonzero(ids[begin:end])
        newest = known[len(known) - min(most, len(known)) :]
        times = None if given.times is None else given.times[newest]
        found.append(Window(ids[newest], times, len(known) - len(newest), end - begin - len(known)))
    return found


@dataclass(frozen=True)
class ChangedHistories:
    """Rows of B histories and of what they become by single changes. What is left out of a window is not replaced by an
    older click. All clicks of the whole history, and one that is added, count as seen.

    Attributes:
        rows: R of them.
        owner: which history each belongs to, shape (R,).
        first: the row of each history as it is, B numbers; the rows of its L clicks, each left out, follow.
        clicks: L of each history, B numbers.
        interests: interest -> the row without its clicks, for each history and each interest that has clicks.
        empty: the row without any click, B numbers or None.
        added: the rows with each of the added items as the newest click, B ranges.
    """

    rows: Rows
    owner: np.ndarray
    first: list[int]
    clicks: list[int]
    interests: list[dict[int, int]]
    empty: list[int | None]
    added: list[range]

    @classmethod
    def of(
        cls,
        queries: Queries,
        rows: Rows,
        of_rows: Sequence[Window],
        belongs: Sequence[np.ndarray] | None,
        added: Sequence[Sequence[int]] | None = None,
    ) -> ChangedHistories:
        """All single changes.

        Args:
            queries: of the model.
            rows: B histories.
            of_rows: their windows.
            belongs: the interest of each click, B arrays (L,); None for a model without interests.
            added: ids of items to add, for each history.
        """
        if queries.history is None:
            count = len(rows)
            nothing: list[int | None] = [None] * count
            every = list(range(count))
            return cls(rows, np.arange(count), every, [0] * count, [{}] * count, nothing, [range(0)] * count)
        made = _Made(queries, rows)
        first, interests, empty, further = [], [], [], []
        for number, window in enumerate(of_rows):
            everything = np.ones(len(window.ids), dtype=bool)
            first.append(made.add(number, window, everything))
            for place in range(len(window.ids)):
                made.add(number, window, np.arange(len(window.ids)) != place)
            of_clicks = belongs[number] if belongs is not None else np.zeros(0, dtype=np.int64)
            interests.append({int(k): made.add(number, window, of_clicks != k) for k in np.unique(of_clicks)})
            empty.append(made.add(number, window, ~everything) if queries.least == 0 else None)
            begin = len(made.owner)
            for item in added[number] if added is not None else ():
                made.add(number, window, everything, item)
            further.append(range(begin, len(made.owner)))
        lengths = [len(window.ids) for window in of_rows]
        return cls(made.rows(), np.array(made.owner), first, lengths, interests, empty, further)

    @property
    def most_rows(self) -> int:
        """Rows of the history that has the most."""
        return int(np.bincount(self.owner, minlength=1).max())

    def readable(self, place: int) -> int:
        """How many clicks of a history can be left out: none where the model cannot read what is left of the only one.

        Args:
            place: the history.
        """
        only = self.clicks[place] == 1 and self.empty[place] is None
        return 0 if only else self.clicks[place]

    def large_changes(self) -> np.ndarray:
        """The rows of the histories as they are, and of those that lack an interest or every click."""
        rows = [*self.first, *(row for some in self.interests for row in some.values())]
        return np.array([*rows, *(row for row in self.empty if row is not None)], dtype=np.int64)


class _Made:
    """Collects rows."""

    def __init__(self, queries: Queries, rows: Rows) -> None:
        self._queries, self._rows = queries, rows
        self._seen = rows.seen_by_row()
        self.owner: list[int] = []
        self._ids: list[np.ndarray] = []
        self._times: list[np.ndarray] = []
        self._with: list[np.ndarray] = []

    def add(self, number: int, window: Window, kept: np.ndarray, item: int | None = None) -> int:
        more = np.array([] if item is None else [item], dtype=np.int64)
        times = np.zeros(len(window.ids), dtype=np.int64) if window.times is None else window.times
        newest = times[-1:] if len(times) else np.zeros(1, dtype=times.dtype)
        self.owner.append(number)
        self._ids.append(np.concatenate([window.ids[kept], more]))
        self._times.append(np.concatenate([times[kept], newest[: len(more)]]))
        self._with.append(np.concatenate([self._seen[number], more]))
        return len(self.owner) - 1

    def rows(self) -> Rows:
        lengths = np.array([len(ids) for ids in self._ids], dtype=np.int64)
        made = self._queries.replaced(
            self._rows, np.array(self.owner), np.concatenate(self._ids), lengths, np.concatenate(self._times)
        )
        made.seen = np.concatenate(self._with)
        made.lengths = np.array([len(seen) for seen in self._with], dtype=np.int64)
        return made


def in_chunks(costs: Sequence[int], most: int) -> list[tuple[int, int]]:
    """From and up to which history chunks go whose costs add up to ``most`` at the most; one history makes a chunk
    whatever its cost.

    Args:
        costs: of each history.
        most: the limit.
    """
    chunks, begin, total = [], 0, 0
    for place, cost in enumerate(costs):
        if place > begin and total + cost > most:
            chunks.append((begin, place))
            begin, total = place, 0
        total += cost
    return [*chunks, (begin, len(costs))] if len(costs) else []


def lost(scores: np.ndarray, first: int, without: Mapping[int, int], count: int) -> np.ndarray:
    """What scores lose without each interest, shape (count, N); 0 for one that has no clicks.

    Args:
        scores: of all rows, shape (R, N).
        first: the row of the history as it is.
        without: interest -> the row without its clicks.
        count: K.
    """
    losses = np.zeros((count, scores.shape[1]))
    for interest, row in without.items():
        losses[interest] = scores[first] - scores[row]
    return losses
