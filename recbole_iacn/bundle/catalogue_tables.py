"""A :class:`Catalogue` as files: Parquet tables of tokens, items and users, in words, and JSON for what columns are."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from recbole_iacn.data.catalogue import TOKENS, Catalogue, Column
from recbole_iacn.data.dataset import AUXILIARY_SUFFIX
from recbole_iacn.errors import ConfigError
from recbole_iacn.system import json_file
from recbole_iacn.system.nested import check_size

COLUMNS, VOCABULARY, ITEMS, USERS = "columns.json", "vocabulary.parquet", "items.parquet", "users.parquet"
_PAD = "[PAD]"


def write(catalogue: Catalogue, folder: Path) -> None:
    """Write a catalogue's files into a folder.

    Args:
        catalogue: what to write.
        folder: exists.

    Raises:
        ConfigError: a token is ``[PAD]``, which RecBole uses for padding.
    """
    own, same_as = _shared(catalogue.tokens)
    for name, tokens in own.items():
        if _PAD in tokens[1:]:
            raise ConfigError(f"{name}: the token {_PAD} is RecBole's padding; rename it in the data and train again")
    tables = {side: _widths(getattr(catalogue, side)) for side in ("items", "users")}
    about = {
        "user": catalogue.user,
        "item": catalogue.item,
        "max_history": catalogue.max_history,
        "columns": {name: dataclasses.asdict(column) for name, column in catalogue.columns.items()},
        "same_tokens": same_as,
        "tables": tables,
    }
    (folder / COLUMNS).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    vocabulary = {
        "column": np.repeat(list(own), [len(tokens) for tokens in own.values()]),
        "id": np.concatenate([np.arange(len(tokens), dtype=np.int64) for tokens in own.values()]),
        "token": np.concatenate([tokens.astype(object) for tokens in own.values()]),
    }
    pq.write_table(pa.table(vocabulary), folder / VOCABULARY)
    for side, name in (("items", ITEMS), ("users", USERS)):
        columns = getattr(catalogue, side)
        if columns:
            pq.write_table(pa.table({n: _in_words(catalogue, n, columns[n]) for n in tables[side]}), folder / name)


def read(folder: Path) -> Catalogue:
    """The catalogue that :func:`write` wrote.

    Args:
        folder: the bundle.

    Raises:
        ConfigError: its files do not fit together, though each is as its manifest says: somebody wrote that anew.
    """
    try:
        return _read(folder)
    except Exception as error:  # each part may be of any type
        first = (f"{type(error).__name__}: {error}").splitlines()[0]
        raise ConfigError(
            f"{folder}: {COLUMNS} and the tables beside it do not fit together ({first:.120}); copy the folder again"
        ) from None


def _read(folder):
    about = json_file.read(folder / COLUMNS)
    check_size(about)
    vocabulary = pq.read_table(folder / VOCABULARY)
    column, token = vocabulary["column"].to_numpy(), np.asarray(vocabulary["token"].to_pylist(), dtype=object)
    begins = np.flatnonzero(np.r_[True, column[1:] != column[:-1]])
    parts = np.split(token, begins[1:])
    tokens = {str(column[begin]): part.astype(str) for begin, part in zip(begins, parts)}
    for name, other in about["same_tokens"].items():
        tokens[name] = tokens[other]
    catalogue = Catalogue(
        user=about["user"],
        item=about["item"],
        columns={
            name: Column(**{**of, "scale": of["scale"] and tuple(of["scale"])}) for name, of in about["columns"].items()
        },
        tokens={name: tokens[name] for name in about["columns"] if name in tokens},
        items={},
        users={},
        max_history=about["max_history"],
    )
    items = _table(catalogue, folder / ITEMS, about["tables"]["items"])
    users = _table(catalogue, folder / USERS, about["tables"]["users"])
    return dataclasses.replace(catalogue, items=_with_aliases(catalogue, items), users=users)


def _shared(tokens):
    """The columns that have tokens of their own, and for each other one the column that it shares them with."""
    own: dict[str, Any] = {}
    same_as: dict[str, str] = {}
    for name, values in tokens.items():
        base = next((other for other, known in own.items() if known is values), None)
        base = base or (name.removesuffix(AUXILIARY_SUFFIX) if name.endswith(AUXILIARY_SUFFIX) else None)
        if base in own and np.array_equal(own[base], values):
            same_as[name] = base
        else:
            own[name] = values
    return own, same_as


def _widths(columns):
    """Column to the shape of one entry; aliases repeat their original column, so they are not stored."""
    return {
        name: list(values.shape[1:])
        for name, values in columns.items()
        if not (name.endswith(AUXILIARY_SUFFIX) and name.removesuffix(AUXILIARY_SUFFIX) in columns)
    }


def _in_words(catalogue, name, values):
    """A column as Arrow has it: tokens, lists of them without padding, numbers, or lists of numbers."""
    values = values.cpu().numpy()
    if catalogue.columns[name].kind not in TOKENS:
        return pa.array(list(values.reshape(len(values), -1)) if values.ndim > 1 else values)
    tokens = catalogue.tokens[name].astype(object)
    tokens[0] = None
    if values.ndim == 1:
        words = tokens[values]
        if name in (catalogue.item, catalogue.user):
            words[0] = _PAD
        return pa.array(words, pa.string())
    real = np.where(values.any(axis=1), values.shape[1] - np.argmax(values[:, ::-1] != 0, axis=1), 0)
    lists = [tokens[row[:length]].tolist() for row, length in zip(values, real)]
    return pa.array(lists, pa.list_(pa.string()))


def _table(catalogue: Catalogue, path: Path, widths: dict[str, list[int]]) -> dict[str, Any]:
    """Columns by id, as tensors."""
    if not widths:
        return {}
    table = pq.read_table(path)
    return {name: _tensor(catalogue, name, table[name], shape) for name, shape in widths.items()}


def _tensor(catalogue, name, column, shape):
    kind = catalogue.columns[name].kind
    if kind not in TOKENS:
        values = np.array(column.to_pylist(), dtype=np.float32).reshape(len(column), *shape)
        return torch.from_numpy(values)
    words = column.to_pylist()
    if not shape:
        return torch.from_numpy(catalogue.ids(name, words))
    ids = np.zeros((len(words), *shape), dtype=np.int64)
    length = np.array([len(row) for row in words])
    flat = catalogue.ids(name, [token for row in words for token in row])
    ids[np.arange(shape[0]) < length[:, None]] = flat
    return torch.from_numpy(ids)


def _with_aliases(catalogue, items):
    return items | {
        name: items[name.removesuffix(AUXILIARY_SUFFIX)]
        for name in catalogue.columns
        if name.endswith(AUXILIARY_SUFFIX) and name not in items and name.removesuffix(AUXILIARY_SUFFIX) in items
    }
