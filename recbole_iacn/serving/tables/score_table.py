"""The score of every row of a table: of its item, for the history of its user at its time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from tqdm import tqdm

from recbole_iacn.errors import ConfigError
from recbole_iacn.serving.tables.asked_rows import AskedRows, Batch
from recbole_iacn.serving.tables.event_base import EventBase
from recbole_iacn.serving.tables.limits import Limits
from recbole_iacn.serving.tables.output_files import check_output, is_csv, writing
from recbole_iacn.serving.tables.score_options import ScoreOptions
from recbole_iacn.serving.tables.table_account import TableAccount
from recbole_iacn.system import disk

if TYPE_CHECKING:
    from recbole_iacn.serving.recommender import Recommender

SCORE = "score"


def score_table(
    recommender: Recommender,
    rows: str | Path,
    out: str | Path,
    events: str | Path | None = None,
    users: str | Path | None = None,
    limits: Limits | None = None,
    **options: Any,
) -> TableAccount:
    """Write a table once more, with a column ``score``: what the model gives to each row's item.

    A row's history stands in the row (a column ``item_id_list``: a list, or text with blanks between the items, oldest
    first), or is all that its user clicked in ``events`` strictly before the row's time. Rows keep their order and
    their columns; cells of a CSV file stay the text that they are. A row with an item that the model does not know has
    no score.

    Args:
        recommender: a trained model.
        rows: CSV, Parquet or JSON lines, plain or gzip, with a column of items, and one of histories or of users; with
            the columns of the situation that the model reads, by the names of the training's data.
        out: the file to write, ``.parquet`` or ``.csv``.
        events: one row per click, in any order; as for
            :func:`~recbole_iacn.serving.tables.recommend_table.recommend_table`.
        users: a table with one row per user, with the columns that the model reads of users; by default what the bundle
            has of those that it knows.
        limits: of memory, and whether ``out`` may be replaced.
        **options: see :class:`~recbole_iacn.serving.tables.score_options.ScoreOptions`.

    Returns:
        What was read, dropped and written.

    Raises:
        ConfigError: a wrong option, file or cell; names it, and file and line. Nothing is left behind.
    """
    limits, chosen = limits or Limits(), ScoreOptions(**options)
    limits.check()
    given = [one for one in (rows, events, users) if one is not None]
    for path in given:
        disk.check_file(path)
    path = check_output(out, limits.overwrite, given)
    catalogue = recommender.catalogue
    with limits.working(path) as folder, limits.base(EventBase, folder, catalogue.tokens[catalogue.item]) as base:
        asked = AskedRows(recommender, base, chosen, TableAccount("scores", "rows"))
        asked.read(rows, has_events=events is not None)
        if SCORE in asked.source.names:
            raise ConfigError(f"{asked.source.title}: has a column {SCORE!r} already; rename it")
        asked.take_users(users)
        asked.take_histories(events, folder)
        schema = asked.schema(is_csv(path), SCORE)
        with writing(path, schema) as file, tqdm(total=asked.count, unit="row", disable=limits.quiet) as bar:
            for columns in _scored(recommender, asked, limits.batch_size):
                file.write(columns)
                bar.update(len(columns[0]))
                asked.account.written += len(columns[0])
        asked.account.rows, asked.account.out = asked.count, str(path)
        return asked.account


def _scored(recommender: Recommender, asked: AskedRows, rows: int) -> Iterator[list[Any]]:
    """The columns of the result in batches."""
    import pyarrow as pa

    for columns, batch in asked.batches(rows):
        first, place = _groups(batch)
        ids, lengths, times = asked.history_of(batch, first)
        given = {name: [values[one] for one in first.tolist()] for name, values in batch.columns.items()}
        some = recommender.rows_of_ids(ids, lengths, times=times, columns=given)
        row, column = place
        _count_unknown(asked, batch, some, row)
        items = np.zeros((len(first), int(column.max(initial=0)) + 1), dtype=np.int64)
        items[row, column] = batch.items
        scores = recommender.scores_of(some, torch.from_numpy(items)).cpu().numpy()[row, column]
        yield [*columns, pa.array(scores, pa.float32(), mask=batch.items == 0)]


def _count_unknown(asked: AskedRows, batch: Batch, some: Any, row: np.ndarray) -> None:
    user = asked.catalogue.user
    unknown = {name: count for name, count in some.unknown.items() if name != user}
    if user in some.unknown:
        is_new = some.interaction[user].cpu().numpy()[row] == 0
        unknown[user] = int(sum(is_new & np.array([user is not None for user in batch.users])))
    asked.account.count_unknown(unknown, asked.catalogue)


def _groups(batch: Batch) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Rows in succession that ask about one history, so that the model reads it once.

    Returns:
        The first row of each group, shape (G,); and of each row its group and its place in it, shapes (B,).
    """
    count = len(batch.items)
    alone = np.arange(count)
    if batch.has_context or not count:
        return alone, (alone, np.zeros(count, dtype=np.int64))
    users = np.asarray(batch.users, dtype=object)
    other = (batch.starts[1:] != batch.starts[:-1]) | (batch.stops[1:] != batch.stops[:-1]) | (users[1:] != users[:-1])
    is_first = np.r_[True, other]
    first = np.flatnonzero(is_first)
    group = np.cumsum(is_first) - 1
    place = alone - first[group]
    if len(first) * (place.max() + 1) > 2 * count:  # most of the table of groups would be padding
        return alone, (alone, np.zeros(count, dtype=np.int64))
    return first, (group, place)
