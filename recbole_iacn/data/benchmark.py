"""Benchmark files: a dataset that is already split, whose rows have their histories as lists.

RecBole numbers the items of histories apart from those of targets unless ``alias_of_item_id`` names them, keeps the
oldest entries of a long history, and knows three parts only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from recbole.utils import FeatureType

from recbole_iacn.names import reads_empty_histories

if TYPE_CHECKING:
    from recbole.data.dataset import Dataset, SequentialDataset

_TOKENS = (FeatureType.TOKEN, FeatureType.TOKEN_SEQ)


def number_together(dataset: SequentialDataset) -> None:
    """Give the tokens of a history (``item_id_list``), and of its negatives (``neg_item_id_list``), the numbers of its
    column (``item_id``).

    Args:
        dataset: a dataset whose aliases have just been set up.
    """
    suffix, prefix = dataset.config["LIST_SUFFIX"], dataset.config["NEG_PREFIX"]
    kinds, taken = dataset.field2type, {name for names in dataset.alias.values() for name in names}
    pairs = [(name, kind, start + name + suffix) for name, kind in kinds.items() for start in ("", prefix)]
    for name, kind, history in pairs:
        if kind not in _TOKENS or kinds.get(history) not in _TOKENS or history in taken:
            continue
        key = next((key for key, names in dataset.alias.items() if name in names), name)
        dataset.alias[key] = np.append(dataset.alias.get(key, [name]), history)
        dataset._rest_fields = np.setdiff1d(dataset._rest_fields, [name, history], assume_unique=True)


def keep_newest(dataset: SequentialDataset) -> None:
    """Cut each history to its newest entries: at most ``MAX_ITEM_LIST_LENGTH``, and ``seq_len`` of the items' list and
    of its own.

    Args:
        dataset: a dataset whose rows are a table of numbers.
    """
    table, suffix = dataset.inter_feat, dataset.config["LIST_SUFFIX"]
    limits = dataset.config["seq_len"] or {}
    items = dataset.iid_field + suffix
    most = min(dataset.max_item_list_len, limits.get(items, dataset.max_item_list_len))
    for name in table:
        if not name.endswith(suffix) or not dataset.field2type[name].value.endswith("seq"):
            continue
        limit = min(most, limits.get(name, most))
        if dataset.field2seqlen[name] > limit:
            in_pairs = name in dataset.config["numerical_features"]  # RecBole's form: the values, and their buckets
            cut = np.empty(len(table), object)
            cut[:] = [tuple(each[-limit:] for each in one) if in_pairs else one[-limit:] for one in table[name]]
            table[name] = cut
            dataset.field2seqlen[name] = limit


def fill_empty_histories(dataset: SequentialDataset) -> None:
    """To models that take the state at a history's last place an empty history is one padding item.

    Args:
        dataset: a dataset whose rows are a table of numbers, with the lengths of histories.
    """
    if not reads_empty_histories(dataset.config["model"]):
        length = dataset.item_list_length_field
        dataset.inter_feat[length] = dataset.inter_feat[length].clip(lower=1)


def add_empty_validation(dataset: Dataset) -> None:
    """With two parts, training and test, put a validation part without rows between them.

    Args:
        dataset: a dataset whose interactions have just been read.
    """
    if dataset.benchmark_filename_list is not None and len(dataset.file_size_list) == 2:
        dataset.file_size_list.insert(1, 0)
