"""The histories of a few users that are named, out of a table of events."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from recbole_iacn.data.database import name as quoted
from recbole_iacn.data.tables.options import Options
from recbole_iacn.errors import ConfigError
from recbole_iacn.serving.tables import asked_columns
from recbole_iacn.serving.tables.asked_columns import Wanted
from recbole_iacn.serving.tables.event_base import EventBase
from recbole_iacn.serving.tables.limits import Limits
from recbole_iacn.serving.tables.table_account import TableAccount
from recbole_iacn.system import disk

if TYPE_CHECKING:
    from recbole_iacn.serving.recommender import Recommender

_FILES = (".csv", ".tsv", ".parquet", ".json", ".jsonl", ".gz", ".txt", ".user")


@dataclass
class UserHistories:
    """Histories of U users.

    Attributes:
        users: their tokens.
        items: of each user the tokens of the items, oldest first.
        times: of each of these, seconds since 1970 or places.
        in_places: whether they are places.
        columns: of the users and of the situation, name to U values.
        account: what was read, and what was left out.
    """

    users: list[str]
    items: list[list[str]]
    times: list[list[float]]
    in_places: bool
    columns: dict[str, Any]
    account: TableAccount

    def about_users(self, recommender: Recommender) -> dict[str, Any]:
        """What a model reads of them, as ``users`` of :meth:`Recommender.recommend`.

        Args:
            recommender: the model.
        """
        wanted = asked_columns.wanted_of(recommender)
        given = {name: values for name, values in self.columns.items() if name in wanted.all}
        return {recommender.catalogue.user: self.users, **given}


def named_users(given: str | os.PathLike[str] | Sequence[str]) -> tuple[Any, int | None]:
    """Who is meant by ``users``: a table, or tokens.

    Args:
        given: the path of a table with one row per user, tokens with commas between them, or a list of tokens.

    Returns:
        The table's path, and None; or the tokens, each once, and how many there are.

    Raises:
        ConfigError: there is no user in it, or no such file.
    """
    if isinstance(given, str | os.PathLike):
        text = os.fspath(given)
        if os.path.exists(text) or isinstance(given, os.PathLike) or text.lower().endswith(_FILES):
            disk.check_file(text)
            return text, None
        given = text.split(",")
    tokens = list(dict.fromkeys(str(token).strip() for token in given if str(token).strip()))
    if not tokens:
        raise ConfigError("users: there is none; name them with commas between, or a table with one row per user")
    return tokens, len(tokens)


def histories_of_users(
    recommenders: Sequence[Recommender],
    events: str | Path | Any,
    users: str | os.PathLike[str] | Sequence[str],
    folder: Path,
    limits: Limits,
    options: Options,
    most: int,
) -> UserHistories:
    """Read what some users have clicked.

    Args:
        recommenders: the models that will read it; an item counts that one of them knows.
        events: one row per click, as in :func:`~recbole_iacn.serving.tables.recommend_table.recommend_table`.
        users: see :func:`named_users`.
        folder: for files of the work; the caller removes it.
        limits: of memory.
        options: which columns are what.
        most: the largest number of users.

    Raises:
        ConfigError: a wrong option, file or cell; a user without an event; too many users.
    """
    chosen, _ = named_users(users)
    tokens = list(dict.fromkeys(token for one in recommenders for token in one.items.tolist()))
    account = TableAccount("explanations", "users")
    with limits.base(EventBase, folder, np.asarray(["[PAD]", *tokens], dtype=object)) as base:
        names = _take_users(base, recommenders, chosen, options, account, most)
        kept = ("user", "item", "time", "label", "label_from", "time_unit", "time_format", "max_bad_rows")
        of_events = Options(**{name: getattr(options, name) for name in kept})
        taken = base.take(events, of_events, any(map(asked_columns.trained_on_labels, recommenders)))
        for one in recommenders:
            asked_columns.check_times(one, taken)
        account.take(taken)
        base.count_people()
        _reject_unknown(base, taken.title)
        files = base.write_histories(folder)
        further = "".join(f", {quoted(name)}" for name in names)
        query = f'select "user", start, stop{further} from about_users join people using ("user") order by line'
        (batch,) = base.batches(query, most)
        starts, stops = batch.column("start").to_numpy(), batch.column("stop").to_numpy()
        ids, times = files.gather(starts, stops)
        ends = np.cumsum(stops - starts)[:-1]
        known = np.asarray(tokens, dtype=object)
        account.count("users with an empty history", int((starts == stops).sum()))
        return UserHistories(
            users=batch.column("user").to_pylist(),
            items=[known[some - 1].tolist() for some in np.split(ids, ends)],
            times=[some.tolist() for some in np.split(times, ends)],
            in_places=taken.time.places,
            columns=asked_columns.values_of(batch, names),
            account=account,
        )


def _take_users(base, recommenders, chosen, options, account, most):
    """Make the table ``about_users``; returns the columns in it that a model reads."""
    first = recommenders[0].catalogue
    wanted = [asked_columns.wanted_of(one) for one in recommenders]
    together = Wanted(
        " and ".join(dict.fromkeys(one.model for one in wanted)),
        *(tuple(dict.fromkeys(name for one in some for name in one)) for some in zip(*map(_parts, wanted))),
    )
    catalogue = replace(first, columns={n: c for one in recommenders for n, c in one.catalogue.columns.items()})
    table = pd.DataFrame({first.user: chosen}) if isinstance(chosen, list) else chosen
    source, names, left_out = asked_columns.take_users(
        base, table, options.user_key, together, catalogue, in_events=options.user
    )
    together.check_given(names, "a table: --users FILE" if isinstance(chosen, list) else source.title)
    for reason, number in left_out.items():
        account.count(reason, number)
    count = base.execute("select count(*) from about_users").fetchone()[0]
    if count > most:
        raise ConfigError(
            f"users: {count:,} are more than the {most:,} that a page holds; name fewer, or more by --most {count}"
        )
    return names


def _parts(wanted):
    return wanted.of_users, wanted.of_context, wanted.numbers


def _reject_unknown(base, events):
    rows = base.execute(
        'select "user" from about_users anti join people using ("user") order by line limit 4'
    ).fetchall()
    if rows:
        names = ", ".join(repr(row[0]) for row in rows[:3]) + (" and others" if len(rows) > 3 else "")
        verb = "has no event" if len(rows) == 1 else "have no event"
        raise ConfigError(f"users: {names} {verb} in {events}; name users of its column of users")
