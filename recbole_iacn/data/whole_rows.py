"""``rows: histories``: a training row is a history, and each of its clicks the target of those before it.

A model whose state at a place depends on nothing behind it can learn from all places of a history at once. Rows are
chosen among those that there are with a row per click: the last training row of each user, the one L before it, and so
on. A row has a window of up to L clicks and its own click behind it, so together they have each target once.

    clicks of a user, L = 3    a  b c d  e f g      (a is no target: it has no history)
    rows                       a>b       d>e        the window before g is d e f, the one before d is a b c
                               a b>c     d e>f
                               a b c>d   d e f>g
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from recbole_iacn.data.protocol import one_row_per_user
from recbole_iacn.data.windows import HistoryInteraction
from recbole_iacn.errors import ConfigError

if TYPE_CHECKING:
    from recbole.config import Config
    from recbole.data.dataset import Dataset

_OF_STATES = frozenset(("make_extractor", "extract", "interests", "reader", "users", "calculate_loss", "embedded"))
CAUSAL_MODELS = ("GRU4Rec", "SASRec")  # models of RecBole that learn to rank as the family does, if asked


def learns_to_rank(model_class: type) -> bool:
    """Whether a model reads ``loss`` and ``rows``: one of the family, or RecBole's GRU4Rec and SASRec; a class derived
    from the latter does if it leaves the loss to them.

    Args:
        model_class (type): the model.
    """
    return hasattr(model_class, "causal") or _leaves_to_recbole(model_class, {"calculate_loss"})


def is_causal(model_class: type) -> bool:
    """Whether a model's states depend on nothing behind them.

    A class of the family says so (``causal``); one that defines where its interests come from or how it learns, and
    does not say, counts as one whose states do. So does a class derived from RecBole's, which may change any layer.

    Args:
        model_class (type): a model that :func:`learns_to_rank`.
    """
    for base in model_class.__mro__:
        if "causal" in vars(base):
            return bool(vars(base)["causal"])
        if not _OF_STATES.isdisjoint(vars(base)):
            break
    return model_class.__name__ in CAUSAL_MODELS and model_class.__module__.startswith("recbole.")


def _leaves_to_recbole(model_class, methods):
    """Whether a class is RecBole's GRU4Rec or SASRec, or derived from it without methods of its own among these."""
    for base in model_class.__mro__:
        if base.__name__ in CAUSAL_MODELS and base.__module__.startswith("recbole."):
            return True
        if not methods.isdisjoint(vars(base)):
            break
    return False


def obstacle(config: Any, model_class: type) -> str | None:
    """Why settings do not allow rows that are histories.

    Args:
        config (Mapping): final settings.
        model_class (type): a model that :func:`learns_to_rank`.

    Returns:
        str or None: the reason and the mend; None if they do.
    """
    mend = "set rows: prefixes"
    if not is_causal(model_class):
        name = model_class.__name__
        return f"rows: histories need states that depend on nothing behind them, and {name} reads whole ones; {mend}"
    if config["history_dataset"] is False:
        return (
            f"history_dataset: False keeps copies of histories, of which rows cannot be made; leave it out, or {mend}"
        )
    if config["benchmark_filename"] is not None:
        return f"rows: histories are made from interactions, and benchmark_filename gives ready rows; {mend}"
    if not config["protocol"]:
        return "rows: histories need a protocol; set protocol: leave_one_out_full, or rows: prefixes"
    if one_row_per_user(config):
        return f"rows: protocol {config['protocol']!r} has one target per user; {mend}"
    if (config["train_share"] or 1) != 1:
        return f"train_share: leaves targets out, and rows: histories has all; {mend}"
    if config["transform"]:
        return f"transform: changes a history, and with rows: histories the targets; leave it out, or {mend}"
    return None


def wants_histories(config: Config, labelled: bool) -> bool:
    """Whether training rows are to be histories: where that is asked for, or nothing is asked for and they can be.

    Args:
        config (recbole.config.Config): final settings.
        labelled (bool): whether the data have labels.
    """
    if config["rows"] is not None:
        return config["rows"] == "histories"
    model_class = getattr(config, "model_class", None)
    if config["loss"] is None or labelled or model_class is None or not learns_to_rank(model_class):
        return False
    return obstacle(config, model_class) is None


def keep_one_per_history(part: Dataset, max_length: int) -> None:
    """Keep the last training row of each user, the one L before it, and so on.

    Args:
        part (recbole.data.dataset.Dataset): training rows, one per click, sorted by user and time; they are replaced.
        max_length (int): L.

    Raises:
        ConfigError: the data have labels, or the rows of a user do not follow one another.
    """
    if part.labelled:
        raise ConfigError(
            f"rows: histories of {part.dataset_name} would have targets that are no clicks, or of the same time, since "
            "its rows have labels; set rows: prefixes, or leave the label out (load_col.inter)"
        )
    rows = part.inter_feat
    index, users = rows.index.numpy(), rows[part.uid_field].numpy()
    last = np.r_[users[1:] != users[:-1], True][: len(users)]
    follows = index[1:] == index[:-1] + 1
    if not (follows | last[:-1]).all():
        raise ConfigError(f"rows: histories need every click of {part.dataset_name} as a row; set rows: prefixes")
    from_end = np.flatnonzero(last)[np.cumsum(np.r_[0, last[:-1]])[: len(users)]] - np.arange(len(users))
    part.inter_feat = rows[np.flatnonzero(from_end % max_length == 0)]
    part.whole_rows = True
    logging.getLogger(__name__).info(
        "rows: the %s training rows are %s histories, each click a target", f"{len(rows):,}", f"{len(part):,}"
    )


def training_targets(dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """User and item of every target of the training rows.

    Args:
        dataset (recbole.data.dataset.Dataset): training rows of a sequential model.

    Returns:
        tuple of numpy.ndarray: internal ids, int64, shape (targets,) each, in the order of rows, and within a history
        in that of its clicks.
    """
    rows = dataset.inter_feat
    if not getattr(dataset, "whole_rows", False):
        return rows[dataset.uid_field].numpy(), rows[dataset.iid_field].numpy()
    assert isinstance(rows, HistoryInteraction)
    length = rows.windows[0].length[rows.index].long()
    first = rows.index - length + 1  # every click is in the table, and a row's own is behind its history
    start = torch.repeat_interleave(first - (length.cumsum(0) - length), length)
    place = start + torch.arange(len(start))
    users, items = (rows.values[name][place].numpy() for name in (dataset.uid_field, dataset.iid_field))
    return users, items
