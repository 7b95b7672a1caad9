"""RecBole's sequential dataset without loops over rows: columns, numberings and splits are array operations.

It yields the same columns and parts as RecBole's own, in the same order, to the last value.
"""

from typing import Any

import numpy as np
import pandas as pd
import torch
from recbole.data.dataset import SequentialDataset
from recbole.utils import FeatureType

from recbole_iacn.data import atomic_files, reading
from recbole_iacn.data.windows import HistoryInteraction, IndexedInteraction, Windows

_DTYPES = {FeatureType.TOKEN: np.int64, FeatureType.FLOAT: np.float32}


class VectorizedDataset(SequentialDataset):
    """``SequentialDataset`` whose rows are read, numbered, indexed and split as arrays."""

    inter_feat: Any  # a DataFrame while RecBole reads, then rows of clicks
    scales: dict[str, tuple[float, float]]  # smallest and largest value of the interactions' columns that are scaled

    def _load_feat(self, filepath, source):
        return atomic_files.load(self, filepath, source, as_categories=True)

    def _filter_by_inter_num(self):
        """As in RecBole, which counts in Python even where there is nothing to filter."""
        for side, field in (("user", self.uid_field), ("item", self.iid_field)):
            allowed = self._parse_intervals_str(self.config[f"{side}_inter_num_interval"])
            if not allowed:
                continue
            counts = self.inter_feat[field].value_counts().to_numpy()
            unused_items_go = allowed[0][1] > 0 and getattr(self, f"{side}_feat") is not None
            if unused_items_go or not self._within_intervals(counts[counts > 0], allowed).all():
                super()._filter_by_inter_num()
                return

    def _remap(self, remap_list):
        categorical = [isinstance(feat[field].dtype, pd.CategoricalDtype) for feat, field, _ in remap_list]
        if not remap_list or not all(categorical):
            # Numbered together with a list column (a benchmark file's histories): tokens as text, RecBole's way.
            for (feat, field, _), is_categorical in zip(remap_list, categorical):
                if is_categorical:
                    feat[field] = feat[field].astype(object)
            super()._remap(remap_list)
            return
        numbers, tokens = reading.remap([feat[field] for feat, field, _ in remap_list])
        names, numbering = np.array(tokens), {token: number for number, token in enumerate(tokens)}
        for (feat, field, _), ids in zip(remap_list, numbers):
            self.field2id_token.setdefault(field, names)
            self.field2token_id.setdefault(field, numbering)
            feat[field] = ids

    def _normalize(self):
        """As in RecBole, and remembers by what the columns of interactions are scaled, so that later rows can be."""
        scaled = self.float_like_fields if self.config["normalize_all"] else self.config["normalize_field"] or ()
        self.scales = {
            name: (float(np.min(self.inter_feat[name])), float(np.max(self.inter_feat[name])))
            for name in scaled
            if self.field2type.get(name) is FeatureType.FLOAT and name in self.inter_feat
        }
        super()._normalize()

    def _dataframe_to_interaction(self, data):
        """As in RecBole, but values are not copied one by one, and a benchmark file's lists are concatenated."""
        numerical = self.config["numerical_features"]
        ours = [name for name in data if name not in numerical]
        lists = [name for name in ours if self.field2type[name] not in _DTYPES]
        columns = {
            name: torch.tensor(data[name].to_numpy(_DTYPES[self.field2type[name]]))
            for name in ours
            if name not in lists
        }
        if len(ours) < len(data.columns):
            columns.update(super()._dataframe_to_interaction(data.drop(columns=ours)).interaction)
        windows = [self._end_to_end(name, data[name].values) for name in lists]
        every = torch.arange(len(data))
        if windows and data is self.inter_feat and self.config["benchmark_filename"] is not None:
            return HistoryInteraction(columns, windows, every)
        for window in windows:
            columns.update(window.gather(every))
        return IndexedInteraction({name: columns[name] for name in data})

    def _end_to_end(self, name, lists):
        """A list column, with a window per row."""
        most = self.field2seqlen[name]
        length = np.minimum(np.fromiter(map(len, lists), np.int64, len(lists)), most)
        dtype = np.int64 if self.field2type[name] == FeatureType.TOKEN_SEQ else np.float32
        values = np.concatenate([one[:most] for one in lists]).astype(dtype, copy=False)
        stop = torch.from_numpy(np.cumsum(length) + 1)
        return Windows(
            {name: Windows.over(torch.from_numpy(values))}, stop, torch.from_numpy(length), int(length.max())
        )

    def __getitem__(self, index: Any, join: bool = True) -> Any:
        rows = self.inter_feat[index]
        batch = rows.gather() if isinstance(rows, HistoryInteraction) else rows
        return self.join(batch) if join else batch

    def _grouped_index(self, group_by_list):
        return _Groups(np.asarray(group_by_list))

    def _split_index_by_leave_one_out(self, grouped_index, leave_one_num):
        """The last rows of each group, one to each of the last parts; a group's first row always trains."""
        rows, sizes = grouped_index.rows, grouped_index.sizes
        from_end = np.repeat(grouped_index.ends, sizes)
        from_end -= np.arange(len(rows))
        left_out = np.repeat(np.minimum(leave_one_num, sizes - 1).astype(np.int8), sizes)
        parts = [rows[(from_end == place) & (place <= left_out)] for place in range(leave_one_num, 0, -1)]
        return [rows[from_end > left_out], *parts]


class _Groups:
    """Row numbers of each group, groups in the order of their first row; RecBole has a list of lists."""

    def __init__(self, keys):
        group, _ = pd.factorize(keys)
        self.rows = np.argsort(group, kind="stable")
        self.sizes = np.bincount(group)
        self.ends = np.cumsum(self.sizes)

    def __len__(self):
        return len(self.sizes)

    def __iter__(self):
        return (self.rows[end - size : end] for end, size in zip(self.ends, self.sizes))
