"""Which rows a model was trained and validated on, as a digest in its checkpoint, so that resuming over others is told.

The digest is of the rows' content in their order, histories included; a row's place in the whole dataset, and rows of
other splits, do not count.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from recbole_iacn.errors import ConfigError

if TYPE_CHECKING:
    from recbole.data.dataset import Dataset

    from recbole_iacn.data.windows import Windows

ENTRY = "rows"  # in a checkpoint


def of(dataset: Dataset) -> dict[str, Any]:
    """How many rows a split has, and their digest.

    Args:
        dataset (recbole.data.dataset.Dataset): a split, as a loader has it.
    """
    digest, rows = hashlib.blake2b(digest_size=16), dataset.inter_feat
    if hasattr(rows, "windows"):
        own = {name: values[rows.index] for name, values in rows.values.items()}
        _add_columns(digest, {**own, **rows.interaction})
        for windows in rows.windows:
            _add_windows(digest, windows, rows.index)
    else:
        _add_columns(digest, rows.interaction)
    return {"count": len(rows), "digest": digest.hexdigest()}


def recorded(trainer: Any) -> dict[str, Any]:
    """The entry of a trainer's checkpoints: empty if the trainer has not been told its data.

    Args:
        trainer (recbole.trainer.Trainer): its attributes ``trained_on`` and ``validated_on`` are the splits.
    """
    if getattr(trainer, "trained_on", None) is None:
        return {}
    if getattr(trainer, "_rows", None) is None:
        splits = {"training": trainer.trained_on, "validation": getattr(trainer, "validated_on", None)}
        trainer._rows = {name: of(split) for name, split in splits.items() if split is not None}
    return {ENTRY: trainer._rows}


def check(there: Mapping[str, Any] | None, trainer: Any, path: str) -> bool:
    """Reject a checkpoint of other rows.

    Args:
        there: the entry of the checkpoint; None if it has none.
        trainer: as in :func:`recorded`.
        path: the checkpoint, for the message.

    Returns:
        Whether the rows could be compared; older versions and RecBole record none.

    Raises:
        ConfigError: names the split.
    """
    here = recorded(trainer).get(ENTRY)
    if not isinstance(there, Mapping) or not here:
        return False
    for split in here:
        if split in there and there[split] != here[split]:
            before = there[split].get("count") if isinstance(there[split], Mapping) else None
            now = here[split]["count"]
            if not isinstance(before, int):
                raise ConfigError(f"{path}: is damaged, its record of rows is none; name another checkpoint")
            own = " and with its own rows (prefixes or histories)" if trainer.config["loss"] else ""
            what = f"{before:,} there, {now:,} here" if before != now else f"as many, {now:,}, with other content"
            raise ConfigError(
                f"{path}: has other {split} rows than these data ({what}), so it cannot be resumed here; resume it "
                f"over its own data{own}, or start from it on these (recbole-iacn train --from {path}, or build(..., "
                f"start_from={str(path)!r}))"
            )
    return True


def _add_columns(digest: Any, columns: Mapping[str, Tensor]) -> None:
    for name in sorted(columns):
        _add(digest, name, columns[name])


def _add_windows(digest: Any, windows: Windows, index: Tensor) -> None:
    """Histories by what decides them: the entries that are in any, and where in these each one stops."""
    stop, length = windows.stop[index].numpy().astype(np.int64), windows.length[index].numpy().astype(np.int64)
    size = next((len(values) for values in windows.columns.values()), 0)
    edges = np.zeros(size + 1, np.int64)
    np.add.at(edges, stop - length, 1)
    np.add.at(edges, stop, -1)
    read = np.cumsum(edges)[:size] > 0
    before = np.concatenate([[0], np.cumsum(read)])
    _add(digest, "stop", before[stop])
    _add(digest, "length", length)
    for name in sorted(windows.columns):
        _add(digest, name, windows.columns[name].numpy()[read])


def _add(digest: Any, name: str, values: Any) -> None:
    array = np.ascontiguousarray(values.cpu().numpy() if isinstance(values, Tensor) else values)
    digest.update(f"{name} {array.dtype} {array.shape}\n".encode())
    digest.update(array.data if array.size else b"")
