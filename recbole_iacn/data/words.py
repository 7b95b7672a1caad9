"""Cells as integers of eight bytes, which NumPy and pandas compare and number without a Python object for each."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from recbole_iacn.data.cells import WORD

_KEPT_BYTES = np.array([(1 << 8 * count) - 1 for count in range(WORD.itemsize + 1)], dtype=WORD)
_MOST_DIGITS = 19  # of an integer that 64 bits can hold


def words(text: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """The bytes of cells as integers, zeros behind the last one.

    Args:
        text: bytes, uint8, and one word's length more.
        start, end: places of the cells, shape (cells,).

    Returns:
        shape (cells, words), ``WORD``.
    """
    length = end - start
    count = max(1, -(-int(length.max(initial=0)) // WORD.itemsize))
    every = np.ndarray((len(text) - WORD.itemsize + 1,), WORD, text, strides=(1,))  # one that begins at each byte
    out = np.empty((len(start), count), WORD)
    for place in range(count):
        at = np.minimum(start + place * WORD.itemsize, len(every) - 1)
        out[:, place] = every[at] & _KEPT_BYTES[np.clip(length - place * WORD.itemsize, 0, WORD.itemsize)]
    return out


def integers(text: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray | None:
    """The numbers in cells that are all made of 1 to 19 digits, uint64; None if one of them is not."""
    length = end - start
    if not len(length) or length.min() == 0 or length.max() > _MOST_DIGITS:
        return None
    values: np.ndarray = np.zeros(len(start), np.uint64)
    for place in range(int(length.max())):
        inside = length > place
        digit = text[np.minimum(start + place, len(text) - 1)] - np.uint8(ord("0"))
        if (inside & (digit > 9)).any():
            return None
        values = np.where(inside, values * np.uint64(10) + digit, values)
    return values


def is_integer(cell: bytes) -> bool:
    """True if a cell is made of 1 to 19 digits."""
    return cell.isdigit() and len(cell) <= _MOST_DIGITS


def is_number(cell: bytes) -> bool:
    """True if a cell is a finite number in digits."""
    if not set(cell) <= set(b"0123456789+-.eE "):
        return False
    try:
        return abs(float(cell)) < float("inf")
    except ValueError:
        return False


def strings(text: np.ndarray, start: np.ndarray, end: np.ndarray) -> list[bytes]:
    """The bytes of cells, arguments as in :func:`words`."""
    raw = text.tobytes()
    return [raw[first:last] for first, last in zip(start.tolist(), end.tolist())]


def byte_strings(part: np.ndarray | list[bytes]) -> list[bytes]:
    """The same of cells as integers; a list stays as it is."""
    return part if isinstance(part, list) else part.view(f"S{part.shape[1] * WORD.itemsize}").ravel().tolist()


def concatenate(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Cells as integers, of several blocks."""
    width = max((part.shape[1] for part in parts), default=1)
    cells = np.zeros((sum(map(len, parts)), width), WORD)
    begin = 0
    for part in parts:
        cells[begin : begin + len(part), : part.shape[1]] = part
        begin += len(part)
    return cells


def numbered(cells: np.ndarray) -> tuple[np.ndarray, list[bytes]]:
    """One number for all equal cells, by first appearance, and the bytes of each number."""
    number, distinct = pd.factorize(cells[:, 0])
    for word in cells.T[1:]:
        part, distinct = pd.factorize(word)
        number, _ = pd.factorize(number * len(distinct) + part)
    if not len(number):
        return number, []
    first = np.flatnonzero(np.r_[-1, np.maximum.accumulate(number)[:-1]] < number)
    return number, [row.tobytes().rstrip(b"\0") for row in cells[first]]
