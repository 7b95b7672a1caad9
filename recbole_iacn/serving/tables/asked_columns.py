"""Columns of users and of the situation, for the models that read them: found in a table, checked, and read by name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from recbole_iacn.data.database import name as quoted
from recbole_iacn.data.tables import cell_text as cells
from recbole_iacn.data.tables.inputs import Table
from recbole_iacn.data.tables.roles import find_key
from recbole_iacn.errors import ConfigError

if TYPE_CHECKING:
    import pyarrow as pa

    from recbole_iacn.data.catalogue import Catalogue
    from recbole_iacn.serving.recommender import Recommender
    from recbole_iacn.serving.tables.event_base import EventAccount, EventBase


def select_columns(base: EventBase, source: Table, wanted: Iterable[str], catalogue: Catalogue) -> dict[str, str]:
    """SQL for those columns that a table has of the ones that a model reads.

    Args:
        base: has the table's rows in ``raw_<what>``.
        source: the table.
        wanted: the columns' names, which are those of the training data.
        catalogue: their types.

    Returns:
        Column to SQL: text for a token, a list of text, a double, a list of doubles; NULL where a cell is empty.

    Raises:
        ConfigError: a cell is not what the column's type needs; names file and line.
    """
    found = {}
    for name in wanted:
        if name not in source.names:
            continue
        cell, kind = source.column(name), source.type(name)
        written = _written(source, name, cell, kind, catalogue.columns[name].kind)
        found[name] = written
        if catalogue.columns[name].kind == "float":
            _check_numbers(base, source, name, written)
    return found


def _written(source, name, cell, kind, wanted):
    is_list, wants_list = kind.endswith("[]"), wanted.endswith("_seq")
    if is_list != wants_list and not (wants_list and kind == "VARCHAR"):
        raise ConfigError(
            f"{source.title}: the cells of {name!r} are {kind}; the model reads {wanted}, "
            + ("lists, or text with blanks between the values" if wants_list else "one value of each row")
        )
    if not wants_list:
        return cells.number(cell, kind) if wanted == "float" else cells.cleaned(cells.id_text(cell, kind))
    if not is_list:
        cell, kind = f"list_filter(string_split_regex(trim({cell}), '\\s+'), lambda x: x != '')", "VARCHAR[]"
    one = kind[:-2]
    value = cells.number("x", one) if wanted == "float_seq" else cells.as_word(cells.id_text("x", one))
    return f"list_transform({cell}, lambda x: {value})"


def _check_numbers(base, source, name, written):
    cell = source.column(name)
    row = base.execute(f"select min(rowid) from raw_{source.what} where {written} is null").fetchone()[0]
    if row is not None:
        value = base.execute(f"select {cell}::varchar from raw_{source.what} where rowid = {row}").fetchone()[0]
        what = "is empty" if value is None else f"{value[:60]!r} is not a number"
        raise ConfigError(f"{source.place(row)}: {name!r} {what}, and the model reads a number of every row; mend it")


def take_users(
    base: EventBase,
    path: Any,
    key: str | None,
    wanted: Wanted,
    catalogue: Catalogue,
    in_rows: Iterable[str] = (),
    in_events: str | None = None,
) -> tuple[Table, list[str], dict[str, int]]:
    """Read a table of users; afterwards there is the table ``about_users`` (line, user, and the columns by name).

    Args:
        base: the database.
        path: the table; of a user's several rows the first counts.
        key: the column of users, which is otherwise recognised.
        wanted: the columns to read.
        catalogue: their types.
        in_rows: columns that another table has.
        in_events: what the table of events calls the column of users, which is looked for first.

    Returns:
        The table, the columns that it has, and what was left out: the reason -> how many rows.

    Raises:
        ConfigError: a column or a cell is wrong; names file and line.
    """
    source = base.look("users", path)
    key = find_key(source.title, source.names, "user", key, in_events, catalogue.user)
    read = [name for name in wanted.all if name in source.names and name != key]
    twice = [name for name in read if name in in_rows]
    if twice:
        raise ConfigError(f"users: {twice[0]!r} is also a column of the rows; remove it from {source.title}")
    base.load(source, [key, *read])
    base.check_ids(source, key)
    columns = select_columns(base, source, read, catalogue)
    cell = cells.cleaned(cells.id_text(source.column(key), source.type(key)))
    base.execute(
        f'create table about_users as select rowid as line, {cell} as "user"{as_query(columns)} from raw_users '
        f"where rowid in (select min(rowid) from raw_users where {cell} is not null group by {cell})"
    )
    rows, people = base.execute(
        "select (select count(*) from raw_users), (select count(*) from about_users)"
    ).fetchone()
    without = base.count_cells(source, f"{cell} is null")
    if not people:
        raise ConfigError(f"{source.title}: has no user")
    left_out = {
        f"rows of {source.title} without a user": without,
        f"further rows of a user in {source.title}": rows - people - without,
    }
    return source, read, left_out


def as_query(columns: dict[str, str]) -> str:
    """The columns as the end of a list in SQL, each by its own name."""
    return "".join(f", {cell} as {quoted(name)}" for name, cell in columns.items())


def values_of(batch: pa.RecordBatch, names: Sequence[str]) -> dict[str, Any]:
    """The columns of a batch by name: lists of text, of which an empty one is missing, arrays of numbers, or lists of
    lists.

    Args:
        batch: rows of a query that ends with :func:`as_query`.
        names: of the columns.
    """
    from pyarrow.types import is_floating, is_large_list, is_list

    values: dict[str, Any] = {}
    for name in names:
        column = batch.column(name)
        if is_list(column.type) or is_large_list(column.type):
            values[name] = [[value or "" for value in cell or ()] for cell in column.to_pylist()]
        elif is_floating(column.type):
            values[name] = column.to_numpy()
        else:
            values[name] = ["" if value is None else value for value in column.to_pylist()]
    return values


@dataclass(frozen=True)
class Wanted:
    """The columns that a model reads beside the histories.

    Attributes:
        model: its name.
        of_users: of users; a known user's are in the bundle.
        of_context: of the situation, which every row needs.
        numbers: those of ``of_context`` that cannot be missing.
    """

    model: str
    of_users: tuple[str, ...]
    of_context: tuple[str, ...]
    numbers: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        """Both."""
        return self.of_users + self.of_context

    def check_given(self, given: Iterable[str], where: str) -> None:
        """Reject a table without a number that a model reads of every row.

        Args:
            given: its columns.
            where: the table, for the message.

        Raises:
            ConfigError: names the columns.
        """
        missing = [name for name in self.numbers if name not in given]
        if missing:
            names = ", ".join(map(repr, missing))
            raise ConfigError(f"{self.model} reads {names} of every row, which has to be given: in {where}")


def wanted_of(recommender: Recommender) -> Wanted:
    """The columns that a model reads.

    Args:
        recommender: the model.
    """
    queries, columns = recommender.queries, recommender.catalogue.columns
    context = tuple(queries.of_context)
    numbers = tuple(name for name in context if columns[name].kind == "float")
    return Wanted(recommender.config["model"], tuple(queries.of_users), context, numbers)


def trained_on_labels(recommender: Recommender) -> bool:
    """Whether the histories of a model's training were the clicks among labelled rows.

    Args:
        recommender: the model.
    """
    config = recommender.config
    label = f"{config['LABEL_FIELD']}{config['LIST_SUFFIX'] or '_list'}"
    return label in recommender.catalogue.columns and config["history_rows"] != "all"


def check_times(recommender: Recommender, events: EventAccount) -> None:
    """Reject events without times for a model that reads them.

    Args:
        recommender: the model.
        events: what was read.

    Raises:
        ConfigError: says so.
    """
    if recommender.queries.reads_times and "time" not in events.roles:
        raise ConfigError(
            f"time: {recommender.config['model']} reads the time of every event, so there must be some: --time COLUMN"
        )
