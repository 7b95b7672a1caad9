"""The rows of a table that ask for scores, and where the history of each one lies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from recbole_iacn.data.database import name as quoted
from recbole_iacn.data.tables import cell_text as cells
from recbole_iacn.data.tables.inputs import Table
from recbole_iacn.data.tables.roles import NONE, existing, find_roles
from recbole_iacn.data.tables.time_column import OR_DROP, TimeColumn, find_time, not_a_time
from recbole_iacn.errors import ConfigError
from recbole_iacn.serving.tables import asked_columns
from recbole_iacn.serving.tables.event_base import EventBase
from recbole_iacn.serving.tables.history_files import HistoryFiles
from recbole_iacn.serving.tables.output_files import in_csv
from recbole_iacn.serving.tables.score_options import ScoreOptions
from recbole_iacn.serving.tables.table_account import TableAccount

if TYPE_CHECKING:
    import pyarrow as pa

    from recbole_iacn.serving.recommender import Recommender


_SAME_USER = 'p."user" = a."user"'


@dataclass
class Batch:
    """Some of the rows.

    Attributes:
        items: ids of the items, 0 for an unknown one, int64, shape (B,).
        users: tokens, None where a row has none; B of them.
        starts, stops: where the histories lie, int64, shape (B,).
        columns: what the model reads beside them, name to B values.
        has_context: whether these differ between rows of one user.
    """

    items: np.ndarray
    users: list[str | None]
    starts: np.ndarray
    stops: np.ndarray
    columns: dict[str, Any]
    has_context: bool


class AskedRows:
    """The rows of a table that ask for scores: :meth:`read`, :meth:`take_users`, :meth:`take_histories`, then
    :meth:`batches`.

    Args:
        recommender: the model.
        base: the database.
        options: which columns are what.
        account: of what is left out, unknown or empty.
    """

    def __init__(self, recommender: Recommender, base: EventBase, options: ScoreOptions, account: TableAccount) -> None:
        self.base, self.options, self.account = base, options, account
        self.recommender, self.catalogue = recommender, recommender.catalogue
        self.wanted = asked_columns.wanted_of(recommender)
        self.of_users: list[str] = []
        self.files = HistoryFiles(np.zeros(0, np.int32), np.zeros(0, np.int64))

    # --- What the columns are -----------------------------------------------------------------------------------

    def read(self, path: Any, has_events: bool) -> None:
        """Read the rows, and find out what their columns are.

        Args:
            path: the table.
            has_events: whether histories come from events.
        """
        base, options = self.base, self.options
        self.source: Table = base.look("rows", path)
        self.history = self._history_column(has_events)
        given = {"user": options.user, "item": options.item, "time": options.time}
        needed = ("item",) if self.history is not None else ("user", "item")
        optional = [role for role, sought in (("time", has_events), ("user", "user" not in needed)) if sought]
        self.roles = find_roles(self.source.title, self.source.names, given, needed, optional)
        base.load(self.source)
        self.count = base.rows("rows")
        if not self.count:
            raise ConfigError(f"{self.source.title}: has no rows")
        for role in ("user", "item"):
            if role in self.roles:
                base.check_ids(self.source, self.roles[role])
        self.time = self._time()
        own = [name for name in self.wanted.all if name not in self.roles.values()]
        self.own = asked_columns.select_columns(base, self.source, own, self.catalogue)
        self._say_columns(has_events)

    def _history_column(self, has_events):
        source, options = self.source, self.options
        usual = f"{self.catalogue.item}_list"
        if (options.history or "").lower() == NONE and options.history not in source.names:
            column = None
        elif options.history is not None:
            column = existing(source.title, source.names, "history", options.history)
        else:
            column = usual if usual in source.names else None
        if column is not None and has_events:
            raise ConfigError(
                f"events: {source.title} has histories of its own, in {column!r}; leave --events out, or take those of "
                "the events by --history none"
            )
        if column is None and not has_events and self.catalogue.max_history:
            raise ConfigError(
                f"{source.title}: has no column {usual!r}, and {self.wanted.model} reads histories; name their column "
                "by --history COLUMN, or give the clicks by --events FILE"
            )
        if column is not None and self.recommender.queries.reads_times:
            raise ConfigError(
                f"{source.title}: {self.wanted.model} reads the time of every click, which a history in a row lacks; "
                "give the clicks by --events FILE, and --history none"
            )
        return column

    def _time(self) -> TimeColumn | None:
        if "time" not in self.roles:
            return None
        base, source, column = self.base, self.source, self.roles["time"]
        try:
            unit, form = self.options.of_times(source, column)
            time = find_time(base.execute, source, column, unit, form)
            row = base.execute(
                f"select min(rowid) from raw_rows where {time.micros} is null and not coalesce({time.empty}, true)"
            ).fetchone()[0]
            if row is not None:
                cell = base.execute(f"select {source.column(column)} from raw_rows where rowid = {row}").fetchone()[0]
                raise ConfigError(not_a_time(source.place(row), cell, form))
        except ConfigError as error:
            raise ConfigError(str(error).replace(OR_DROP, "")) from None  # every row gets a score
        return time

    def _say_columns(self, has_events):
        columns = [f"{role}: {column}" for role, column in self.roles.items()]
        columns += [f"history: {self.history}"] if self.history is not None else []
        said = f"{self.source.title}: {self.count:,} rows ({', '.join(columns)}"
        if self.time is not None:
            said += f"; times: {self.time.kind}"
        elif has_events:
            said += "; without a time, so all events of a user are in the history"
        self.account.events.append(said + ")")

    def take_users(self, users: Any) -> None:
        """Read the columns of users from a table of their own.

        Args:
            users: the table, or None.
        """
        if users is None:
            self.wanted.check_given(self.own, self.source.title)
            return
        if "user" not in self.roles:
            raise ConfigError(f"users: {self.source.title} has no column of users; name it: --user COLUMN")
        base = self.base
        source, self.of_users, left_out = asked_columns.take_users(
            base, users, self.options.user_key, self.wanted, self.catalogue, self.own, self.options.user
        )
        self.wanted.check_given([*self.own, *self.of_users], source.title)
        for reason, number in left_out.items():
            self.account.count(reason, number)
        row, user = base.execute(
            f"select min(rowid), arg_min(t, rowid) from (select rowid, {self._text('user')} as t from raw_rows) "
            'where t not in (select "user" from about_users)'
        ).fetchone()
        if row is not None:
            raise ConfigError(
                f"{self.source.place(row)}: the user {user!r} has no row in {source.title}; add it, or leave --users "
                "out"
            )

    # --- Histories ------------------------------------------------------------------------------------------------

    def take_histories(self, events: Any, folder: Path) -> None:
        """Read the histories, and sort them.

        Args:
            events: the table of events, or None.
            folder: for the sorted events.
        """
        base, micros = self.base, "NULL::bigint"
        if events is not None:
            self._take_events(events)
            micros = self.time.micros if self.time is not None else micros
        user = self._text("user") if "user" in self.roles else "NULL::varchar"
        base.execute(
            f'create table asked as select rowid as line, {self._text("item")} as item, {user} as "user", '
            f"{micros} as micros{asked_columns.as_query(self.own)} from raw_rows"
        )
        if events is not None:
            self.account.count("events of other users", base.keep_users("asked"))
            base.count_people()
        elif self.history is not None:
            unknown = base.take_lists(self.source, self.history)
            self.account.count("entries of histories that the model does not know", unknown)
        else:
            base.take_none()
        self._count(
            "rows of items that the model does not know, without a score", "asked anti join vocabulary using (item)"
        )
        if "user" in self.roles:
            self._count("rows without a user", 'asked where "user" is null')
        if events is not None or self.history is not None:
            self.files = base.write_histories(folder)
            base.shrink()

    def _count(self, reason, table):
        self.account.count(reason, self.base.execute(f"select count(*) from {table}").fetchone()[0])

    def _take_events(self, events):
        base, options = self.base, self.options
        given = options.of_events(base.look("events", events), self.roles)
        taken = base.take(events, given, asked_columns.trained_on_labels(self.recommender), flags="event-")
        asked_columns.check_times(self.recommender, taken)
        if self.time is not None and self.time.places != taken.time.places:
            raise ConfigError(
                f"time: those of {taken.title} are {taken.time.kind}, and those of {self.source.title} "
                f"{self.time.kind}, which cannot be compared; give both in one way"
            )
        self.account.take(taken)

    def _text(self, role):
        source, column = self.source, self.roles[role]
        return cells.cleaned(cells.id_text(source.column(column), source.type(column)))

    def history_of(self, batch: Batch, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Ids, lengths and times of what the model reads of some rows' histories.

        Args:
            batch: has the rows.
            rows: numbers of rows.
        """
        starts, stops = batch.starts[rows], batch.stops[rows]
        starts = np.maximum(starts, stops - (self.catalogue.max_history or 0))
        ids, times = self.files.gather(starts, stops)
        return ids, stops - starts, times

    # --- Batches --------------------------------------------------------------------------------------------------

    def schema(self, as_csv: bool, score: str) -> pa.Schema:
        """The columns of the result.

        Args:
            as_csv: whether it is CSV, which holds no lists.
            score: name of the column of scores.
        """
        import pyarrow as pa

        self._written = ", ".join(
            f"{in_csv(self.source, name) if as_csv else self.source.column(name)} as {quoted(name or f'c{place}')}"
            for place, name in enumerate(self.source.names)
        )
        empty = next(self.base.stream(f"select {self._written} from raw_rows limit 1", 1))
        return pa.schema([*empty.schema, (score, pa.float32())])

    def batches(self, rows: int) -> Iterator[tuple[list[Any], Batch]]:
        """The rows in their order: their columns as they are written, and what is asked.

        Args:
            rows: most rows of a batch.
        """
        base = self.base
        base.execute("set preserve_insertion_order = true")
        columns = "".join(f", {quoted(name)}" for name in (*self.own, *self.of_users))
        about = 'left join about_users as b on b."user" = a."user"' if self.of_users else ""
        query = (
            f'select a.line as line, coalesce(id, 0) as id, a."user" as "user", coalesce(start, 0) as start, '
            f"coalesce(stop, 0) as stop, micros{columns} from asked as a left join vocabulary as v on v.item = a.item "
            f"left join people as p on {'p.u = a.line' if self.history is not None else _SAME_USER} {about} "
            "order by a.line"
        )
        written = base.batches(f"select rowid, {self._written} from raw_rows", rows)
        for columns_of, asked in zip(written, base.batches(query, rows)):
            if not columns_of.column(0).equals(asked.column("line")):
                raise AssertionError(f"{self.source.title}: the database has changed the order of its rows")
            yield columns_of.columns[1:], self._batch(asked)

    def _batch(self, asked):
        starts, stops = asked.column("start").to_numpy(), asked.column("stop").to_numpy()
        if self.time is not None:
            micros = asked.column("micros")
            has_time = micros.is_valid().to_numpy(zero_copy_only=False)
            before = self.files.before(starts, stops, micros.fill_null(0).to_numpy())
            stops = np.where(has_time, before, stops)
        self.account.count("rows with an empty history", (starts == stops).sum())
        users = asked.column("user").to_pylist()
        columns = asked_columns.values_of(asked, [*self.own, *self.of_users])
        if "user" in self.roles:
            columns[self.catalogue.user] = ["" if user is None else user for user in users]
        return Batch(asked.column("id").to_numpy(), users, starts, stops, columns, bool(self.own))
