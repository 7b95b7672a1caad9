"""Histories of many users as two flat arrays on disk, sorted by user and time: a history is where it starts and stops.

A million histories take no memory: a batch reads its own entries.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np


class HistoryFiles:
    """Events of all users, each user's in the order of their times.

    Attributes:
        items: internal ids of the items, int32, shape (N,).
        micros: times in microseconds since 1970, or places times a million, int64, shape (N,); ascending for each user.
    """

    def __init__(self, items: np.ndarray, micros: np.ndarray) -> None:
        self.items, self.micros = items, micros

    @classmethod
    def write(cls, folder: Path, batches: Iterable[tuple[np.ndarray, np.ndarray]]) -> HistoryFiles:
        """Write the arrays into a folder, and open them.

        Args:
            folder: an existing folder, which the caller removes.
            batches: the events in their final order: ids of items and times, shapes (n,) each.
        """
        paths = [folder / "history.items", folder / "history.micros"]
        kinds = (np.int32, np.int64)
        count = 0
        with open(paths[0], "wb") as items, open(paths[1], "wb") as micros:
            for ids, times in batches:
                ids.astype(kinds[0]).tofile(items)
                times.astype(kinds[1]).tofile(micros)
                count += len(ids)
        if not count:  # an empty file cannot be mapped
            return cls(*(np.zeros(0, kind) for kind in kinds))
        return cls(*(np.memmap(path, kind, mode="r") for path, kind in zip(paths, kinds)))

    def before(self, starts: np.ndarray, stops: np.ndarray, micros: np.ndarray) -> np.ndarray:
        """Where histories stop that hold only what lies strictly before a time.

        Args:
            starts, stops: first entry of each history, and the one after its last, int64, shape (B,).
            micros: the times, int64, shape (B,).

        Returns:
            int64, shape (B,): the new ``stops``.
        """
        low, high = starts.copy(), stops.copy()
        while (searching := low < high).any():  # of all rows at once, a binary search
            middle = (low + high) // 2
            earlier = searching.copy()
            earlier[searching] = self.micros[middle[searching]] < micros[searching]
            low = np.where(earlier, middle + 1, low)
            high = np.where(searching & ~earlier, middle, high)
        return low

    def gather(self, starts: np.ndarray, stops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The entries of a batch of histories, one history after another.

        Args:
            starts, stops: int64, shape (B,).

        Returns:
            Ids of items, int64, and seconds since 1970 (or places), float64, each of shape (entries,), where entries is
            the sum of ``stops - starts``.
        """
        lengths = stops - starts
        ends = np.cumsum(lengths)
        entries = int(ends[-1]) if len(ends) else 0
        at = np.arange(entries) + np.repeat(starts - (ends - lengths), lengths)
        return self.items[at].astype(np.int64), self.micros[at] / 1_000_000
