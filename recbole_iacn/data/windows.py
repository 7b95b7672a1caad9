"""Rows whose histories are slices of columns that all rows share: nothing is copied per row.

RecBole writes every history into a matrix of its own, ``(rows, max_length)`` for each column: a table 20 times the
data. Here a click stores where its history stops and how long it is, a split is a list of clicks, and a batch gathers
what it needs.

    column    0 | a b c d e | f g h          (a leading zero, then two users' clicks, oldest first)
    click d   stop 4, length 3  ->  a b c 0 0     "a, b, c, then d?"
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from recbole.data.interaction import Interaction
from torch import Tensor

Index = int | slice | range | Sequence[int] | np.ndarray | Tensor  # what RecBole indexes rows by


class Windows:
    """Histories of clicks over shared columns.

    Args:
        columns (dict of str to torch.Tensor): name of the list column -> values, shape (M + 1, …). Entry 0 is
            padding and must be zero; see :meth:`over`.
        stop (torch.Tensor): entry after the last one of each history, int, shape (clicks,).
        length (torch.Tensor): entries of each history, int, shape (clicks,).
        width (int): L, columns of a gathered history; no length exceeds it.
    """

    def __init__(self, columns: dict[str, Tensor], stop: Tensor, length: Tensor, width: int) -> None:
        self.columns, self.stop, self.length, self.width = columns, stop, length, width

    @staticmethod
    def over(values: Tensor) -> Tensor:
        """Shared column of ``values``: a leading zero, then the values."""
        return torch.cat([values.new_zeros((1, *values.shape[1:])), values])

    def gather(self, index: Tensor, names: list[str] | None = None) -> dict[str, Tensor]:
        """The histories of the clicks ``index``.

        Args:
            index (torch.Tensor): int64, shape (rows,).
            names (list of str, optional): list columns; all by default.

        Returns:
            dict of str to torch.Tensor: each of shape (rows, L, …), oldest entry first, zeros behind the last.
        """
        step, length = torch.arange(self.width, device=index.device), self.length[index][:, None]
        place = (self.stop[index][:, None] - length + step).masked_fill_(step >= length, 0)
        return {name: self.columns[name][place] for name in names or self.columns}

    def without(self, name: str) -> "Windows":
        """The same without one list column."""
        columns = {other: values for other, values in self.columns.items() if other != name}
        return Windows(columns, self.stop, self.length, self.width)


class IndexedInteraction(Interaction):
    """RecBole's Interaction, indexed by tensors as they are; RecBole turns each index into a Python list first."""

    def __getitem__(self, index: str | Index) -> Any:
        if isinstance(index, str):
            return self.interaction[index]
        index = as_index(index)
        return IndexedInteraction({name: values[index] for name, values in self.interaction.items()})


class HistoryInteraction(IndexedInteraction):
    """Rows that are clicks of a shared table, with their histories.

    To RecBole it has all columns. ``rows[index]`` is another list of clicks; :meth:`gather` makes the plain Interaction
    of a batch. Asking for a column by name, or for what only a plain Interaction can do, gathers every row.

    Args:
        values (dict of str to torch.Tensor): the table's columns with one value per click, shape (clicks, …).
        windows (list of Windows): its list columns, in one or several sets of windows.
        index (torch.Tensor): which clicks the rows are, int64, shape (rows,).
    """

    def __init__(self, values: dict[str, Tensor], windows: list[Windows], index: Tensor) -> None:
        super().__init__({})  # holds columns that are set later
        self.values, self.windows, self.index, self.length = values, windows, index, len(index)

    def __getitem__(self, index: str | Index) -> Any:
        if isinstance(index, str):
            return self._column(index)
        index = as_index(index)
        rows = HistoryInteraction(self.values, self.windows, self.index[index])
        rows.interaction = {name: values[index] for name, values in self.interaction.items()}
        return rows

    def _column(self, name: str) -> Tensor:
        if name in self.interaction:
            return self.interaction[name]
        if name in self.values:
            return self.values[name][self.index]
        for windows in self.windows:
            if name in windows.columns:
                return windows.gather(self.index, [name])[name]
        raise KeyError(name)

    def gather(self) -> IndexedInteraction:
        """All rows as a plain Interaction.

        Returns:
            IndexedInteraction: every column, histories of shape (rows, L, …).
        """
        columns = {name: values[self.index] for name, values in self.values.items()}
        for windows in self.windows:
            columns.update(windows.gather(self.index))
        return IndexedInteraction({**columns, **self.interaction})

    @property
    def columns(self) -> list[str]:
        lists = (name for windows in self.windows for name in windows.columns)
        return list(dict.fromkeys([*self.values, *lists, *self.interaction]))

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __contains__(self, name: object) -> bool:
        return name in self.columns

    def __getattr__(self, name: str) -> Any:
        if "windows" in self.__dict__ and name in self.columns:
            return self._column(name)
        return super().__getattr__(name)

    def __delitem__(self, name: str) -> None:
        if name not in self:
            raise KeyError(f"{name!r} is not among the columns {', '.join(self.columns)}")
        self.interaction.pop(name, None)
        self.values = {other: values for other, values in self.values.items() if other != name}
        self.windows = [windows.without(name) for windows in self.windows]

    def drop(self, column: str) -> None:
        del self[column]

    def sort(self, by: str | Sequence[str], ascending: bool | Sequence[bool] = True) -> None:
        names = [by] if isinstance(by, str) else list(by)
        keys = Interaction({**{name: self[name] for name in names}, "": torch.arange(len(self))})
        keys.sort(names, ascending)
        self._reindex(keys[""])

    def _reindex(self, index):
        self.index = self.index[index]
        super()._reindex(index)

    def to(self, device: torch.device, selected_field: str | Sequence[str] | None = None) -> Interaction:
        return self.gather().to(device, selected_field)

    def cpu(self) -> Interaction:
        return self.gather().cpu()

    def numpy(self) -> dict[str, np.ndarray]:
        return self.gather().numpy()

    def repeat(self, sizes: int | Sequence[int]) -> Interaction:
        return self.gather().repeat(sizes)

    def repeat_interleave(self, repeats: int | Tensor, dim: int = 0) -> Interaction:
        return self.gather().repeat_interleave(repeats, dim)


def as_index(index: Index) -> slice | Tensor:
    """Whatever RecBole indexes rows by, as a slice or a tensor.

    Args:
        index (int, slice, range, list, numpy.ndarray or torch.Tensor): row numbers, or one boolean per row.
    """
    if isinstance(index, slice | torch.Tensor):
        return index
    index = np.asarray(index)
    return torch.from_numpy(index if index.dtype == bool else index.astype(np.int64, copy=False))
