"""Histories that end with a user's newest click, to score what comes next.

A test row asks for the click that ends it, so its history lacks that click. Whoever recommends wants it in the history.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from recbole.data.interaction import Interaction

from recbole_iacn.data.windows import HistoryInteraction, Windows
from recbole_iacn.names import reads_empty_histories

if TYPE_CHECKING:
    from recbole.data.dataset import Dataset


def newest_rows(dataset: Dataset, users: np.ndarray) -> Interaction:
    """One row per user: the user's newest row, whose history also has what the row itself asks for.

    What a history may hold is as in training: with labels what the user clicked (``history_rows``), also at the time of
    the newest row; at most L entries, the oldest of which make way.

    Args:
        dataset (recbole.data.dataset.Dataset): of a sequential model, such as ``test_data.dataset``.
        users (numpy.ndarray): internal ids, each of which has a row, int64, shape (B,).

    Returns:
        recbole.data.interaction.Interaction: B rows with the columns of users and items joined. Columns beside the
        history, such as the row's own item and time, are those of the newest row.
    """
    rows = dataset.inter_feat
    is_table = isinstance(rows, HistoryInteraction) and not dataset.config["benchmark_filename"]
    row = rows[torch.from_numpy(_newest_places(dataset, users, is_table))]
    if is_table:
        newest = row.gather()
        newest.update(Interaction(_windows_to_the_end(dataset, row)))
    else:
        newest = row.gather() if isinstance(row, HistoryInteraction) else row
        newest.update(Interaction(_appended(dataset, newest)))
    return dataset.join(newest)


def _newest_places(dataset, users, is_table):
    """Number of the newest row of each user, (B,)."""
    rows = dataset.inter_feat
    user = rows[dataset.uid_field].numpy()
    places = np.flatnonzero(np.isin(user, users))  # sorting these alone keeps a question about one user short
    if is_table:
        keys = [rows.index.numpy()]  # the table behind the rows is in the order of exact times
    else:
        keys = [np.arange(len(rows))]
        if dataset.time_field in rows:
            keys.append(rows[dataset.time_field].numpy())
        if _has_negatives(dataset):
            keys.append((rows[dataset.label_field] > 0).numpy())  # rows that are no clicks come before all that are
    keys.append(user)
    places = places[np.lexsort([key[places] for key in keys])]
    return places[np.searchsorted(user[places], users, side="right") - 1]


def _has_negatives(dataset):
    """Whether rows stand for items that were not clicked: without a protocol that is known of a benchmark's alone."""
    return bool(dataset.config["benchmark_filename"]) and dataset.label_field in dataset.inter_feat


def _windows_to_the_end(dataset, rows):
    """The list columns of histories up to each row and with it, where the row may stand in a history."""
    (windows,), place = rows.windows, rows.index.numpy()
    in_history = getattr(dataset, "in_history", None)
    if in_history is None:  # a dataset that was saved by version 0.5
        in_history = np.ones(len(rows.values[dataset.uid_field]), dtype=bool)
    counted = np.r_[0, np.cumsum(in_history)]  # entries before each place of the table
    user = rows.values[dataset.uid_field].numpy()
    stop = counted[place + 1]
    before = stop - counted[np.searchsorted(user, user[place])]
    length = torch.from_numpy(np.minimum(before, windows.width))
    longer = Windows(windows.columns, torch.from_numpy(stop + 1), length, windows.width)
    return {**longer.gather(torch.arange(len(place))), dataset.item_list_length_field: _reported(dataset, length)}


def _appended(dataset, rows):
    """The list columns of plain rows, with the value of each row's own column at the end."""
    suffix, most = dataset.config["LIST_SUFFIX"], dataset.max_item_list_len
    length, is_empty = rows[dataset.item_list_length_field], rows[dataset.iid_field + suffix][:, 0] == 0
    length = torch.where(is_empty, 0, length)  # some models are told that an empty history is one padding item
    clicked = torch.ones_like(is_empty)
    if _has_negatives(dataset):
        clicked = rows[dataset.label_field] > 0
    columns = {dataset.item_list_length_field: _reported(dataset, (length + clicked).clamp_max(most))}
    for name in rows:
        if name.endswith(suffix):
            lists, base = rows[name], name.removesuffix(suffix)
            # RecBole's DIEN has lists of negatives, which stand for no column; no score reads them.
            value = rows[base] if base in rows else lists.new_zeros(lists.shape[0], *lists.shape[2:])
            columns[name] = _append(lists, value, length, clicked, most)
    return columns


def _append(lists, values, length, clicked, most):
    if lists.shape[1] < most:
        lists = torch.cat([lists, lists.new_zeros(lists.shape[0], 1, *lists.shape[2:])], dim=1)
    longer, full = lists.clone(), length >= lists.shape[1]
    longer[full] = lists[full].roll(-1, dims=1)
    longer[torch.arange(len(lists)), length.clamp_max(lists.shape[1] - 1)] = values.to(lists.dtype)
    return torch.where(clicked.view(-1, *[1] * (lists.ndim - 1)), longer, lists)


def _reported(dataset, length):
    """To models that take the state at a history's last place an empty history is one padding item."""
    return length if reads_empty_histories(dataset.config["model"]) else length.clamp_min(1)
