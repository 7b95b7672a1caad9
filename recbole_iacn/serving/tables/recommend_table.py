"""Recommendations for all users of a table of events, or for those of a table of users."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from recbole_iacn.data.database import name as quoted
from recbole_iacn.data.tables import cell_text as cells
from recbole_iacn.data.tables.options import Options, make_options
from recbole_iacn.data.tables.roles import find_key
from recbole_iacn.errors import ConfigError
from recbole_iacn.serving.diverse_lists import check_weight
from recbole_iacn.serving.tables import asked_columns
from recbole_iacn.serving.tables.event_base import EventBase
from recbole_iacn.serving.tables.history_files import HistoryFiles
from recbole_iacn.serving.tables.limits import Limits
from recbole_iacn.serving.tables.output_files import check_output, writing
from recbole_iacn.serving.tables.table_account import TableAccount
from recbole_iacn.system import disk

if TYPE_CHECKING:
    from recbole_iacn.serving.diverse_lists import Diversity
    from recbole_iacn.serving.recommender import Recommender

_EVENTS = ("user", "item", "time", "label", "label_from", "time_unit", "time_format", "max_bad_rows")


def recommend_table(
    recommender: Recommender,
    events: str | Path,
    out: str | Path,
    k: int = 10,
    users: str | Path | None = None,
    among: str | Path | None = None,
    exclude_seen: bool = True,
    limits: Limits | None = None,
    diversity: float | None = None,
    diversity_by: str | None = None,
    items: str | Path | None = None,
    **options: Any,
) -> TableAccount:
    """Write the best items of every user, best first: a table with the columns user, item, score and rank.

    The order of users is that of their first rows. A user without an event in ``events`` has an empty history.

    Args:
        recommender: a trained model.
        events: one row per click: CSV, Parquet or JSON lines, plain or gzip, in any order; ``user``, ``item``, ``time``
            and ``label`` name its columns, which are otherwise recognised. Rows with label 0 are in no history if the
            model's training had labels. ``time="none"``: each user's rows are oldest first.
        out: the file to write, ``.parquet`` or ``.csv``.
        k: items per user; at most as many as there are to choose from.
        users: a table with one row per user: only they get recommendations. It may have the columns that the model
            reads of users and of the situation, by the names of the training's data.
        among: a table with the items to choose from; by default all that the model knows.
        exclude_seen: leave out all items of a user's history, however old.
        limits: of memory, and whether ``out`` may be replaced.
        diversity, diversity_by: as for :meth:`recbole_iacn.serving.recommender.Recommender.recommend`.
        items: a table of items that has the column ``diversity_by``; by default the bundle has it.
        **options: see :class:`~recbole_iacn.data.tables.options.Options`: ``user``, ``item``, ``time``, ``label``,
            ``label_from``, ``time_unit``, ``time_format``, ``max_bad_rows``, ``user_key``, ``item_key``.

    Returns:
        What was read, dropped and written.

    Raises:
        ConfigError: a wrong option, file or cell; names it, and file and line. Nothing is left behind.
    """
    limits, chosen = limits or Limits(), make_options(options)
    limits.check()
    given = [one for one in (events, users, among, items) if one is not None]
    for path in given:
        disk.check_file(path)
    path = check_output(out, limits.overwrite, given)
    catalogue = recommender.catalogue
    wanted = _diversity(recommender, diversity, diversity_by, items, chosen.item_key)
    with limits.working(path) as folder, limits.base(EventBase, folder, catalogue.tokens[catalogue.item]) as base:
        work = _Work(recommender, base, chosen)
        ids = work.candidates(among, k)
        work.asked(users)
        histories = work.histories(events, folder)
        schema = _schema(catalogue)
        with writing(path, schema) as file, tqdm(total=work.people, unit="user", disable=limits.quiet) as bar:
            for columns, answered in work.batches(histories, k, exclude_seen, ids, limits.batch_size, wanted):
                file.write(columns)
                bar.update(answered)
        work.account.out = str(path)
        return work.account


def _diversity(recommender, weight, by, items, item_key):
    if items is None:
        return recommender.diversity(weight, by)
    if weight is None:
        raise ConfigError("items: is the table of what lists are to differ in; give diversity (--diversity λ), too")
    check_weight(weight)
    return recommender.diversity(weight, recommender.item_values(items, by, item_key))


class _Work:
    def __init__(self, recommender: Recommender, base: EventBase, options: Options) -> None:
        import pyarrow as pa

        self.recommender, self.base, self.options = recommender, base, options
        self.catalogue = recommender.catalogue
        self.account = TableAccount("recommendations", "users")
        self.columns: list[str] = []
        self.has_users = False
        self.tokens = pa.array(self.catalogue.tokens[self.catalogue.item].astype(object), pa.string())

    def candidates(self, among: Any, k: int) -> np.ndarray | None:
        """The ids to choose from; None for all."""
        base, known = self.base, len(self.tokens) - 1
        if among is None:
            self.recommender.check_k(k, known)
            return None
        source = base.look("among", among)
        key = find_key(
            source.title, source.names, "item", self.options.item_key, self.options.item, self.catalogue.item
        )
        base.load(source, [key])
        base.check_ids(source, key)
        cell = cells.cleaned(cells.id_text(source.column(key), source.type(key)))
        base.execute(f"create table chosen as select distinct {cell} as item from raw_among where {cell} is not null")
        query = "select id from chosen join vocabulary using (item) order by id"
        ids = np.array([row[0] for row in base.execute(query).fetchall()], dtype=np.int64)
        count = base.execute("select count(*) from chosen").fetchone()[0]
        if not len(ids):
            raise ConfigError(f"{source.title}: the model knows none of its {count:,} items; is {key!r} their column?")
        self.account.count(f"items of {source.title} that the model does not know", count - len(ids))
        self.recommender.check_k(k, len(ids))
        return ids

    def asked(self, users: Any) -> None:
        """Read who gets recommendations, and the columns that the model reads of them."""
        wanted = asked_columns.wanted_of(self.recommender)
        if users is None:
            wanted.check_given({}, "--users U")
            return
        self.has_users = True
        source, self.columns, left_out = asked_columns.take_users(
            self.base, users, self.options.user_key, wanted, self.catalogue, in_events=self.options.user
        )
        wanted.check_given(self.columns, source.title)
        for reason, number in left_out.items():
            self.account.count(reason, number)

    def histories(self, events: Any, folder: Path) -> HistoryFiles:
        """Read the events, and sort them."""
        base = self.base
        options = Options(**{name: getattr(self.options, name) for name in _EVENTS})
        taken = base.take(events, options, asked_columns.trained_on_labels(self.recommender))
        asked_columns.check_times(self.recommender, taken)
        self.account.take(taken)
        if self.has_users:
            self.account.count("events of other users", base.keep_users("about_users"))
        base.count_people()
        query = "select count(*), count(*) filter (coalesce(start, 0) = coalesce(stop, 0)) from "
        query += 'about_users left join people using ("user")' if self.has_users else "people"
        self.people, empty = base.execute(query).fetchone()
        self.account.rows = self.people
        self.account.count("users with an empty history", empty)
        files = base.write_histories(folder)
        base.shrink()
        return files

    def batches(
        self,
        histories: HistoryFiles,
        k: int,
        exclude_seen: bool,
        among: np.ndarray | None,
        rows: int,
        diversity: Diversity | None,
    ) -> Iterator[tuple[list[Any], int]]:
        """The columns of the result in batches, each with the number of users in it."""
        import pyarrow as pa

        query = 'select "user", start, stop from people order by u'
        if self.has_users:
            further = "".join(f", {quoted(name)}" for name in self.columns)
            query = (
                f'select "user", coalesce(start, 0) as start, coalesce(stop, 0) as stop{further} '
                'from about_users left join people using ("user") order by line'
            )
        for batch in self.base.batches(query, rows):
            users, starts, stops = (batch.column(name) for name in ("user", "start", "stop"))
            ids, times = histories.gather(starts.to_numpy(), stops.to_numpy())
            columns = asked_columns.values_of(batch, self.columns) | {self.catalogue.user: users.to_pylist()}
            asked = self.recommender.rows_of_ids(
                ids, stops.to_numpy() - starts.to_numpy(), times=times, columns=columns
            )
            self.account.count_unknown(asked.unknown, self.catalogue)
            found = self.recommender.best(asked, k, exclude_seen, among, diversity)
            best, scores = (one.cpu().numpy() for one in found)
            row, place = np.nonzero(best)
            self.account.written += len(row)
            self.account.count("recommendations fewer, since there are no more items", best.size - len(row))
            items = self.tokens.take(pa.array(best[row, place]))
            yield [users.take(pa.array(row)), items, scores[row, place], (place + 1).astype(np.int32)], len(batch)


def _schema(catalogue):
    import pyarrow as pa

    return pa.schema(
        [(catalogue.user, pa.string()), (catalogue.item, pa.string()), ("score", pa.float32()), ("rank", pa.int32())]
    )
