"""Labels of rows: which rows are clicks, and which rows a run learns from and is tested on.

With a label column, or a ``threshold``, a row is something that was shown to the user; it is a click if its label is 1.
Where the evaluation scores rows by their labels (protocol ``impressions_by_time``, or ``eval_args.mode: labeled``)
every row stays. Everywhere else the clicks alone are rows, and what was shown and not clicked is remembered apart.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from recbole_iacn.data.protocol import PROTOCOLS
from recbole_iacn.errors import ConfigError

if TYPE_CHECKING:
    from recbole.config import Config
    from recbole.data.dataset import Dataset


def scores_labels(config: Config) -> bool:
    """Whether the run is evaluated by the labels of its rows, rather than by clicks against drawn negatives.

    Args:
        config (recbole.config.Config): final settings.
    """
    if config["protocol"]:
        return PROTOCOLS[config["protocol"]].labelled
    mode = config["eval_args"]["mode"]
    return set(mode.values() if isinstance(mode, dict) else [mode]) == {"labeled"}


def learns_from_clicks(config: Config) -> bool:
    """Whether the model learns from clicks alone: pairs of a click and a negative (BPR), or a softmax over all items
    (CE). Otherwise it learns from rows and their labels.

    Args:
        config (recbole.config.Config): final settings.
    """
    from recbole.utils import InputType

    return config["MODEL_INPUT_TYPE"] == InputType.PAIRWISE or config["loss_type"] == "CE"


def prepare_labels(dataset: Dataset, keeps_all: bool = False) -> None:
    """Check a dataset's labels; where the run is not evaluated by them, keep the clicks alone.

    Sets two attributes: ``labelled``, whether the data have labels; and ``shown``, what was shown and not clicked
    (users and items, LongTensors, and exact times, an array or None), or None without labels.

    Args:
        dataset (recbole.data.dataset.Dataset): while its ``inter_feat`` is a DataFrame with numbered users and items.
        keeps_all: keep rows without a click, since histories are to hold them.

    Raises:
        ConfigError: a label is neither 0 nor 1, or one of both is missing.
    """
    field, rows, config = dataset.label_field, dataset.inter_feat, dataset.config
    dataset.labelled, dataset.shown = field in rows, None
    if not dataset.labelled:
        return
    check_labels(rows[field].to_numpy(), field, config)
    clicked = rows[field].to_numpy() == 1
    if config["benchmark_filename"] and not scores_labels(config):
        if not clicked.all():
            raise ConfigError(
                f"{field}: the files of benchmark_filename have rows with label 0, which only eval_args.mode: labeled "
                f"tests; set that, or leave {field} out of load_col.inter"
            )
        return
    dataset.shown = _shown(dataset, rows[~clicked])
    if scores_labels(config):
        return
    left = int((~clicked).sum())
    logging.getLogger(__name__).info(
        f"{field}: {left:,} of {len(rows):,} rows are not clicks; they are neither trained on nor tested on"
        + ("." if not config["protocol"] else "; protocol impressions_by_time does both.")
    )
    if not keeps_all:
        dataset.inter_feat = rows[clicked].reset_index(drop=True)


def say_rows_taken_for_clicks(dataset: Dataset) -> None:
    """Of RecBole's own dataset without a protocol: check its labels, and say that rows without a click count as clicks.

    Args:
        dataset (recbole.data.dataset.Dataset): while its ``inter_feat`` is a DataFrame.

    Raises:
        ConfigError: a label is neither 0 nor 1.
    """
    field, rows = dataset.label_field, dataset.inter_feat
    if field not in rows:
        return
    check_labels(rows[field].to_numpy(), field, dataset.config)
    others = int((rows[field] != 1).sum())
    if others and not scores_labels(dataset.config):
        dataset.logger.warning(
            f"{field}: {others:,} of {len(rows):,} rows are not clicks, and without a protocol RecBole's "
            f"{dataset.config['model']} takes them for clicks; a protocol leaves them out, or scores them"
        )


def reject_empty_labels(dataset: Dataset) -> None:
    """Reject empty cells in the columns that labels come from, before RecBole fills them with the mean.

    Args:
        dataset (recbole.data.dataset.Dataset): while its ``inter_feat`` is a DataFrame.

    Raises:
        ConfigError: names the column and the mend.
    """
    for field in dataset.config["threshold"] or [dataset.label_field]:
        empty = dataset.inter_feat[field].isna().sum() if field in dataset.inter_feat else 0
        if empty:
            raise ConfigError(
                f"{field}: {empty:,} rows have no value, and labels come from it. Fill them in the file, or keep those "
                f"that have one: val_interval: {{{field}: '(-inf,inf)'}}"
            )


def check_labels(labels: np.ndarray, field: str, config: Config) -> None:
    """Reject labels that are not 0 and 1, and those of one kind.

    Args:
        labels (numpy.ndarray): one per row.
        field (str): name of the column.
        config (recbole.config.Config): final settings.

    Raises:
        ConfigError: names the value and the mend.
    """
    wrong = labels[~np.isin(labels, (0, 1))]
    if len(wrong):
        raise ConfigError(
            f"{field}: labels must be 0 or 1, but {len(wrong):,} of {len(labels):,} are not, such as {wrong[0]:g}. "
            f"Set threshold: {{{field}: {labels.max():g}}}, the smallest value that is a click"
        )
    values = np.unique(labels)
    if not (values == 1).any():
        raise ConfigError(
            f"{field}: all {len(labels):,} labels are 0, so there is no click to learn from; set threshold, such as "
            "{rating: 4}, to a value that some rows reach"
        )
    if scores_labels(config) and len(values) < 2:
        raise ConfigError(
            f"{field}: all {len(labels):,} labels are 1, so there is nothing to rank. Leave {field} out of "
            "load_col.inter and set protocol: leave_one_out_ctr, which draws negatives"
        )


def clicks_of(rows: Any, field: str, names: tuple[str, str]) -> tuple[Tensor, Tensor]:
    """User and item of the rows that are clicks.

    Args:
        rows (recbole.data.interaction.Interaction): with or without the column ``field``.
        field: name of the label column.
        names: columns of users and items.

    Returns:
        Users and items, LongTensors.
    """
    users, items = (rows[name] for name in names)
    if field not in rows:
        return users, items
    clicked = rows[field] > 0
    return users[clicked], items[clicked]


def _shown(dataset, rows):
    users, items = (
        torch.from_numpy(rows[name].to_numpy(np.int64, copy=True)) for name in (dataset.uid_field, dataset.iid_field)
    )
    times = rows[dataset.time_field].to_numpy(copy=True) if dataset.time_field in rows else None
    return users, items, times
