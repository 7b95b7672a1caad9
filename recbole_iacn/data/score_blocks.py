"""How many rows are scored against all items at once: one budget of scores, whatever the number of items.

A model's full sort, the ranking and the lists that are taken from it hold a few tables of (rows, items) at a time. With
4,096 rows and a million items each would take 16 GB.
"""

from __future__ import annotations

import torch

_SCORES = 1 << 24  # of one table: 64 MiB as float32
_SCORES_GPU = 1 << 26  # a GPU is faster with larger blocks, and holds few other things


def rows_at_once(items: int, device: torch.device | str = "cpu", tables: int = 1) -> int:
    """The number of rows of a block.

    Args:
        items: the length of a row.
        device: where the scores are. Defaults to the CPU.
        tables: how many tables of this size live at once. Defaults to 1.

    Returns:
        At least 1.
    """
    budget = _SCORES if torch.device(device).type == "cpu" else _SCORES_GPU
    return max(budget // (tables * max(items, 1)), 1)
