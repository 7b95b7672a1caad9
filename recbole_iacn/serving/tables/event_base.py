"""A temporary database of events: it reads them as ``prepare table`` does, and sorts them by user and time, on disk.

After :meth:`EventBase.take` or :meth:`EventBase.take_lists` there are two tables: ``entries`` (u, id, time, line), what
is in the histories, by internal ids of items; and ``people`` (u, user, start, stop), where each history lies among the
entries in their final order. The order of ``people`` is that of the users' first rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from recbole_iacn.data.database import INTERRUPTED, failure
from recbole_iacn.data.tables import cell_text as cells
from recbole_iacn.data.tables.feature_columns import TYPES
from recbole_iacn.data.tables.inputs import Table
from recbole_iacn.data.tables.intake import TableBase
from recbole_iacn.data.tables.options import Options
from recbole_iacn.data.tables.roles import NONE, find_roles
from recbole_iacn.data.tables.time_column import TimeColumn, find_time
from recbole_iacn.errors import ConfigError
from recbole_iacn.serving.tables.history_files import HistoryFiles
from recbole_iacn.system import disk

if TYPE_CHECKING:
    import pyarrow as pa

_RESTING = 400  # MiB of the database while a model works
_BATCH = 1 << 17  # entries that are sorted and not yet on disk


@dataclass
class EventAccount:
    """What has become of a table of events.

    Attributes:
        title: the file, for messages.
        rows: its rows.
        roles: role -> column.
        time: how its times are read.
        dropped: the reason why rows are in no history -> how many.
        unknown_items: how many items of it the model does not know.
        lacks_labels: labels were looked for, and there are none, so that every row is a click.
    """

    title: str
    rows: int
    roles: dict[str, str]
    time: TimeColumn
    dropped: dict[str, int] = field(default_factory=dict)
    unknown_items: int = 0
    lacks_labels: bool = False


class EventBase(TableBase):
    """Events, and rows that ask for scores or recommendations, in a temporary database.

    Args:
        folder: where its files are written; removed by the caller.
        memory: MiB for the whole process; more goes to disk.
        threads: for DuckDB.
        tokens: the items that the model knows, in the order of their ids; id 0 is padding.
    """

    command = "this command"
    beside = 1000  # MiB: PyTorch, RecBole, the model and a batch

    def __init__(self, folder: Path, memory: int, threads: int, tokens: np.ndarray) -> None:
        super().__init__(folder, memory, threads)
        import pyarrow as pa

        known = pa.array(np.asarray(tokens[1:], dtype=object), type=pa.string())
        self._base.register("given_tokens", pa.table({"item": known, "id": np.arange(1, len(tokens))}))
        self.execute("create table vocabulary as select * from given_tokens")
        self._base.unregister("given_tokens")

    def look(self, what: str, given: Any) -> Table:
        """A table of input; the columns of a file of RecBole's are called without their types."""
        table = super().look(what, given)
        parts = [name.rpartition(":") for name in table.names]
        if table.kind == "CSV" and all(name and kind in TYPES for name, _, kind in parts):
            table.names = [name for name, _, _ in parts]
        return table

    # --- Events -------------------------------------------------------------------------------------------------

    def take(self, path: Any, options: Options, with_label: bool, flags: str = "") -> EventAccount:
        """Read events.

        Args:
            path: CSV, Parquet or JSON lines, plain or gzip.
            options: which columns are user, item, time and label, and how they are read. ``time`` may be ``none``: a
                user's rows are in their order.
            with_label: whether a column of labels is looked for, so that rows with label 0 are in no history.
            flags: what stands before the names of the columns' options, for messages.

        Raises:
            ConfigError: a wrong option, file or cell; names it, and file and line.
        """
        try:
            return self._take(path, options, with_label)
        except ConfigError as error:
            message = re.sub(r"(^|--)(user|item|time)(?=[: ;,]|$)", rf"\1{flags}\2", str(error))
            raise ConfigError(message) from None

    def _take(self, path, options, with_label):
        source = self.look("events", path)
        in_order = (options.time or "").lower() == NONE and options.time not in source.names
        needed = ("user", "item") if in_order else ("user", "item", "time")
        given = {role: getattr(options, role) for role in ("user", "item", "time", "label")}
        labels = ("label",) if (with_label or options.label) and not options.condition else ()
        try:
            roles = find_roles(source.title, source.names, given, needed, labels)
        except ConfigError as error:
            if "recognised as the time" not in str(error):
                raise
            raise ConfigError(f"{error}; --time none: rows are in order, each user's oldest first") from None
        read = list(roles.values()) + ([options.condition[0]] if options.condition else [])
        for column in read:
            _check_column(source, column)
        self.load(source, read)
        rows = self.rows("events")
        if not rows:
            raise ConfigError(f"{source.title}: has no rows")
        for role in ("user", "item"):
            self.check_ids(source, roles[role])
        time = TimeColumn("the order of rows", "rowid * 1000000", "false", places=True)
        if not in_order:
            time = find_time(self.execute, source, roles["time"], options.time_unit, options.time_format)
        account = EventAccount(source.title, rows, roles, time)
        account.dropped = dict(self.take_events(source, roles, time, [], options))
        none_meant = (options.label or "").lower() == NONE
        account.lacks_labels = bool(labels) and "label" not in roles and not none_meant
        if "label" in roles or options.condition:
            account.dropped["label_0"] = self._delete("label = 0")
        self._keep_known(account)
        return account

    def _keep_known(self, account):
        self.execute("create table known as select i, id from named join vocabulary using (item)")
        account.unknown_items = self._number("select count(*) from named anti join vocabulary using (item)")
        if account.unknown_items and not self._number("select count(*) from known"):
            raise ConfigError(
                f"{account.title}: the model knows none of its {account.unknown_items:,} items; is "
                f"{account.roles['item']!r} their column, and are they written as in the training (leading zeros)?"
            )
        account.dropped["unknown_item"] = self._delete("i not in (select i from known)")
        self.execute("create view entries as select u, id, time, line from clicks join known using (i)")

    def keep_users(self, table: str) -> int:
        """Leave out the events of users that nothing is asked about; returns how many.

        Args:
            table: with a column ``"user"``.
        """
        return self._delete(f'u not in (select u from users semi join {table} using ("user"))')

    def count_people(self) -> None:
        """Make the table ``people``, after the last event has gone."""
        self.execute(
            'create table people as select "user", u, stop - n as start, stop from (select "user", users.u as u, '
            "coalesce(n, 0) as n, (sum(coalesce(n, 0)) over (order by users.u))::bigint as stop from users "
            "left join (select u, count(*) as n from clicks group by u) as c on users.u = c.u)"
        )

    # --- Histories that stand in the rows themselves --------------------------------------------------------------

    def take_lists(self, source: Table, column: str) -> int:
        """Read histories that rows have, oldest first: lists, or text with blanks between tokens.

        Args:
            source: the table; its rows are in ``raw_<what>``.
            column: the histories.

        Returns:
            Number of entries that the model does not know; they are in no history.
        """
        cell, kind = source.column(column), source.type(column)
        if kind.endswith("[]"):
            written = f"list_transform({cell}, lambda x: {cells.cleaned(cells.id_text('x', kind[:-2]))})"
        elif kind == "VARCHAR":
            written = f"string_split_regex(trim({cell}), '\\s+')"
        else:
            raise ConfigError(
                f"{source.title}: the cells of {column!r} are {kind}; a history is a list, or text with blanks between "
                "the items; name another column with --history"
            )
        self.execute(
            f"create table lists as select rowid as u, unnest(l) as item, generate_subscripts(l, 1) as line from "
            f"(select rowid, list_filter({written}, lambda x: x != '') as l from raw_{source.what})"
        )
        unknown = self._number("select count(*) from lists anti join vocabulary using (item)")
        self.execute(
            "create table listed as select u, id, line * 1000000 as time, line from lists join vocabulary using (item)"
        )
        self.execute("create view entries as from listed")
        self.execute("drop table lists")
        self.execute(
            "create table people as select u, stop - n as start, stop from "
            "(select u, count(*) as n, (sum(count(*)) over (order by u))::bigint as stop from entries group by u)"
        )
        return unknown

    def take_none(self) -> None:
        """There are no histories: the table ``people`` is empty."""
        self.execute('create table people (u bigint, "user" varchar, start bigint, stop bigint)')

    # --- What is read of it ---------------------------------------------------------------------------------------

    def write_histories(self, folder: Path) -> HistoryFiles:
        """All entries, sorted by user and time; rows of one time stay in their order.

        Args:
            folder: an existing folder.
        """
        parts = self.stream("select id, time from entries order by u, time, line", _BATCH)
        return HistoryFiles.write(folder, ((part.column(0).to_numpy(), part.column(1).to_numpy()) for part in parts))

    def shrink(self) -> None:
        """Leave the memory to the model; what is read from now on is read from disk."""
        self.execute("drop view entries")
        for table in ("clicks", "known", "named", "listed"):
            self.execute(f"drop table if exists {table}")
        self.execute(f"set memory_limit = '{_RESTING}MiB'")

    def stream(self, query: str, rows: int) -> Iterator[pa.RecordBatch]:
        """The rows of a query in batches, while others are read, too.

        Args:
            query: SQL.
            rows: most rows of a batch.
        """
        with self._base.cursor() as cursor:
            try:
                yield from cursor.sql(query).to_arrow_reader(rows)
            except self._failures as error:
                if disk.refused(error):
                    raise
                raise failure(error) from None
            except (RuntimeError, OSError) as error:
                if INTERRUPTED in str(error):
                    raise KeyboardInterrupt from None
                raise

    def batches(self, query: str, rows: int) -> Iterator[pa.RecordBatch]:
        """As :meth:`stream`, with batches of exactly ``rows`` rows, but for the last."""
        import pyarrow as pa

        waiting: list[pa.RecordBatch] = []
        count = 0
        for part in self.stream(query, rows):
            waiting.append(part)
            count += len(part)
            while count >= rows:
                table = pa.Table.from_batches(waiting).combine_chunks().to_batches()[0]
                yield table.slice(0, rows)
                count -= rows
                waiting = [table.slice(rows)] if count else []
        if count:
            yield pa.Table.from_batches(waiting).combine_chunks().to_batches()[0]


def _check_column(source, column):
    kind = source.type(column)
    if kind.endswith("[]") or kind.startswith(("STRUCT", "MAP")):
        raise ConfigError(f"{source.title}: the cells of {column!r} are {kind}; a row of events has one value of each")
