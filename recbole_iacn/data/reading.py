"""Atomic files read by pandas' C parser, each distinct token kept once.

RecBole reads with pandas' Python parser and keeps a Python string for every cell. Here a token column is categorical
from the start; ``remap`` then numbers the categories as RecBole does, in the order of their first appearance.
"""

import contextlib
import contextvars
import types
from collections import defaultdict
from itertools import count

import numpy as np
import pandas as pd

_ROWS_AT_ONCE = 1 << 17

_reading_fast = contextvars.ContextVar("reading_fast", default=False)


@contextlib.contextmanager
def fast():
    """Within: RecBole's ``_load_feat`` reads by the C parser, token columns as categories."""
    token = _reading_fast.set(True)
    try:
        yield
    finally:
        _reading_fast.reset(token)


class FastPandas(types.ModuleType):
    """pandas, but for :func:`fast`'s ``read_csv``. Stands where ``recbole.data.dataset.dataset`` has ``pd``.

    Args:
        pandas: the module, or what stands for it already.
    """

    def __init__(self, pandas):
        super().__init__("pandas")
        self._pandas = pandas

    def __getattr__(self, name):
        return getattr(self._pandas, name)

    def read_csv(self, path, **options):
        if not _reading_fast.get() or len(options["delimiter"]) > 1:
            return self._pandas.read_csv(path, **options)
        # Tokens as Python strings: pandas' own string type would first copy them.
        kinds = {name: object if name.endswith(":token") else kind for name, kind in options["dtype"].items()}
        options.update(engine="c", float_precision="high", dtype=kinds, chunksize=_ROWS_AT_ONCE)
        return _joined(self._pandas.read_csv(path, **options), options["usecols"])


def _joined(chunks, columns):
    """One frame of all chunks; of a token column only the number of each cell is kept, and each token once."""
    # Each counts its tokens as they come.
    tokens = {name: defaultdict(count().__next__) for name in columns if name.endswith(":token")}
    parts = {name: [] for name in columns}
    for chunk in chunks:
        columns = list(chunk)  # in the file's order
        for name in columns:
            values = chunk[name]
            if name in tokens:
                cell, here = pd.factorize(values.to_numpy())
                number = np.fromiter(map(tokens[name].__getitem__, here), np.int32, len(here))
                values = np.append(number, np.int32(-1))[cell]  # a missing cell is -1 in both
            parts[name].append(values)
    return pd.DataFrame({name: _column(parts.pop(name), tokens.pop(name, None)) for name in columns}, copy=False)


def _column(parts, tokens):
    if tokens is None:
        return pd.concat(parts, ignore_index=True)
    return pd.Categorical.from_codes(np.concatenate(parts), categories=pd.Index(list(tokens), dtype=object))


def remap(tokens):
    """Number categorical tokens by first appearance, from 1; 0 is padding and a missing token.

    Args:
        tokens (list of pandas.Series): categorical columns that share one numbering, in RecBole's order.

    Returns:
        tuple: list of int32 arrays, one for each column, and the list of tokens by number, ``[PAD]`` first.
    """
    union = pd.api.types.union_categoricals(tokens) if len(tokens) > 1 else tokens[0].array
    numbers, known = pd.factorize(union)
    numbers = numbers.astype(np.int32) + np.int32(1)
    return np.split(numbers, np.cumsum([len(column) for column in tokens])[:-1]), ["[PAD]", *known.astype(object)]
