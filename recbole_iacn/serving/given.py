"""What people pass in, checked: lists of lists of tokens, or a long table with a row per click."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from recbole_iacn.data.catalogue import Catalogue
from recbole_iacn.errors import ConfigError, did_you_mean

_FORM = "must be a list of lists of item tokens, oldest first, or a table with a row per click"


@dataclass
class Given:
    """Histories end to end.

    Attributes:
        tokens: of all histories, M of them.
        lengths: entries of each history, shape (B,).
        times: of each entry, shape (M,), or None.
        columns: of the user and of the context, name to B values.
        names: a label per history, shape (B,).
    """

    tokens: list[str]
    lengths: np.ndarray
    times: np.ndarray | None
    columns: dict[str, Any]
    names: np.ndarray

    @classmethod
    def read(cls, histories: Any, times: Any, users: Any, catalogue: Catalogue, time_field: str | None) -> Given:
        """Read histories in either form.

        Args:
            histories, times, users: as in :meth:`recbole_iacn.serving.recommender.Recommender.recommend`.
            catalogue: names the columns of users and items.
            time_field: names the column of times.

        Raises:
            ConfigError: says what is wrong with the form.
        """
        table = _as_frame(histories)
        if table is not None:
            if times is not None:
                raise ConfigError(
                    f"times: a table of histories has its times in a column, {time_field}; leave times out"
                )
            given = _from_table(table, catalogue, time_field)
        else:
            given = _from_lists(histories, times)
        if users is not None:
            given._take_users(users, catalogue)
        return given

    def _take_users(self, users, catalogue):
        by_name = self.columns.get(catalogue.user)  # of a table of histories
        frame = _as_frame(users)
        if frame is not None:
            _reject_twice(frame, "users", frame)
            columns = {str(name): frame[name].tolist() for name in frame}
        elif isinstance(users, Mapping):
            columns = {str(name): _values(name, values) for name, values in users.items()}
        elif by_name is not None:
            raise ConfigError(
                f"users: the table of histories says who they are, in its column {catalogue.user!r}; leave users out, "
                "or give a table of their columns"
            )
        else:
            columns = {catalogue.user: _flat(users, "users", "user")}
        if catalogue.user in columns:
            columns[catalogue.user] = words(columns[catalogue.user], catalogue.user, catalogue)
            if by_name is not None:
                columns = _in_order(columns, catalogue.user, by_name)
        for name, values in columns.items():
            if len(values) != len(self.lengths):
                count = len(self.lengths)
                raise ConfigError(f"users: {count} histories need {count} values of {name!r}, got {len(values)}")
        self.columns.update(columns)
        if catalogue.user in columns:
            self.names = np.asarray(columns[catalogue.user])


def tokens_of(values: Any, what: str) -> list[str]:
    """A list of tokens.

    Args:
        values: a sequence of str or int.
        what: the argument's name, for messages.

    Raises:
        ConfigError: it is something else.
    """
    return _flat(values, what, "item")


def words(values: Sequence[Any], name: str, catalogue: Catalogue) -> list[str]:
    """Cells of a column as tokens. pandas adds ``.0`` to whole numbers of a column with gaps: it is taken off, unless
    the data's own tokens have it.

    Args:
        values: text, numbers, or None or NaN for what is missing, which becomes an empty text.
        name: the column.
        catalogue: its tokens.
    """
    listed = list(values)
    if all(type(value) is str for value in listed):
        return listed
    listed = ["" if _is_missing(value) else value for value in listed]
    plain = [str(value) for value in listed]
    if not any(isinstance(value, float | np.floating) for value in listed) or catalogue.ids(name, plain).any():
        return plain
    return [
        str(int(value)) if isinstance(value, float | np.floating) and float(value).is_integer() else text
        for value, text in zip(listed, plain)
    ]


def list_of(cell: Any, separator: str) -> list[Any]:
    """The entries of a cell of a column of lists.

    Args:
        cell: a list, text as in the data's files, or None or NaN for what is missing.
        separator: what is between the entries of text.
    """
    if isinstance(cell, str):
        return [part for part in cell.split(separator) if part]
    if isinstance(cell, Iterable):
        return list(cell)
    return [] if _is_missing(cell) else [cell]


def _is_missing(value):
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and value != value)


def _values(name, values):
    """A column of a dict."""
    if isinstance(values, str | bytes | Mapping | Set) or not isinstance(values, Iterable):
        raise ConfigError(f"users: {name!r} must be a list with a value for each history, got {values!r:.60}")
    return list(values)


def _reject_twice(table, what, names):
    for name in names:
        if list(table.columns).count(name) > 1:
            raise ConfigError(f"{what}: two columns of the table are called {name!r}; leave one")


def _as_frame(values):
    """A pandas table of what is one; None for anything else. Polars and Arrow know how to become one."""
    if isinstance(values, pd.DataFrame):
        return values
    return values.to_pandas() if hasattr(values, "to_pandas") and hasattr(values, "columns") else None


def _from_table(table, catalogue, time_field):
    for name in (catalogue.user, catalogue.item):
        if name not in table:
            names = [str(column) for column in table]
            raise ConfigError(
                f"histories: the table has no column {name!r}.{did_you_mean(name, names)} It has "
                f"{', '.join(names[:10])}; rename the one that is meant"
            )
    _reject_twice(table, "histories", (catalogue.user, catalogue.item, time_field))
    if not len(table):
        raise ConfigError("histories: the table has no row")
    if table[[catalogue.user, catalogue.item]].isna().any(axis=None):
        raise ConfigError(f"histories: {catalogue.user} and {catalogue.item} must not be empty")
    users = words(table[catalogue.user].tolist(), catalogue.user, catalogue)
    code, names = pd.factorize(np.asarray(users, dtype=object))
    times = None
    if time_field in table:
        times = _numbers(table[time_field].to_numpy(), time_field)
        order = np.lexsort((times, code))
        times = times[order]
    else:
        order = np.argsort(code, kind="stable")
    tokens = np.asarray(words(table[catalogue.item].tolist(), catalogue.item, catalogue), dtype=object)[order].tolist()
    lengths = np.bincount(code, minlength=len(names))
    return Given(tokens, lengths, times, {catalogue.user: names.tolist()}, np.asarray(names))


def _from_lists(histories, times):
    if isinstance(histories, str | bytes | Mapping) or not isinstance(histories, Sequence | np.ndarray):
        raise ConfigError(f"histories: {_FORM}, got {type(histories).__name__}")
    if not len(histories):
        raise ConfigError("histories: there is none; a user without clicks is an empty list in the list")
    lists = []
    for place, history in enumerate(histories):
        if isinstance(history, str | bytes | Mapping) or not isinstance(history, Sequence | np.ndarray):
            raise ConfigError(f"histories: {_FORM}, got {history!r:.60} at place {place}")
        lists.append(_flat(history, f"histories, place {place}", "item"))
    lengths = np.array([len(history) for history in lists], dtype=np.int64)
    tokens = [token for history in lists for token in history]
    return Given(tokens, lengths, _times(times, lengths), {}, np.arange(len(lists)))


def _flat(values, what, kind):
    """Tokens of a sequence of text and whole numbers."""
    if isinstance(values, str | bytes) or not isinstance(values, Sequence | np.ndarray | pd.Series | pd.Index):
        raise ConfigError(f"{what}: must be a list of {kind} tokens, got {values!r:.60}")
    listed = values if isinstance(values, list) else list(values)
    if all(type(value) is str for value in listed):
        return listed
    for value in listed:
        if isinstance(value, bool) or not isinstance(value, str | int | np.integer):
            raise ConfigError(f"{what}: must be a list of {kind} tokens, which are text, got {value!r:.60} in it")
    return [str(value) for value in listed]


def _times(times, lengths):
    if times is None:
        return None
    if isinstance(times, str | bytes) or not isinstance(times, Sequence | np.ndarray) or len(times) != len(lengths):
        raise ConfigError(f"times: must be a list of {len(lengths)} lists, one per history")
    for place, (some, length) in enumerate(zip(times, lengths.tolist())):
        if not isinstance(some, Sequence | np.ndarray) or len(some) != length:
            raise ConfigError(f"times: the history at place {place} has {length} items and needs as many times")
    values = _numbers(np.asarray([time for some in times for time in some]), "times")
    begins = np.cumsum(lengths) - lengths
    later = np.r_[True, values[1:] >= values[:-1]] if len(values) else np.ones(0, bool)
    later[begins[lengths > 0]] = True
    if not later.all():
        place = int(np.searchsorted(begins, int(np.argmin(later)), side="right")) - 1
        raise ConfigError(f"times: the history at place {place} is not in order; histories are oldest first")
    return values


def _numbers(values, what):
    """Times as int64 if they are whole numbers, as float64 otherwise; moments in seconds."""
    values = np.asarray(values)
    if values.dtype.kind == "O" and all(isinstance(value, date) for value in values.tolist()):
        # Objects: moments of Python, or with a time zone.
        values = pd.to_datetime(pd.Series(values), utc=True).dt.tz_localize(None).to_numpy()
    if values.dtype.kind == "M":
        if np.isnat(values).any():
            raise ConfigError(f"{what}: must not be empty")
        return (values - np.datetime64(0, "s")) / np.timedelta64(1, "s")
    if values.dtype.kind in "iu":
        return values.astype(np.int64)
    try:
        # Durations would count in a unit of their own.
        numbers = values.astype(np.float64) if values.dtype.kind != "m" else None
    except (TypeError, ValueError):
        numbers = None
    if numbers is None:
        wrong = next((value for value in values.ravel() if not _is_number(value)), None)
        raise ConfigError(
            f"{what}: must be numbers or moments, got {wrong!r:.60}; pandas.to_datetime makes moments of text"
        )
    if not np.isfinite(numbers).all():
        raise ConfigError(f"{what}: must be finite numbers")
    return numbers


def _is_number(value):
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return not isinstance(value, np.timedelta64)


def _in_order(columns, user, names):
    """Columns of users in the order of the histories; further users are left out."""
    listed = columns[user]
    place = dict(zip(listed, range(len(listed))))
    if len(place) < len(listed):
        twice = next(token for number, token in enumerate(listed) if place[token] != number)
        raise ConfigError(f"users: {twice!r} has two rows; leave one")
    missing = sorted(set(names) - set(place))
    if missing:
        raise ConfigError(f"users: {missing[0]!r} has a history, but no row in the table of users")
    for name, values in columns.items():
        if len(values) != len(listed):
            raise ConfigError(f"users: {len(listed)} of {user!r} need as many values of {name!r}, got {len(values)}")
    return {name: [values[place[token]] for token in names] for name, values in columns.items()}
