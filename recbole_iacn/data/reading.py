"""Atomic files read by pandas' C parser, tokens as bytes, numbered without a Python string for each cell.

RecBole reads with pandas' Python parser and keeps a Python string for every cell. Here a token column comes as bytes,
is numbered eight bytes at a time as integers, and becomes a categorical column; ``remap`` then numbers the categories
as RecBole does, in the order of their first appearance.
"""

import contextlib
import contextvars
import types
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

_reading_fast = contextvars.ContextVar("reading_fast", default=False)

# Tokens that pandas reads as an empty cell (``na_values`` of its read_csv).
_EMPTY = "|#N/A|#N/A N/A|#NA|-1.#IND|-1.#QNAN|-NaN|-nan|1.#IND|1.#QNAN|<NA>|N/A|NA|NULL|NaN|None|n/a|nan|null"
READ_AS_EMPTY = frozenset(_EMPTY.split("|"))

_WORD = np.dtype(np.uint64)


@contextlib.contextmanager
def fast() -> Iterator[None]:
    """While active, RecBole's ``_load_feat`` reads with the C parser, and token columns become categories."""
    token = _reading_fast.set(True)
    try:
        yield
    finally:
        _reading_fast.reset(token)


class FastPandas(types.ModuleType):
    """pandas with the ``read_csv`` of :func:`fast`. It replaces ``pd`` in ``recbole.data.dataset.dataset``.

    Args:
        pandas: the module, or what already replaces it.
    """

    def __init__(self, pandas: types.ModuleType) -> None:
        super().__init__("pandas")
        self._pandas = pandas

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pandas, name)

    def read_csv(self, path: str, **options: Any) -> pd.DataFrame:
        if not _reading_fast.get() or len(options["delimiter"]) > 1:
            return self._pandas.read_csv(path, **options)
        options["engine"] = "c"
        tokens = [name for name in options["usecols"] if name.endswith(":token")]
        words = dict.fromkeys(tokens, 2)
        while True:
            widths = {name: f"S{count * _WORD.itemsize}" for name, count in words.items()}
            frame = self._pandas.read_csv(path, **{**options, "dtype": {**options["dtype"], **widths}})
            full = [name for name in tokens if _is_full(_words(frame[name], words[name]))]
            if not full:
                break
            words.update((name, 2 * words[name]) for name in full)  # a token may have been cut
        for name in tokens:
            frame[name] = _categorical(_words(frame[name], words[name]))
        return frame


def _words(column, count):
    """The bytes of a column's cells as integers, shape (cells, count); pandas 2 hands them over as Python objects."""
    cells = column.to_numpy().astype(f"S{count * _WORD.itemsize}", copy=False)
    return np.ascontiguousarray(cells).view(_WORD).reshape(-1, count)


def _is_full(words):
    """True if a cell's last byte is in use."""
    return bool(words.view(np.uint8)[:, -1].any())


def _categorical(words):
    """One number for all equal cells, and one string per number."""
    number: np.ndarray = np.zeros(len(words), np.int64)
    for word in words.T:
        part, distinct = pd.factorize(word)
        number, _ = pd.factorize(number * len(distinct) + part)
    first = np.flatnonzero(np.r_[-1, np.maximum.accumulate(number)[:-1]] < number)
    texts = [row.tobytes().rstrip(b"\0").decode() for row in words[first]]
    present = np.array([text not in READ_AS_EMPTY for text in texts], dtype=bool)
    number = np.where(present, np.cumsum(present, dtype=np.int32) - 1, np.int32(-1)).astype(np.int32)[number]
    known = pd.Index([text for text, is_there in zip(texts, present) if is_there], dtype=object)
    return pd.Categorical.from_codes(number, categories=known)


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
