"""What the cells of a time column are, and SQL that reads them as whole microseconds since 1970."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from recbole_iacn.data.database import text
from recbole_iacn.data.moments import PLACES_END, day_in_words
from recbole_iacn.data.tables import cell_text as cells
from recbole_iacn.data.tables.inputs import Table
from recbole_iacn.errors import ConfigError

# Name of a unit -> what it is called, and how many there are in a second.
UNITS = {
    "s": ("seconds", 1),
    "ms": ("milliseconds", 1_000),
    "us": ("microseconds", 1_000_000),
    "ns": ("nanoseconds", 1_000_000_000),
}
_LAST = 4_200_000_000  # seconds; in 2103
_FLOAT32 = 2**24  # up to here float32 holds every integer
_ISO = r"\s*\d{4}-\d{2}-\d{2}([Tt ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?\s*([Zz]|UTC|[+-]\d{2}(:?\d{2})?)?)?\s*"  # 8601
_COMPACT = {8: "%Y%m%d", 14: "%Y%m%d%H%M%S"}  # digits -> as in 20190102 and 20190102030405
_DATES = ("DATE", "TIMESTAMP")

# The mend of a cell in a table whose rows may be dropped.
OR_DROP = ", or drop up to N such rows by --max-bad-rows N"


@dataclass
class TimeColumn:
    """How a column of times is read.

    Attributes:
        kind (str): what the cells are, in words.
        micros (str): SQL for whole microseconds since 1970, or for a place times a million; NULL if a cell is no time.
        empty (str): SQL that is true for an empty cell.
        rounded (str): SQL that is true where less than a microsecond is cut off.
        places (bool): the times are places of a history rather than times.
    """

    kind: str
    micros: str
    empty: str
    rounded: str = "false"
    places: bool = False

    def range_in_words(self, first: int, last: int) -> str:
        """The kind with the first and the last time.

        Args:
            first, last (int): microseconds.
        """
        ends = [end / 1_000_000 for end in (first, last)]
        return f"{self.kind}, {' to '.join(f'{end:g}' if self.places else day_in_words(end) for end in ends)}"


def find_time(
    execute: Callable[[str], Any], source: Table, name: str, unit: str | None = None, form: str | None = None
) -> TimeColumn:
    """Find out what a column of times holds.

    Args:
        execute (callable): runs SQL; the table's rows are in ``raw_<what>``.
        source (Table): the table.
        name (str): the column.
        unit (str, optional): of numbers, a key of :data:`UNITS`, or ``place``; by default found by their magnitude.
        form (str, optional): of text, in the notation of strptime; by default ISO 8601.

    Raises:
        ConfigError: the column holds no times, or numbers of several units; names flag, file and line.
    """
    cell, kind = source.column(name), source.type(name)
    if form is not None and kind != "VARCHAR":
        raise ConfigError(f"time-format: is for times that are text, and {name!r} of {source.title} is {kind}")
    if kind.startswith(_DATES):
        if unit is not None:
            raise ConfigError(f"time-unit: is for numbers, and {name!r} of {source.title} is {kind}")
        return _dates(cell, kind)
    if kind == "VARCHAR":
        return _from_text(execute, source, cell, unit, form)
    if re.match(r"U?(TINY|SMALL|BIG|HUGE)?INT|FLOAT|DOUBLE|DECIMAL", kind):
        return _numbers(execute, source, cell, kind, unit)
    raise ConfigError(f"{source.title}: column {name!r} is {kind}, which is no time; name another with --time")


def _dates(cell, kind):
    with_zone = "ZONE" in kind or "TZ" in kind
    words = "dates" if kind == "DATE" else "dates and times" + ("" if with_zone else " (taken as UTC)")
    if "_NS" in kind:
        nanos = f"epoch_ns({cell})"
        return TimeColumn(words, f"({nanos} // 1000)", f"{cell} is null", f"{nanos} % 1000 != 0")
    return TimeColumn(words, f"epoch_us({cell if with_zone else f'{cell}::timestamp'})", f"{cell} is null")


def _from_text(execute, source, cell, unit, form):
    empty = f"coalesce(trim({cell}), '') = ''"
    if form is not None:
        _check_format(execute, form)
        parsed = f"try_strptime(trim({cell}), {text(form)})"
        return TimeColumn(f"dates written as {form}", f"epoch_us({parsed}::timestamptz)", empty)
    iso, is_number = f"regexp_full_match({cell}, {text(_ISO)})", cells.is_number(cell)
    table = f"raw_{source.what}"
    filled, dates, numbers = execute(
        f"select count(*), count(*) filter ({iso}), count(*) filter ({is_number}) from {table} where not ({empty})"
    ).fetchone()
    if numbers > dates or unit is not None:
        return _numbers(execute, source, cell, "VARCHAR", unit)
    if filled and not dates:
        row, example = execute(
            f"select rowid, {cell} from {table} where not ({empty}) order by rowid limit 1"
        ).fetchone()
        raise ConfigError(not_a_time(source.place(row), example))
    return TimeColumn(
        "ISO 8601 (UTC where no zone is given)",
        f"case when {iso} then epoch_us(try_cast({cell} as timestamptz)) end",
        empty,
        f"regexp_matches({cell}, '\\.\\d{{6}}\\d*[1-9]')",
    )


def _check_format(execute, form):
    import duckdb

    try:
        execute(f"select try_strptime('', {text(form)})")
    except duckdb.Error as error:
        why = str(error).splitlines()[0].rpartition(": ")[2]
        raise ConfigError(
            f"time-format: {form!r} is not in the notation of strptime ({why}); write it as in '%d/%m/%Y %H:%M'"
        ) from None


def not_a_time(place: str, example: object, form: str | None = None) -> str:
    """The message about a cell that cannot be read.

    Args:
        place (str): file and line.
        example: the cell.
        form (str, optional): what the user says of how times are written.
    """
    if form is not None:
        return (
            f"{place}: {str(example)[:60]!r} is not written as {form!r} says (--time-format); mend one of them{OR_DROP}"
        )
    return (
        f"{place}: {str(example)[:60]!r} is not a time such as 2019-01-02T03:04:05Z or 1546398245; mend it, describe "
        f"all by --time-format, such as '%d/%m/%Y %H:%M'{OR_DROP}"
    )


def _numbers(execute, source, cell, kind, unit):
    is_text = kind == "VARCHAR"
    value = cells.number(cell, kind)
    empty = f"coalesce(trim({cell}), '') = ''" if is_text else f"{cell} is null or isnan({cell}::double)"
    table = f"raw_{source.what}"
    low, middle, high = execute(
        f"select min(v), quantile_disc(v, 0.5), max(v) from (select {value} as v from {table})"
    ).fetchone()
    if middle is None:
        return TimeColumn("no times", "NULL::bigint", empty)
    if kind == "FLOAT" and max(-low, high) > _FLOAT32:
        raise ConfigError(
            f"{source.title}: the times are float32, which rounds those of today to 128 s; give them as float64, as "
            "integers or as text"
        )
    form = _COMPACT.get(len(str(int(middle)))) if unit is None else None
    if form:
        digits = f"try_cast({value} as hugeint)::varchar"
        is_whole = f"{value} = trunc({value}) and len({digits}) = {len(str(int(middle)))}"
        parsed = f"case when {is_whole} then try_strptime({digits}, '{form}') end"
        # Most of them are dates, so that the others are wrong dates rather than other numbers.
        if execute(f"select count({value}) < 2 * count({parsed}) from {table}").fetchone()[0]:
            return TimeColumn(f"dates written as {form}", f"epoch_us({parsed})", empty)
    found = unit or _unit_of(middle)
    if found is None:
        raise ConfigError(
            f"{source.title}: the times, such as {middle:.0f}, are neither s, ms, us nor ns since 1970; "
            "name another column with --time, or their unit with --time-unit"
        )
    if unit is None:
        _reject_mixed(execute, source, value, found, low, high)
    if found == "place":
        return TimeColumn("places, not times", _micros(cell, kind, "s"), empty, places=True)
    rounded = f"{_whole(cell, kind)} % 1000 != 0" if found == "ns" else "false"
    return TimeColumn(f"{UNITS[found][0]} since 1970", _micros(cell, kind, found), empty, rounded)


def _unit_of(number):
    if 0 <= number < PLACES_END:
        return "place"
    per_second = ((name, count) for name, (_, count) in UNITS.items())
    return next((name for name, count in per_second if PLACES_END * count <= number < _LAST * count), None)


def _reject_mixed(execute, source, value, found, low, high):
    """A number of another unit is a time of another century."""
    for odd in (low, high):
        other = _unit_of(odd)
        if other != found and other is not None and "place" not in (other, found):
            row = execute(f"select min(rowid) from raw_{source.what} where {value} = {odd!r}").fetchone()[0]
            raise ConfigError(
                f"{source.place(row)}: the time {odd:.0f} would be {UNITS[other][0]} since 1970, and most others are "
                f"{UNITS[found][0]}; mend it, or read all as {UNITS[found][0]} by --time-unit {found}"
            )


def _whole(cell, kind):
    return f"try_cast(trim({cell}) as hugeint)" if kind == "VARCHAR" else f"try_cast({cell} as hugeint)"


def _micros(cell, kind, unit):
    """Exact for integers and text; a double has 15 digits, so that a microsecond of today is exact, too."""
    if unit == "ns":
        return f"try_cast({_whole(cell, kind)} // 1000 as bigint)"
    times = 1_000_000 // UNITS[unit][1]
    if kind in ("FLOAT", "DOUBLE"):
        return f"try_cast(round({cell}::double * {times}) as bigint)"
    number = f"try_cast(trim({cell}) as decimal(28, 9))" if kind == "VARCHAR" else f"try_cast({cell} as decimal(28, 9))"
    return f"try_cast(round({number} * {times}) as bigint)"
