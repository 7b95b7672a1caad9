"""Times as they are written: numbers, or text in ISO 8601; and what is conspicuous about them.

The order of a user's clicks, and the intervals that some models read, come from the column ``TIME_FIELD``; nothing else
reads it, and nothing reads its unit.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from recbole_iacn.errors import ConfigError

INEXACT = 2**53  # from here on float64 does not hold every integer

NO_TIME = "the cell is empty, and the order of clicks needs every time; write it, or leave the row out"
TOO_LONG = (
    "where a time is 2**53 or more, all must be integers below 2**63, or they would be rounded; write nanoseconds "
    "everywhere, or seconds with a fraction"
)

_YEAR_1971, _YEAR_2100 = 31_536_000, 4_102_444_800
_UNITS = (("milliseconds", 1e3), ("microseconds", 1e6), ("nanoseconds", 1e9))


def check_time_type(columns: dict[str, str], name: str, path: str) -> None:
    """Reject a column of times that is typed as another thing than numbers.

    Args:
        columns: column -> type, of the columns that are loaded.
        name: the column of times.
        path: the file.

    Raises:
        ConfigError: names the file, line 1, and the mend.
    """
    kind = columns.get(name, "float")
    if kind != "float":
        raise ConfigError(
            f"{path}, line 1: {name!r} (TIME_FIELD) is of type {kind}, and clicks cannot be ordered by it; "
            f"type it float: {name}:float. Its cells may be numbers, or text in ISO 8601."
        )


def not_a_time(text: str) -> str:
    """What to say of a cell that is not a time."""
    return (
        f"{text!r} is not a time. Every cell must be a number, or every cell ISO 8601, such as 2024-05-31, "
        "2024-05-31T23:59:59.5Z or 2024-05-31 23:59:59+02:00"
    )


def from_text(texts: Sequence[str]) -> tuple[np.ndarray, int | None]:
    """Seconds since 1970 of times in ISO 8601: a date, or a date and a time with a T or a blank between them, with or
    without a fraction, and Z, an offset, or neither, which stands for Z.

    Args:
        texts: shape (times,).

    Returns:
        float64, shape (times,), and the place of the first text that is not a time, or None. Fractions of a microsecond
        are cut off: float64 cannot hold them.
    """
    for place, text in enumerate(texts):
        if not (text[:4].isdigit() and text[4:5] == "-"):  # pandas would also read 2024, 20240531, now and today
            return np.zeros(0), place
    index = pd.Index(texts, dtype=object)
    try:
        parsed = pd.to_datetime(index, format="ISO8601", utc=True)
    except (ValueError, OverflowError):
        coerced = pd.to_datetime(index, format="ISO8601", utc=True, errors="coerce")
        return np.zeros(0), int(np.argmax(coerced.isna()))
    if parsed.isna().any():
        return np.zeros(0), int(np.argmax(parsed.isna()))
    return parsed.as_unit("us").asi8 / 1e6, None


def are_places(times: np.ndarray) -> bool:
    """True if times are mere places in an order, such as 0, 1, 2, …, rather than points in time: integers from 0 or 1
    on, none of them larger than the number of rows.

    Args:
        times: shape (rows,), all rows of the data.
    """
    if not len(times):
        return False
    low, high = times.min(), times.max()
    return bool(low in (0, 1) and high <= max(len(times), 1) and (times == np.floor(times)).all())


def notice(times: np.ndarray, name: str) -> str | None:
    """What to say of times that would lie in 1970, or after 2100, if they were seconds; None if nothing.

    Args:
        times: shape (rows,), float64 or int64.
        name: of the column.
    """
    if not len(times) or are_places(times):
        return None
    early = int(((times >= 0) & (times < _YEAR_1971)).sum())
    late = int((times >= _YEAR_2100).sum())
    if not early and not late:
        return None
    low, high = (_short(value) for value in (times.min(), times.max()))
    unit = next((unit for unit, size in _UNITS if _YEAR_1971 <= np.median(times) / size < _YEAR_2100), None)
    if late == len(times) and unit:
        guess = f"as {unit} they make sense."
    elif late:
        guess = "are they all in one unit?"
    elif early == len(times):
        guess = "perhaps they count from another start, or are places, dates without hyphens (20240531), days or hours."
    else:
        guess = "0 often stands for an unknown time."
    parts = [f"{early} of {len(times)} times are in 1970"] * bool(early)
    parts += [f"{late} of {len(times)} are after 2100"] * bool(late)
    return (
        f"{name}: read as seconds, {' and '.join(parts)} ({low} to {high}); {guess} The order of clicks is that of the "
        "numbers, in any unit; models of intervals count them as seconds; nothing else reads the unit."
    )


def notice_of_text(times: Any, name: str) -> str:
    """What to say where text was read as times."""
    first, last = (
        pd.Timestamp(float(value), unit="s").isoformat(" ", "seconds") for value in (times.min(), times.max())
    )
    return f"{name}: the text was read as times, {first} to {last} (UTC, also where no offset is written)"


def _short(value):
    return f"{float(value):.15g}"
