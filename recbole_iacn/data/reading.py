"""The columns of an atomic file: tokens numbered without a Python string for each cell, exact numbers, lists.

RecBole reads with pandas' Python parser and keeps a Python string for every cell. Here the cells of a token column are
integers of eight bytes, which are numbered as such and become a categorical column; ``remap`` then numbers the
categories as RecBole does, in the order of their first appearance. A cell is empty only if nothing stands in it: NA,
null and nan are tokens like others, and not numbers.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from recbole_iacn.data import times
from recbole_iacn.data.cells import WORD, AtomicFile
from recbole_iacn.data.words import byte_strings, concatenate, integers, is_integer, is_number, numbered, strings, words

# Tokens that RecBole's own reader, pandas' read_csv, takes for an empty cell (``na_values``).
_EMPTY = "|#N/A|#N/A N/A|#NA|-1.#IND|-1.#QNAN|-NaN|-nan|1.#IND|1.#QNAN|<NA>|N/A|NA|NULL|NaN|None|n/a|nan|null"
READ_AS_EMPTY = frozenset(_EMPTY.split("|"))

_WIDEST = 64  # bytes; a longer cell becomes a Python string at once
_IN_NUMBERS = np.isin(np.arange(256), list(b"0123456789+-.eE \0"))


def read_columns(file: AtomicFile, wanted: Mapping[str, str], list_separator: str = " ") -> dict[str, Any]:
    """Read columns of an atomic file.

    Args:
        file: the file.
        wanted: column -> how to read it: ``token``, ``float``, ``time`` (exact seconds, or text in ISO 8601), or
            ``token_seq``, ``float_seq``, ``time_seq``.
        list_separator: separates the entries of a list.

    Returns:
        column -> its values: a pandas.Categorical of tokens, without a category where a cell is empty; float64 numbers,
        nan where a cell is empty; times, see :func:`times.Times.values`; or a list of one array per row.

    Raises:
        ConfigError: names the file, the line and the mend.
    """
    places = {name: place for place, name in enumerate(file.columns)}
    readers = {name: _READERS[kind](file, name, list_separator) for name, kind in wanted.items()}
    rows = 0
    for block in file.blocks():
        for name, reader in readers.items():
            reader.add(block.text, block.start[:, places[name]], block.end[:, places[name]], rows)
        rows += len(block)
    return {name: reader.values() for name, reader in readers.items()}


class _Reader:
    """Collects a column's cells, block by block."""

    def __init__(self, file, name, list_separator):
        self.file, self.name, self.list_separator = file, name, list_separator
        self.parts = []

    def add(self, text, start, end, row):
        """Take the cells from ``start`` to ``end`` in the bytes ``text``; the first is that of a row of the file."""
        raise NotImplementedError

    def values(self):
        raise NotImplementedError

    def error(self, row, what):
        return self.file.error(self.file.line(row), f"{self.name}: {what}")


class _Tokens(_Reader):
    def add(self, text, start, end, row):
        wide = bool(len(end)) and int((end - start).max()) > _WIDEST
        self.parts.append(strings(text, start, end) if wide else words(text, start, end))

    def values(self):
        if any(isinstance(part, list) for part in self.parts):
            numbers, distinct = pd.factorize(
                np.array([cell for part in self.parts for cell in byte_strings(part)], object)
            )
        else:
            cells = concatenate(self.parts)
            self.parts.clear()  # as large once more
            numbers, distinct = numbered(cells)
        return self._categorical(numbers.astype(np.int32), distinct)

    def _categorical(self, numbers, distinct):
        tokens = []
        for place, cell in enumerate(distinct):
            try:
                tokens.append(cell.decode())
            except UnicodeDecodeError:
                raise self.file.not_encoded(self.file.line(int(np.argmax(numbers == place)))) from None
        if "" in tokens:
            empty = tokens.index("")
            del tokens[empty]
            numbers[numbers == empty] = -1
            numbers[numbers > empty] -= 1
        return pd.Categorical.from_codes(numbers, categories=pd.Index(tokens, dtype=object))


class _Numbers(_Reader):
    def add(self, text, start, end, row):
        whole = integers(text, start, end)
        self.parts.append(self._decimals(words(text, start, end), row) if whole is None else whole.astype(np.float64))

    def values(self):
        return np.concatenate(self.parts) if self.parts else np.zeros(0)

    def _decimals(self, cells, row):
        text = cells.view(f"S{cells.shape[1] * WORD.itemsize}").ravel()
        values, filled = np.full(len(text), np.nan), text != b""
        if _IN_NUMBERS[cells.view(np.uint8)].all():
            try:
                values[filled] = text[filled].astype(np.float64)
            except ValueError:
                pass
            else:
                if not np.isinf(values).any():
                    return values
        wrong = next(place for place, cell in enumerate(text.tolist()) if cell and not is_number(cell))
        raise self.error(row + wrong, self.not_a_number(text[wrong]))

    def not_a_number(self, cell):
        return (
            f"{cell.decode(errors='replace')!r} is not a finite number; leave the cell empty, or give the column the "
            f"type token ({self.name}:token in line 1)"
        )


class _Times(_Numbers):
    def add(self, text, start, end, row):
        if (end == start).any():
            raise self.error(row + int(np.argmax(end == start)), times.NO_TIME)
        if not self.parts:
            self.as_text = not is_number(text[start[0] : end[0]].tobytes())
            self.other: int | None = None  # the first row that is no integer in digits
            self.tokens = _Tokens(self.file, self.name, self.list_separator)
        if self.as_text:
            self.tokens.add(text, start, end, row)
            self.parts.append(None)
            return
        whole = integers(text, start, end)
        if whole is None and self.other is None:
            cells = zip(start.tolist(), end.tolist())
            self.other = row + next(k for k, (at, to) in enumerate(cells) if not is_integer(text[at:to].tobytes()))
        self.parts.append(self._decimals(words(text, start, end), row) if whole is None else whole)

    def values(self):
        if not self.parts:
            return np.zeros(0)
        if self.as_text:
            return self._from_text(self.tokens.values())
        if any(len(part) and np.abs(part).max() >= times.INEXACT for part in self.parts):
            return self._exact()
        return np.concatenate([part.astype(np.float64) for part in self.parts])

    def _exact(self):
        """Integers that float64 would round."""
        wrong = self.other
        for row, part in zip(np.cumsum([0, *map(len, self.parts)]), self.parts):
            if wrong is None and (too_large := part > np.iinfo(np.int64).max).any():
                wrong = int(row + np.argmax(too_large))
        if wrong is not None:
            raise self.error(wrong, times.TOO_LONG)
        return np.concatenate([part.astype(np.int64) for part in self.parts])

    def _from_text(self, column):
        seconds, wrong = times.from_text(column.categories)
        if wrong is not None:
            row = int(np.argmax(column.codes == wrong))
            raise self.error(row, times.not_a_time(column.categories[wrong]))
        self.file.times_in_text.add(self.name)
        return seconds[column.codes]

    def not_a_number(self, cell):
        return times.not_a_time(cell.decode(errors="replace"))


class _Lists(_Reader):
    """Tokens, as object arrays."""

    def add(self, text, start, end, row):
        for place, cell in enumerate(strings(text, start, end)):
            try:
                entries = [entry for entry in cell.decode().split(self.list_separator) if entry]
            except UnicodeDecodeError:
                raise self.file.not_encoded(self.file.line(row + place)) from None
            self.parts.append(self.entries(entries, row + place))

    def entries(self, entries, row):
        return np.array(entries, dtype=object)

    def values(self):
        return self.parts


class _NumberLists(_Lists):
    def entries(self, entries, row):
        wrong = next((entry for entry in entries if not is_number(entry.encode())), None)
        if wrong is not None:
            raise self.error(row, f"{wrong!r} is not a finite number; leave it out, or type the column token_seq")
        return np.array(entries, dtype=np.float64)


class _TimeLists(_Lists):
    def values(self):
        length = [len(part) for part in self.parts]
        entries = np.concatenate([*self.parts, np.array([], object)])
        if not len(entries) or is_number(entries[0].encode()):
            readable = [is_number(entry.encode()) for entry in entries]
            wrong = None if all(readable) else readable.index(False)
            seconds = entries.astype(np.float64) if wrong is None else np.zeros(0)
        else:
            seconds, wrong = times.from_text(entries.tolist())
        if wrong is not None:
            row = int(np.searchsorted(np.cumsum(length), wrong, "right"))
            raise self.error(row, times.not_a_time(entries[wrong]))
        return np.split(seconds, np.cumsum(length)[:-1]) if length else []


_READERS = {
    "token": _Tokens,
    "float": _Numbers,
    "time": _Times,
    "token_seq": _Lists,
    "float_seq": _NumberLists,
    "time_seq": _TimeLists,
}


def remap(tokens: Sequence[pd.Series]) -> tuple[list[np.ndarray], list[Any]]:
    """Number categorical tokens by first appearance, from 1; 0 is padding and a missing token.

    Args:
        tokens (list of pandas.Series): categorical columns that share one numbering, in RecBole's order.

    Returns:
        tuple: list of int32 arrays, one per column, and the list of tokens by number, ``[PAD]`` first.
    """
    union = pd.api.types.union_categoricals(tokens) if len(tokens) > 1 else tokens[0].array
    numbers, known = pd.factorize(union)
    numbers = numbers.astype(np.int32) + np.int32(1)
    return np.split(numbers, np.cumsum([len(column) for column in tokens])[:-1]), ["[PAD]", *known.astype(object)]
