"""Rows for tokens that a model has not seen: the mean of the rows of their peers.

A new item's peers are the known items that share a value of a feature with it; a new user's, the known users who share
one. For each of its feature values there is the mean of the known rows with that value; the new row is the mean of
these means, over all values that a known one has. What has no such value, and every token of a column without features,
starts from the mean of all known rows. Numbers are not compared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp
import torch
from recbole.utils import FeatureType
from torch import Tensor

from recbole_iacn.data.dataset import AUXILIARY_SUFFIX

if TYPE_CHECKING:
    from recbole.data.dataset import Dataset


class Means:
    """Computes the rows of new tokens from those of known ones.

    Args:
        dataset: has the tables of items and users.
        field: the column, or its auxiliary alias.
        known: ids whose rows are known, shape (N,).
        new: ids whose rows are not, shape (M,).

    Attributes:
        alone (int): how many of the new ids have no known peer.
    """

    def __init__(self, dataset: Dataset, field: str, known: np.ndarray, new: np.ndarray) -> None:
        self.known = known
        features = _features(dataset, field)
        having, wanted = features[known], features[new]
        counts = np.asarray(having.sum(axis=0)).ravel()
        self._per_value = sp.diags(1 / np.maximum(counts, 1)) @ having.T  # (values, N)
        wanted = wanted @ sp.diags((counts > 0).astype(np.float64))
        shared = np.asarray(wanted.sum(axis=1)).ravel()
        self._per_new = sp.diags(1 / np.maximum(shared, 1)) @ wanted  # (M, values)
        self._without = shared == 0
        self.alone = int(self._without.sum()) if features.shape[1] else 0

    def of(self, table: Tensor) -> Tensor:
        """The rows of the new ids, shape (M, …).

        Args:
            table: a row per id, shape (ids, …).
        """
        known = table[torch.from_numpy(self.known).to(table.device)]
        flat = known.flatten(1) if known.dim() > 1 else known[:, None]
        rows = flat.double().cpu().numpy()
        result = self._per_new @ (self._per_value @ rows)
        result[self._without] = rows.mean(axis=0)
        return torch.from_numpy(result).to(table.device, table.dtype).reshape(-1, *table.shape[1:])


def _features(dataset, field):
    """Which token has which value: a sparse matrix of ones, (ids, values of all columns)."""
    own = field.removesuffix(AUXILIARY_SUFFIX)
    tables = {dataset.iid_field: dataset.get_item_feature, dataset.uid_field: dataset.get_user_feature}
    ids = dataset.num(field)
    parts = [sp.csr_matrix((ids, 0))]
    table = tables[own]() if own in tables else {}
    for name in getattr(table, "columns", ()):
        kind = dataset.field2type[name]
        if kind in (FeatureType.TOKEN, FeatureType.TOKEN_SEQ) and name not in tables and not _is_alias(dataset, name):
            values = table[name].cpu().numpy().reshape(ids, -1)
            token, place = values.nonzero()
            pairs = np.unique(np.stack([token, values[token, place]]), axis=1)
            shape = ids, dataset.num(name)
            parts.append(sp.csr_matrix((np.ones(pairs.shape[1]), (pairs[0], pairs[1])), shape=shape))
    return sp.csr_matrix(sp.hstack(parts))


def _is_alias(dataset, name):
    return name in getattr(dataset, "auxiliary_fields", ())
