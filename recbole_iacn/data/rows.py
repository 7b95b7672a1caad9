"""The rows of the first users as text: what is for training, what for the test, and that nothing leaks."""

import datetime
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from recbole_iacn.errors import ConfigError

# Settings with which a model's rows are those of the file.
AS_THEY_ARE = {"shuffle": False, "iacn_mode": "off", "normalize_all": False, "normalize_field": None}


def rows_in_words(loaders: Sequence[Any], users: int = 2) -> Iterator[str]:
    """Yields lines of text: every row of each of the first users, with history, target and negatives.

    Args:
        loaders (sequence): for training, validation and test, of a run whose settings include :data:`AS_THEY_ARE`
            and a protocol.
        users (int): number of users to show, of those that have rows, in the order of their ids.

    Raises:
        ConfigError: fewer than one user.
    """
    if users < 1:
        raise ConfigError(f"users: must be at least 1, got {users}")
    data = loaders[0]._dataset
    config = data.config
    yield (
        f"{data.dataset_name}: {data.user_num - 1:,} users, {data.item_num - 1:,} items; "
        f"protocol {config['protocol']}, histories of {config['MAX_ITEM_LIST_LENGTH']}; rows: "
        + ", ".join(f"{len(loader._dataset):,} {part}" for part, loader in zip(_PARTS, loaders))
    )
    with_rows = np.unique(np.concatenate([loader._dataset.inter_feat[data.uid_field] for loader in loaders]))
    for user in with_rows[:users].tolist():
        yield from _of_one_user(user, data, loaders)


_PARTS = ("train", "validate", "test")
_SHOWN = 3  # training rows of a user, from the first and up to the last


def _of_one_user(user, data, loaders):
    yield f"\nuser {data.field2id_token[data.uid_field][user]}"
    for part, loader in zip(_PARTS, loaders):
        if part == "train":
            loader.draw("train")
        rows = (loader._dataset.inter_feat[data.uid_field] == user).nonzero()[:, 0].tolist()
        left_out = len(rows) - 2 * _SHOWN
        for place, row in enumerate(rows):
            if left_out <= 0 or not _SHOWN <= place < _SHOWN + left_out:
                yield f"  {part:9}{_in_words(loader, row)}" + (" (in the first epoch)" if part == "train" else "")
            elif place == _SHOWN:
                yield f"  {part:9}… {left_out} rows more …"


def _in_words(loader, row):
    data = loader._dataset
    batch = data[[row]]

    def names(items):
        return ", ".join(map(str, data.field2id_token[data.iid_field][items.reshape(-1).tolist()]))

    history = batch[data.iid_field + data.config["LIST_SUFFIX"]][0, : int(batch[data.item_list_length_field][0])]
    day = datetime.datetime.fromtimestamp(int(batch[data.time_field][0]), datetime.timezone.utc).date()
    return (
        f"after {names(history)}: clicked {names(batch[data.iid_field])} on {day}, not {names(loader.negatives[row])}"
    )
