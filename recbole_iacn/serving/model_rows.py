"""Histories as a model reads them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from recbole.data.interaction import Interaction
from torch import Tensor


@dataclass
class Rows:
    """Histories as a model reads them.

    Attributes:
        interaction: B rows on the model's device: histories of ids (B, L), oldest first, padding on the right; their
            lengths (B,); the user's id; the columns of users and of the context that the model reads.
        names: a label per row: the user's token, or its number from 0, shape (B,).
        seen: the ids of all known items of all histories, however long they are, end to end.
        lengths: how many of them each history has, shape (B,).
        unknown: how many tokens were not known, by column; they are left out.
        users: the rows' own columns of users, where a model looks them up by the user's id; None if it has them.
    """

    interaction: Interaction
    names: np.ndarray
    seen: np.ndarray
    lengths: np.ndarray
    unknown: Counter[str] = field(default_factory=Counter)
    users: dict[str, Tensor] | None = None

    def __len__(self) -> int:
        return len(self.lengths)

    def part(self, begin: int, end: int) -> Rows:
        """Some of the rows.

        Args:
            begin, end: from, and up to.
        """
        places = self._places
        users = None if self.users is None else {name: values[begin:end] for name, values in self.users.items()}
        return Rows(
            self.interaction[begin:end],
            self.names[begin:end],
            self.seen[places[begin] : places[end]],
            self.lengths[begin:end],
            self.unknown,
            users,
        )

    def take(self, which: np.ndarray) -> Rows:
        """Some of the rows, in any order.

        Args:
            which: their places, int64, shape (R,).
        """
        users = None if self.users is None else {name: values[which] for name, values in self.users.items()}
        of_rows = self.seen_by_row()
        seen = [of_rows[place] for place in which.tolist()]
        return Rows(
            self.interaction[torch.from_numpy(which)],
            self.names[which],
            np.concatenate([self.seen[:0], *seen]),
            self.lengths[which],
            self.unknown,
            users,
        )

    @cached_property
    def _places(self) -> np.ndarray:
        """Where each history begins in ``seen``, and where the last one ends."""
        return np.r_[0, np.cumsum(self.lengths)]

    def seen_by_row(self) -> list[np.ndarray]:
        """The ids that each history has, B arrays."""
        return np.split(self.seen, self._places[1:-1])

    def seen_pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """Row and item of everything in the histories."""
        return np.repeat(np.arange(len(self)), self.lengths), self.seen
