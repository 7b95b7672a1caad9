"""A table of items as people have it: which column is the title and which the picture, and its rows."""

from __future__ import annotations

import contextlib
import logging
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recbole_iacn.data.cells import TYPES, AtomicFile
from recbole_iacn.data.reading import read_columns
from recbole_iacn.data.tables import cell_text as cells
from recbole_iacn.data.tables.feature_columns import find_features
from recbole_iacn.data.tables.intake import TableBase
from recbole_iacn.data.tables.roles import ITEM_WORDS, existing, find_key, plain
from recbole_iacn.system import disk

_FIRST = 1 << 16  # bytes in which the header of an atomic file ends
_BATCH = 4096  # rows
_TITLES = ("title", "name", *(f"{word}{end}" for end in ("title", "name") for word in ITEM_WORDS))
_PICTURES = tuple(
    f"{what}{end}"
    for what in ("image", "picture", "poster", "cover", "thumbnail", "photo", "img", "im")
    for end in ("url", "link", "s", "urls", "")
    if what != "im" or end.startswith("url")
)


@dataclass(frozen=True)
class ItemRow:
    """A row of a table of items.

    Attributes:
        token: the item; empty where the cell is.
        title, picture: the cells' text; empty where there is none.
        values: of the columns of tokens, in the order of :attr:`ItemTable.columns`.
    """

    token: str
    title: str
    picture: str
    values: list[list[str]]


@dataclass(frozen=True)
class ItemTable:
    """An opened table of items.

    Attributes:
        name: the file, or ``items``.
        key, title, picture: which columns these are; None for none.
        columns: further columns of tokens.
        rows: the rows, once.
    """

    name: str
    key: str
    title: str | None
    picture: str | None
    columns: list[str]
    rows: Iterator[ItemRow] = field(repr=False)


def title_among(names: list[str]) -> str | None:
    """The column that holds titles, by its usual name."""
    return _first(names, _TITLES)


def picture_among(names: list[str]) -> str | None:
    """The column that holds the addresses of pictures, by its usual name."""
    return _first(names, _PICTURES)


def _first(names, known):
    plain_names = {plain(name): name for name in reversed(names)}
    return next((plain_names[name] for name in known if name in plain_names), None)


@contextlib.contextmanager
def opened(
    given: Any,
    item_field: str,
    item_key: str | None = None,
    title: str | None = None,
    picture: str | None = None,
    in_events: str | None = None,
) -> Iterator[ItemTable]:
    """A table of items while the block lasts.

    Args:
        given: the path of RecBole's ``.item`` file, or of a CSV, Parquet or JSON-lines file, plain or gzip; or a data
            frame of pandas, Polars or Arrow. All but the first need the extra ``tables``.
        item_field: what the model's data call the column of items.
        item_key, title, picture: the columns; by default those with usual names.
        in_events: what a table of events calls the column of items, which is then looked for first.

    Raises:
        ConfigError: the table cannot be read, or has no such column.
    """
    if isinstance(given, str | Path):
        disk.check_file(given)
    chosen = (in_events, item_field), item_key, title, picture
    if isinstance(given, str | Path) and _is_atomic(given):
        yield _atomic(given, *chosen)
        return
    with (
        tempfile.TemporaryDirectory(prefix="recbole_iacn-items-") as folder,
        disk.writing(Path(folder), "set TMPDIR to another folder"),
        _ItemBase(Path(folder), 2048, 1) as base,
    ):
        yield _table(base, given, *chosen)


class _ItemBase(TableBase):
    command = "items: a table other than RecBole's .item"


def _is_atomic(path):
    with open(path, "rb") as file:
        head = file.readline(_FIRST).decode("utf-8-sig", errors="replace").rstrip("\r\n")
    return all(cell.rpartition(":")[2] in TYPES and ":" in cell for cell in head.split("\t"))


def _roles(name, names, item_fields, item_key, title, picture):
    key = find_key(name, names, "item", item_key, *item_fields)
    others = [column for column in names if column != key]
    title = title_among(others) if title is None else existing(name, names, "title", title)
    picture = picture_among(others) if picture is None else existing(name, names, "picture", picture)
    said = ", ".join(f"{role} {column!r}" for role, column in (("titles", title), ("pictures", picture)) if column)
    logging.getLogger(__name__).info("%s: items by %r%s", name, key, f"; {said}" if said else "")
    return key, title, picture


def _atomic(path, *chosen):
    file = AtomicFile(path, None, "\t")
    key, title, picture = _roles(str(path), list(file.columns), *chosen)
    special = [name for name in dict.fromkeys((key, title, picture)) if name is not None]
    columns = [name for name, kind in file.columns.items() if kind in ("token", "token_seq") and name not in special]
    read = read_columns(file, dict.fromkeys(special, "token") | {name: file.columns[name] for name in columns})

    def rows():
        text = {name: ["" if cell != cell else cell for cell in read[name].astype(object)] for name in special}
        lists = [[_listed(cell) for cell in read[name]] for name in columns]
        for row, token in enumerate(text[key]):
            yield ItemRow(
                token,
                text[title][row] if title else "",
                text[picture][row] if picture else "",
                [cells_of[row] for cells_of in lists],
            )

    return ItemTable(str(path), key, title, picture, columns, rows())


def _listed(cell):
    if isinstance(cell, str):
        return [cell]
    return [] if isinstance(cell, float) else cell.tolist()


def _table(base, given, *chosen):
    source = base.open("items", given)
    key, title, picture = _roles(source.title, source.names, *chosen)
    base.check_ids(source, key)
    others = [name for name in source.names if name not in (key, title, picture)]
    found, _ = find_features(base.execute, source, others, {}, {})
    features = [one for one in found if one.loaded and one.type in ("token", "token_seq")]

    def cell(name):
        return f"coalesce({cells.cleaned(f'{source.column(name)}::varchar')}, '')" if name else "''"

    key_cell = cells.cleaned(cells.id_text(source.column(key), source.type(key)))
    wanted = [
        f"coalesce({key_cell}, '')",
        cell(title),
        cell(picture),
        *(f"coalesce({one.cell}, '')" for one in features),
    ]

    def rows():
        answer = base.execute(f"select {', '.join(wanted)} from raw_items order by rowid")
        while batch := answer.fetchmany(_BATCH):
            for token, name, address, *further in batch:
                values = [
                    text.split(" ") if one.type == "token_seq" and text else [text] if text else []
                    for one, text in zip(features, further)
                ]
                yield ItemRow(token, name, address, values)

    return ItemTable(source.title, key, title, picture, [one.name for one in features], rows())


_ADDRESS = re.compile(r"https?://[^\s\"'<>\\^`{|}\]]+", re.IGNORECASE)


def address_in(cell: str) -> str | None:
    """The first address of http or https in a cell, which may be a list; None for anything else.

    Args:
        cell: its text.
    """
    found = _ADDRESS.search(cell)
    return found[0].rstrip(",") if found else None
