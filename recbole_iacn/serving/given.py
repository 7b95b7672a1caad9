"""What people pass in, checked: lists of lists of tokens, or a long table with a row per click."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
        frame = _as_frame(users)
        by_name = self.columns.pop(catalogue.user, None) if frame is not None else None
        if frame is None and isinstance(users, Mapping):
            frame = None
            columns = {str(name): list(values) for name, values in users.items()}
        elif frame is not None:
            if by_name is not None and catalogue.user in frame:
                frame = _in_order(frame, catalogue.user, by_name)
            columns = {str(name): frame[name].tolist() for name in frame}
        else:
            columns = {catalogue.user: _flat(users, "users", "user")}
        for name, values in columns.items():
            if len(values) != len(self.lengths):
                count = len(self.lengths)
                raise ConfigError(f"users: {count} histories need {count} values of {name!r}, got {len(values)}")
        if by_name is not None:
            columns.setdefault(catalogue.user, by_name)
        self.columns.update(columns)
        if catalogue.user in columns:
            self.names = np.asarray([str(token) for token in columns[catalogue.user]])


def tokens_of(values: Any, what: str) -> list[str]:
    """A list of tokens.

    Args:
        values: a sequence of str or int.
        what: the argument's name, for messages.

    Raises:
        ConfigError: it is something else.
    """
    return _flat(values, what, "item")


def _as_frame(values):
    """A pandas table of what is one; None for anything else. Polars and Arrow know how to become one."""
    if isinstance(values, pd.DataFrame):
        return values
    return values.to_pandas() if hasattr(values, "to_pandas") and hasattr(values, "columns") else None


def _from_table(table, catalogue, time_field):
    for name in (catalogue.user, catalogue.item):
        if name not in table:
            names = [str(column) for column in table]
            raise ConfigError(f"histories: the table has no column {name!r}.{did_you_mean(name, names)}")
    if not len(table):
        raise ConfigError("histories: the table has no row")
    if table[[catalogue.user, catalogue.item]].isna().any(axis=None):
        raise ConfigError(f"histories: {catalogue.user} and {catalogue.item} must not be empty")
    users = table[catalogue.user].astype(str).to_numpy()
    code, names = pd.factorize(users)
    times = None
    if time_field in table:
        times = _numbers(table[time_field].to_numpy(), time_field)
        order = np.lexsort((times, code))
        times = times[order]
    else:
        order = np.argsort(code, kind="stable")
    tokens = table[catalogue.item].astype(str).to_numpy()[order].tolist()
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
    if not isinstance(times, Sequence) or len(times) != len(lengths):
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
    if values.dtype.kind == "M":
        return values.astype("datetime64[ns]").astype(np.int64) / 1e9
    if values.dtype.kind in "iu":
        return values.astype(np.int64)
    try:
        numbers = values.astype(np.float64)
    except (TypeError, ValueError):
        raise ConfigError(f"{what}: must be numbers or moments of NumPy, got {values.ravel()[0]!r:.60}") from None
    if not np.isfinite(numbers).all():
        raise ConfigError(f"{what}: must be finite numbers")
    return numbers


def _in_order(frame, user, names):
    """The rows of a table of users in the order of the histories."""
    index = frame[user].astype(str)
    if index.duplicated().any():
        raise ConfigError(f"users: {index[index.duplicated()].iloc[0]!r} has two rows; leave one")
    ordered = frame.set_index(index).reindex(names)
    missing = sorted(set(names) - set(index))
    if missing:
        raise ConfigError(f"users: {missing[0]!r} has a history, but no row in the table of users")
    return ordered
