"""Columns of users and of the situation, for the models that read them: found in a table, checked, and read by name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from recbole_iacn.data.database import name as quoted
from recbole_iacn.data.tables import cell_text as cells
from recbole_iacn.data.tables.inputs import Table
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
    text = f"{cell}::varchar"
    row, value = base.execute(
        f"select min(rowid), arg_min({text}, rowid) from raw_{source.what} "
        f"where {written} is null and {cell} is not null and not {cells.is_missing(text)}"
    ).fetchone()
    if row is not None:
        raise ConfigError(f"{source.place(row)}: {value[:60]!r} is not a number, which {name!r} must be; mend it")


def as_query(columns: dict[str, str]) -> str:
    """The columns as the end of a list in SQL, each by its own name."""
    return "".join(f", {cell} as {quoted(name)}" for name, cell in columns.items())


def values_of(batch: pa.RecordBatch, names: Sequence[str]) -> dict[str, Any]:
    """The columns of a batch by name, as NumPy arrays or lists of lists.

    Args:
        batch: rows of a query that ends with :func:`as_query`.
        names: of the columns.
    """
    values = {}
    for name in names:
        column = batch.column(name)
        is_list = str(column.type).startswith(("list", "large_list"))
        values[name] = column.to_pylist() if is_list else column.to_numpy(zero_copy_only=False)
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
    queries, columns = recommender._queries, recommender.catalogue.columns
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
    if recommender._queries.reads_times and "time" not in events.roles:
        raise ConfigError(
            f"time: {recommender.config['model']} reads the time of every event, so there must be some: --time COLUMN"
        )
