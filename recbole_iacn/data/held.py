"""What training batches are gathered from, on the device that trains (``data_on_device``): a batch then is sent as its
row numbers, instead of every column of its rows."""

from __future__ import annotations

import copy
import logging
from typing import TYPE_CHECKING, Any

import torch
from recbole.data.interaction import Interaction

from recbole_iacn.data.windows import HistoryInteraction, IndexedInteraction, Windows

if TYPE_CHECKING:
    from recbole.data.dataset import Dataset


def held_on(dataset: Dataset, device: torch.device) -> Dataset:
    """A dataset with its rows, histories, and tables of users and items on a device; the given one is unchanged.

    Args:
        dataset: a split.
        device: where batches are to be gathered. The number of bytes is logged, without the negatives of an epoch.

    Returns:
        A copy that shares everything else.
    """
    held: Any = copy.copy(dataset)
    for name in ("inter_feat", "user_feat", "item_feat"):
        setattr(held, name, _moved(getattr(dataset, name), device))
    total = sum(map(_bytes, (held.inter_feat, held.user_feat, held.item_feat)))
    logging.getLogger(__name__).info(
        "data_on_device: %.1f MB of rows, histories and tables on %s, beside the negatives", total / 1e6, device
    )
    return held


def _moved(rows, device):
    if rows is None:
        return None
    columns = {name: values.to(device) for name, values in rows.interaction.items()}
    if not isinstance(rows, HistoryInteraction):
        return IndexedInteraction(columns)
    values = {name: values.to(device) for name, values in rows.values.items()}
    windows = [
        Windows(
            {name: values.to(device) for name, values in one.columns.items()},
            one.stop.to(device),
            one.length.to(device),
            one.width,
        )
        for one in rows.windows
    ]
    moved = HistoryInteraction(values, windows, rows.index.to(device))
    moved.interaction = columns
    return moved


def _bytes(rows: Interaction | None) -> int:
    if rows is None:
        return 0
    tensors = list(rows.interaction.values())
    if isinstance(rows, HistoryInteraction):
        tensors += [*rows.values.values(), rows.index]
        for one in rows.windows:
            tensors += [*one.columns.values(), one.stop, one.length]
    return sum(one.nbytes for one in tensors)
