"""A share of the data, to see what changes as they grow: ``user_share`` of users, ``train_share`` of training rows.

What is kept follows from tokens alone, by a digest of them: not from a seed, nor from the order of the files or from
other users. So every model has the same rows, and a half contains the quarter.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from recbole_iacn.errors import ConfigError

if TYPE_CHECKING:
    from recbole.config import Config
    from recbole.data.dataset import Dataset

_ITEMS, _REPEATS = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD1B54A32D192ED03)  # odd, so that products differ
_MIXING = ((np.uint64(30), np.uint64(0xBF58476D1CE4E5B9)), (np.uint64(27), np.uint64(0x94D049BB133111EB)))


def digests_of(tokens: Iterable[Any]) -> np.ndarray:
    """A number for each token, evenly distributed over 0 to 2^64 - 1.

    Args:
        tokens: of users or items.

    Returns:
        numpy.ndarray: the first eight bytes of each token's BLAKE2b digest, little-endian, uint64, shape (tokens,).
    """
    parts = [hashlib.blake2b(str(token).encode("utf-8", "surrogatepass"), digest_size=8).digest() for token in tokens]
    return np.frombuffer(b"".join(parts), "<u8")


def keep_users(dataset: Dataset, frame: pd.DataFrame, path: str, counted: bool) -> pd.DataFrame:
    """The lines of a file whose user is kept by ``user_share``; all lines of a file without users.

    A user is kept if the digest of its token is below the share of 2^64.

    Args:
        dataset: the dataset that is being read.
        frame: a file as it was read; lines without a user stay, and are dropped and counted later.
        path: the file, for messages.
        counted: remember what was kept of it, for :func:`say_users`.

    Raises:
        ConfigError: no line is left.
    """
    share = dataset.config["user_share"] or 1
    if share == 1 or dataset.uid_field not in frame:
        return frame
    codes, tokens = pd.factorize(frame[dataset.uid_field])
    tokens = np.asarray(tokens, object)
    kept = digests_of(tokens) < np.float64(share) * 2.0**64
    rows = np.append(kept, True)[codes]  # code -1, a cell without a user, is the last
    if not (rows & (codes >= 0)).any():
        raise ConfigError(f"user_share: {share} leaves none of the {len(tokens):,} users of {path}; set a larger share")
    if counted:
        dataset.__dict__.setdefault("users_kept", {})[path] = (tokens, kept, len(rows), int(rows.sum()))
    return frame[rows].reset_index(drop=True)


def say_users(dataset: Dataset) -> None:
    """Say once what ``user_share`` has kept of the interactions, over all parts of a benchmark.

    Args:
        dataset: a dataset whose interactions have just been read.
    """
    read = dataset.__dict__.pop("users_kept", {}).values()
    if not read:
        return
    every, kept = (set[Any](), set[Any]())
    for tokens, stays, *_ in read:
        every.update(tokens)
        kept.update(tokens[stays])
    before, after = (sum(one[place] for one in read) for place in (2, 3))
    dataset.logger.warning(
        f"{dataset.dataset_name}: user_share {dataset.config['user_share']} keeps {len(kept):,} of {len(every):,} "
        f"users and {after:,} of {before:,} interactions"
    )


def thin_training(config: Config, part: Dataset) -> None:
    """Keep ``train_share`` of the training rows, in their order: those whose digests of user, item and repetition are
    the smallest. Their histories stay what they are.

    Args:
        config: final settings.
        part: the training part of a dataset, whose rows are replaced.

    Raises:
        ConfigError: no row would be left.
    """
    share = config["train_share"] or 1
    if share == 1:
        return
    rows = part.inter_feat
    wanted = round(share * len(rows))
    if not wanted:
        raise ConfigError(f"train_share: {share} leaves none of the {len(rows):,} training rows; set a larger share")
    users, items = (rows[field].numpy() for field in (part.uid_field, part.iid_field))
    places = _places(part, users, items)
    kept = np.sort(np.argpartition(places, wanted - 1)[:wanted])
    part.inter_feat = rows[kept]
    part.logger.warning(
        f"{part.dataset_name}: train_share {share} keeps {wanted:,} of {len(rows):,} training rows; histories, "
        "validation and test are unchanged"
    )


def _places(part, users, items):
    """A number for each row, from the tokens of its user and item, and from how often the two stood together before."""
    keys = users.astype(np.int64) * part.item_num + items
    order = np.argsort(keys, kind="stable")
    first = np.r_[True, keys[order][1:] != keys[order][:-1]]
    repetition = np.empty(len(keys), np.uint64)
    repetition[order] = np.arange(len(keys)) - np.maximum.accumulate(np.where(first, np.arange(len(keys)), 0))
    of_users, of_items = (
        _digests_of_ids(part, field, ids) for field, ids in ((part.uid_field, users), (part.iid_field, items))
    )
    mixed = of_users + of_items * _ITEMS + repetition * _REPEATS
    for shift, factor in _MIXING:  # the last steps of SplitMix64: every bit changes every other
        mixed = (mixed ^ (mixed >> shift)) * factor
    return mixed ^ (mixed >> np.uint64(31))


def _digests_of_ids(part, field, ids):
    distinct, place = np.unique(ids, return_inverse=True)
    return digests_of(part.field2id_token[field][distinct])[place]
