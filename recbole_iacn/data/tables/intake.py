"""The database of tables: which events are kept, and the atomic files."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from recbole_iacn.data.database import Database, name, text
from recbole_iacn.data.tables import cell_text as cells
from recbole_iacn.data.tables.feature_columns import Feature
from recbole_iacn.data.tables.inputs import Table
from recbole_iacn.data.tables.options import Options
from recbole_iacn.data.tables.time_column import TimeColumn
from recbole_iacn.errors import ConfigError

# Side -> its column in .inter and in clicks' tables, and the table that numbers it.
_SIDES = {"item": ("item", "i", "named"), "user": ('"user"', "u", "users")}


class TableBase(Database):
    """Events, items and users in a temporary database; see :class:`~recbole_iacn.data.database.Database`."""

    extra = "tables"

    def __init__(self, folder: Path, memory: int, threads: int) -> None:
        super().__init__(folder, memory, threads)
        self.execute("set timezone = 'UTC'")

    def execute(self, statement: str) -> Any:
        """Run SQL."""
        return self._do(statement)

    def open(self, what: str, given: Any) -> Table:
        """A table of input, its rows in ``raw_<what>``, where rowid counts them from 0.

        Args:
            what (str): ``events``, ``items`` or ``users``.
            given: path or data frame.
        """
        table = self.look(what, given)
        self.load(table)
        return table

    def look(self, what: str, given: Any) -> Table:
        """A table of input, its columns alone.

        Args:
            what, given: as in :meth:`open`.
        """
        return Table(what, given, self._base.execute, self._base.register)

    def load(self, table: Table, columns: Sequence[str] | None = None) -> None:
        """Read the rows of a table of input into ``raw_<what>``.

        Args:
            table (Table): from :meth:`look`.
            columns (list of str): those that are read; all by default.
        """
        kept = "*" if columns is None else ", ".join(dict.fromkeys(map(table.column, columns)))
        self.execute("set preserve_insertion_order = true")
        with table.errors():
            self._base.execute(f"create table raw_{table.what} as select {kept} from ({table.query})")
        self.execute("set preserve_insertion_order = false")

    def rows(self, what: str) -> int:
        """Number of rows of a table of input."""
        return self._number(f"select count(*) from raw_{what}")

    def check_ids(self, source: Table, column: str) -> None:
        """Reject ids that come as floats and are too large for them: several may have become one.

        Args:
            source (Table): the table.
            column (str): the ids.

        Raises:
            ConfigError: names the row and the mend.
        """
        cell, kind = source.column(column), source.type(column)
        if kind not in cells.EXACT_BELOW:
            return
        row, value = self.execute(
            f"select min(rowid), arg_min({cell}, rowid) from raw_{source.what} "
            f"where not isnan({cell}) and abs({cell}) >= {cells.EXACT_BELOW[kind]}"
        ).fetchone()
        if row is not None:
            raise ConfigError(
                f"{source.place(row)}: the id {value:g} in {column!r} is too large for a float, so that several ids "
                "may have become one; give ids as text or as integers of 64 bits"
            )

    def take_events(
        self, source: Table, roles: dict[str, str], time: TimeColumn, features: Sequence[Feature], options: Options
    ) -> dict[str, int]:
        """Number the users and items of the events that can be read; afterwards there is the table clicks.

        Args:
            source (Table): the events.
            roles (dict of str to str): role -> column.
            time (TimeColumn): how their times are read.
            features (list of Feature): the further columns.
            options (Options): what to keep.

        Returns:
            dict of str to int: the reason why events are dropped -> how many.

        Raises:
            ConfigError: more events than ``max_bad_rows`` have a cell that cannot be read; names file and line.
        """
        ids = {
            role: cells.cleaned(cells.id_text(source.column(roles[role]), source.type(roles[role])))
            for role in ("user", "item")
        }
        values = {"rating": _rating(source, roles), "label": _label(source, roles, options)}
        reasons = [
            (f"{ids['user']} is null", "without_user"),
            (f"{ids['item']} is null", "without_item"),
            (time.empty, "without_time"),
            (f"{time.micros} is null", "bad_time"),
            *((condition, reason) for _, conditions in values.values() for condition, reason in conditions),
        ]
        if options.min_rating is not None:
            reasons += [
                (f"{values['rating'][0]} is null", "without_rating"),
                (f"{values['rating'][0]} < {float(options.min_rating)!r}", "below_min_rating"),
            ]
        reason = "case " + " ".join(f"when {condition} then '{name}'" for condition, name in reasons) + " end"
        further = "".join(f", {feature.cell} as f{k}" for k, feature in enumerate(features))
        self.execute(
            f'create table events as select rowid + 1 as line, {ids["user"]} as "user", {ids["item"]} as item, '
            f"{time.micros} as time, {values['rating'][0]} as rating, {values['label'][0]} as label, "
            f"{reason} as reason{further} from raw_events"
        )
        counted = self.execute("select reason, count(*), min(line) from events group by reason").fetchall()
        self._reject_bad(source, roles, options, [row for row in counted if str(row[0]).startswith("bad_")])
        self.execute("drop table raw_events")
        self.execute("delete from events where reason is not null")
        kept = "".join(f", f{k}" for k in range(len(features)))
        self._number_ids("events", f"time, rating, label, line{kept}")
        return {reason: count for reason, count, _ in sorted(counted, key=str) if reason}

    def _reject_bad(self, source, roles, options, bad):
        if sum(count for _, count, _ in bad) <= options.max_bad_rows:
            return
        reason, _, line = min(bad, key=lambda row: row[2])
        role = reason.removeprefix("bad_")
        column = options.condition[0] if role == "label" and options.condition else roles[role]
        cell = self.execute(f"select {source.column(column)} from raw_events where rowid = {line - 1}").fetchone()[0]
        raise ConfigError(_not_readable(source.place(line - 1), role, cell, options.time_format))

    def merged_ids(self, source: Table, column: str) -> tuple[int, int]:
        """Cells of ids that were cleaned, and how many ids became another's by it.

        Args:
            source (Table): the table.
            column (str): the ids.
        """
        raw = cells.id_text(source.column(column), source.type(column))
        written = cells.cleaned(raw)
        changed = self._number(
            f"select count(*) from raw_{source.what} where {written} is distinct from nullif({raw}, '')"
        )
        if not changed:
            return 0, 0
        ids = f"select distinct {raw} as raw, {written} as written from raw_{source.what}"
        before, after = self.execute(
            f"select count(raw), count(distinct written) from ({ids}) where written is not null"
        ).fetchone()
        return changed, before - after

    def count_cells(self, source: Table, condition: str) -> int:
        """Rows of a table of input for which a condition holds.

        Args:
            source (Table): the table.
            condition (str): SQL.
        """
        return self._number(f"select count(*) from raw_{source.what} where {condition}")

    def take_side(self, source: Table, key: str, side: str, features: Sequence[Feature]) -> dict[str, int]:
        """Take the rows of items or users, the first of each.

        Args:
            source (Table): the table.
            key (str): the column of its ids.
            side (str): ``item`` or ``user``.
            features (list of Feature): its further columns.

        Returns:
            dict of str to int: the reason why rows are dropped -> how many.
        """
        column = _SIDES[side][0]
        id_cell = cells.cleaned(cells.id_text(source.column(key), source.type(key)))
        further = "".join(f", {feature.cell} as f{k}" for k, feature in enumerate(features))
        self.execute(
            f"create table {side}_rows as select rowid as line, {id_cell} as {column}{further} from raw_{source.what}"
        )
        self.execute(
            f"create table first_{side} as select * from {side}_rows semi join "
            f"(select min(line) as line from {side}_rows where {column} is not null group by {column}) using (line)"
        )
        rows, with_id = self.execute(f"select count(*), count({column}) from {side}_rows").fetchone()
        return {
            f"without_{side}": rows - with_id,
            "duplicate": with_id - self._number(f"select count(*) from first_{side}"),
        }

    def without_events(self, side: str) -> int:
        """Rows of items or users that no event names."""
        column, number, ids = _SIDES[side]
        return self._number(
            f"select count(*) from first_{side} "
            f"anti join (from {ids} semi join clicks using ({number})) using ({column})"
        )

    def without_row(self, side: str) -> int:
        """Items or users of the events that have no row."""
        column, number, ids = _SIDES[side]
        return self._number(
            f"select count(*) from {ids} semi join clicks using ({number}) anti join first_{side} using ({column})"
        )

    def drop_without_item_row(self) -> int:
        """Drop events of items that have no row; returns how many."""
        return self._delete("i not in (select i from named semi join first_item using (item))")

    def times(self) -> tuple[int, int]:
        """The first and the last time of the events, in microseconds."""
        return self.execute("select min(time), max(time) from clicks").fetchone()

    def labels(self) -> int:
        """Events whose label is 1."""
        return self._number("select count(*) filter (label = 1) from clicks")

    def write_events(self, path: Path, with_rating: bool, with_label: bool, features: Sequence[Feature]) -> None:
        """Write ``NAME.inter``: events by user, in the order of their first row, and time.

        Args:
            path (pathlib.Path): the file.
            with_rating, with_label (bool): write these columns.
            features (list of Feature): the further columns.
        """
        columns = ['"user" as "user_id:token"', 'item as "item_id:token"', f"{_SECONDS} as {name('timestamp:float')}"]
        columns += ['rating::varchar as "rating:float"'] if with_rating else []
        columns += ['label as "label:float"'] if with_label else []
        columns += [f"coalesce(f{k}, '') as {name(one.header)}" for k, one in enumerate(features)]
        self._copy(
            f"select {', '.join(columns)} from clicks join users using (u) join named using (i) order by u, time, line",
            path,
        )

    def write_side(self, path: Path, side: str, features: Sequence[Feature]) -> None:
        """Write ``NAME.item`` or ``NAME.user``: all items or users of the events, in the order of their first event.

        Args:
            path (pathlib.Path): the file.
            side (str): ``item`` or ``user``.
            features (list of Feature): the columns.
        """
        column, number, ids = _SIDES[side]
        columns = [f"{column} as {name(f'{side}_id:token')}"]
        columns += [f"coalesce(f{k}, '') as {name(one.header)}" for k, one in enumerate(features)]
        self._copy(
            f"select {', '.join(columns)} from {ids} semi join clicks using ({number}) "
            f"left join first_{side} using ({column}) order by {number}",
            path,
        )


# Seconds with what is left of the microseconds, exactly; printf takes twice as long.
_SECONDS = (
    "case when time % 1000000 = 0 then (time // 1000000)::varchar else case when time < 0 then '-' else '' end "
    "|| (abs(time) // 1000000)::varchar || '.' || rtrim(substr((1000000 + abs(time) % 1000000)::varchar, 2), '0') end"
)


def _rating(source, roles):
    """SQL for the rating, and the conditions that drop a row, with their reasons."""
    if "rating" not in roles:
        return "NULL::double", []
    cell, kind = source.column(roles["rating"]), source.type(roles["rating"])
    value = cells.number(cell, kind)
    if kind == "VARCHAR":
        return value, [(f"{value} is null and {cell} is not null and not {cells.is_missing(cell)}", "bad_rating")]
    return value, []


def _label(source, roles, options):
    if options.condition:
        return _compared(source, *options.condition)
    if "label" not in roles:
        return "NULL::int", []
    cell = f"lower(trim({source.column(roles['label'])}::varchar))"
    value = f"(case when {cell} in ('1', '1.0', 'true') then 1 when {cell} in ('0', '0.0', 'false') then 0 end)"
    return value, [(f"coalesce({cell}, '') = ''", "without_label"), (f"{value} is null", "bad_label")]


def _compared(source, column, comparison, value):
    cell, kind = source.column(column), source.type(column)
    try:
        number = float(value)
        if not math.isfinite(number):
            raise ValueError
        right, left = repr(number), cells.number(cell, kind)
    except ValueError:
        if comparison != "=":
            raise ConfigError(f"label-from: {comparison} needs a finite number, got {value!r}") from None
        right, left = text(value), cells.cleaned(f"{cell}::varchar")
    conditions = [(f"coalesce(trim({cell}::varchar), '') = ''", "without_label"), (f"{left} is null", "bad_label")]
    return f"({left} {comparison} {right})::int", conditions


def _not_readable(place, role, cell, form):
    from recbole_iacn.data.tables.time_column import not_a_time

    if role == "time":
        return not_a_time(place, cell, form)
    mends = {
        "rating": "a number; mend it, name another column by --rating (none: there is none)",
        "label": "a label, 0 or 1, true or false; mend it, say by --label-from which are clicks, such as 'rating>=4' "
        "or 'event=purchase', name another column by --label (none: there is none)",
    }
    return f"{place}: {str(cell)[:60]!r} is not {mends[role]}, or drop up to N such rows by --max-bad-rows N"
