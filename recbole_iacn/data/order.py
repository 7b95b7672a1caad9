"""The order of rows by their exact times.

RecBole keeps times as float32, in which today's Unix times are up to 64 s off. Here the order, the splits by time and
"before" are decided on the values as they were read (float64, or int64 from 2**53), before they are scaled or rounded.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from recbole_iacn.errors import ConfigError


def remember_times(dataset: Any) -> None:
    """Keep the exact times of a dataset's rows, in ``dataset.times``; None without a column of times.

    Args:
        dataset (recbole.data.dataset.Dataset): while its ``inter_feat`` is a DataFrame, not normalised yet.
    """
    rows, field = dataset.inter_feat, dataset.time_field
    dataset.times = rows[field].to_numpy(copy=True) if field in rows else None


def sort_exactly(dataset: Any, by_user: bool) -> None:
    """Sort a dataset's rows by their exact times, stably; and the times with them.

    Args:
        dataset (recbole.data.dataset.Dataset): while its ``inter_feat`` is a DataFrame.
        by_user: by users first.
    """
    times = getattr(dataset, "times", None)  # a dataset that was saved by an earlier version has none
    if times is None:
        return
    keys = [times]
    if by_user:
        keys.append(dataset.inter_feat[dataset.uid_field].to_numpy())
    if _is_sorted(keys):
        return
    order = np.lexsort(keys)
    dataset.inter_feat = dataset.inter_feat.take(order).reset_index(drop=True)
    dataset.times = times[order]


def _is_sorted(keys):
    times, *users = keys
    later = times[1:] >= times[:-1]
    if users:
        (user,) = users
        later = (user[1:] > user[:-1]) | ((user[1:] == user[:-1]) & later)
    return bool(later.all())


def cuts_by_time(times: np.ndarray, shares: Sequence[float]) -> list[int]:
    """Where to cut rows in parts; rows of the same time stay in one part, the later one.

    Args:
        times (numpy.ndarray): exact, ascending, shape (rows,).
        shares: of the parts; their sum is 1.

    Returns:
        First row of each part but the first.

    Raises:
        ConfigError: a part would be empty.
    """
    at = np.round(np.cumsum(shares)[:-1] * len(times)).astype(np.int64)
    at = np.searchsorted(times, times[np.minimum(at, len(times) - 1)], side="left")
    if len(np.unique(np.r_[0, at, len(times)])) != len(shares) + 1:
        raise ConfigError(
            f"time_shares: {list(shares)} leaves a part without rows, since {len(times):,} rows have "
            f"{len(np.unique(times)):,} different times; choose other shares"
        )
    return at.tolist()


def leave_out_as_with_histories(dataset: Any, groups: Iterable[Sequence[int]], count: int) -> list[list[int]]:
    """Leave each user's last rows out for a model that reads no histories, as they are left out for one that does.

    To the latter, a row without an earlier one is no row: it is not counted, and a user is as late as the first row
    that has one. So both test the same rows, in the same order, against the same negatives. Rows without an earlier one
    train here.

    Args:
        dataset (recbole.data.dataset.Dataset): its rows are sorted by their exact times.
        groups: row numbers of each user, ascending.
        count: rows to leave out, if the user has one more.

    Returns:
        Row numbers of the training part, and of each of the ``count`` others.
    """
    times, users = dataset.times, dataset.inter_feat[dataset.uid_field]
    train: list[int] = []
    left_out: list[list[tuple[Any, int, int]]] = [[] for _ in range(count)]
    for group in map(list, groups):
        alone = bisect.bisect_right(group, times[group[0]], key=times.__getitem__) if dataset.labelled else 1
        fewer = max(min(count, len(group) - alone - 1), 0)
        train += group[: len(group) - fewer]
        for part, row in zip(left_out[count - fewer :], group[len(group) - fewer :]):
            part.append((times[group[alone]], int(users[row]), row))
    return [train, *([row for _, _, row in sorted(part)] for part in left_out)]


def earlier(user: np.ndarray, times: np.ndarray | None, in_history: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How many entries a history could hold, and where it stops, for rows sorted by user and time.

    Args:
        user (numpy.ndarray): user of each row, shape (rows,).
        times (numpy.ndarray, optional): exact times; rows of a user at the same time then do not see each other. By
            default a row sees every row of the user before it.
        in_history (numpy.ndarray): whether a row may stand in later histories, bool, shape (rows,).

    Returns:
        Two int64 arrays of shape (rows,): ``before``, the number of earlier rows of the same user that may stand in a
        history; ``stop``, the number of such rows of all users before them, where the history ends.
    """
    position = np.arange(len(user))
    new_user = np.r_[True, user[1:] != user[:-1]]
    counted = np.cumsum(in_history) - in_history
    stop = counted
    if times is not None:
        new_moment = new_user | np.r_[True, times[1:] != times[:-1]]
        stop = counted[np.maximum.accumulate(np.where(new_moment, position, 0))]
    return stop - counted[np.maximum.accumulate(np.where(new_user, position, 0))], stop
