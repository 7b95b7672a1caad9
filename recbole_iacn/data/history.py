"""RecBole's sequential dataset without the copies: histories are windows, splits and numberings are array operations.

It yields the same rows as RecBole's own, in the same order, to the last value.
"""

from typing import Any

import numpy as np
import pandas as pd
import torch
from recbole.data.dataset import SequentialDataset
from recbole.utils import FeatureType
from torch import Tensor

from recbole_iacn.data import atomic_files, reading
from recbole_iacn.data.protocol import one_row_per_user
from recbole_iacn.data.windows import HistoryInteraction, IndexedInteraction, Windows
from recbole_iacn.errors import ConfigError

_DTYPES = {FeatureType.TOKEN: np.int64, FeatureType.FLOAT: np.float32}

ELAPSED = "elapsed"

# Streams of random numbers, apart from those of the loaders' negatives.
_USERS_SPLIT, _NEGATIVE_HISTORIES = (3,), (4,)


class HistoryDataset(SequentialDataset):
    """``SequentialDataset`` for millions of interactions.

    Any sequential model of RecBole can use it: under a ``protocol``, or with ``history_dataset: True``. Attributes in
    addition to RecBole's:

    Attributes:
        clicks (tuple of torch.Tensor): user and item of every interaction, including those that are not a target.
    """

    clicks: tuple[Tensor, Tensor]
    inter_feat: Any  # a DataFrame while RecBole reads, then rows of clicks

    # --- Reading ------------------------------------------------------------------------------------------------

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

    # --- Windows ------------------------------------------------------------------------------------------------

    def data_augmentation(self) -> None:
        """Every interaction but a user's first becomes a row; its history is the last L interactions before it."""
        self._aug_presets()
        self._check_field("uid_field", "time_field")
        self._sort_clicks()
        before, is_target = _earlier_clicks(self.inter_feat[self.uid_field].numpy())
        if one_row_per_user(self.config):
            is_target[:-1] &= ~is_target[1:]
        if not is_target.any():
            raise ConfigError(
                f"{self.dataset_name}: no user has two interactions, so no row has a history. Is "
                f"{self.uid_field!r} the column of users, and have filters left any (user_inter_num_interval)?"
            )
        length = torch.from_numpy(np.minimum(before, self.max_item_list_len))
        clicks, self.inter_feat = self.inter_feat.interaction, None
        shared = {name: Windows.over(clicks.pop(name)) for name in list(clicks)}
        clicks = {name: column[1:] for name, column in shared.items()}
        self.clicks = clicks[self.uid_field], clicks[self.iid_field]
        lists = {getattr(self, f"{name}_list_field"): shared[name] for name in shared if name != self.uid_field}
        # Click t is at t + 1, after the leading zero, so a history that ends before it ends there.
        stop = torch.arange(1, len(before) + 1, dtype=torch.int32)
        self.inter_feat = HistoryInteraction(
            {**clicks, self.item_list_length_field: length},
            [Windows(lists, stop, length, self.max_item_list_len)],
            torch.from_numpy(np.flatnonzero(is_target)),
        )

    def _sort_clicks(self):
        user, time = self.inter_feat[self.uid_field], self.inter_feat[self.time_field]
        later = (user[1:] > user[:-1]) | ((user[1:] == user[:-1]) & (time[1:] >= time[:-1]))
        if not later.all():
            self.sort(by=[self.uid_field, self.time_field], ascending=True)

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

    def inter_matrix(self, form: str = "coo", value_field: str | None = None) -> Any:
        """As in RecBole, of all interactions of the rows and of each user's first one."""
        first = self.inter_feat[self.item_list_length_field] == 1
        firsts, suffix = self.inter_feat[first].gather(), self.config["LIST_SUFFIX"]
        columns = {}
        for name in (self.uid_field, self.iid_field, *([value_field] if value_field else [])):
            history = name + suffix
            more = firsts[history][:, 0] if name != self.uid_field and history in firsts else firsts[name]
            columns[name] = torch.cat([self.inter_feat[name], more])
        return self._create_sparse_matrix(
            IndexedInteraction(columns), self.uid_field, self.iid_field, form, value_field
        )

    # --- Splits -------------------------------------------------------------------------------------------------

    def split_by_ratio(self, ratios: list[float], group_by: str | None = None) -> list[Any]:
        if one_row_per_user(self.config):
            # One row per user: random rows are random users, and their order in time does not matter.
            order = np.random.default_rng([self.config["seed"], *_USERS_SPLIT]).permutation(len(self.inter_feat))
            self.inter_feat = self.inter_feat[order]
        parts = super().split_by_ratio(ratios, group_by)
        if one_row_per_user(self.config) and not all(map(len, parts)):
            users, name = sum(map(len, parts)), self.config["protocol"]
            raise ConfigError(f"protocol: {name!r} splits users, and {users} with a history are too few")
        return parts

    def _grouped_index(self, group_by_list):
        return _Groups(np.asarray(group_by_list))

    def _split_index_by_leave_one_out(self, grouped_index, leave_one_num):
        """The last rows of each group, one to each of the last parts; a group's first row always trains."""
        size = np.repeat(grouped_index.sizes, grouped_index.sizes)
        begin = np.repeat(grouped_index.ends - grouped_index.sizes, grouped_index.sizes)
        rows, from_end = grouped_index.rows, size - (np.arange(len(size)) - begin)
        left_out = np.minimum(leave_one_num, size - 1)
        parts = [rows[(from_end == place) & (place <= left_out)] for place in range(leave_one_num, 0, -1)]
        return [rows[from_end > left_out], *parts]


def _earlier_clicks(user):
    """Number of earlier clicks of the same user for each, and whether there are any; clicks are sorted by user."""
    position = np.arange(len(user))
    is_first = np.r_[True, user[1:] != user[:-1]]
    return position - np.maximum.accumulate(np.where(is_first, position, 0)), ~is_first


class TimedHistoryDataset(HistoryDataset):
    """Adds the times of each history's clicks: whole seconds since the user's first click (column ``elapsed_list``).

    RecBole keeps time stamps as float32, in which current Unix times are 128 s apart, and for some datasets
    (``normalize_all`` of its ml-100k) scales them to [0, 1] first; here they are used as in the file.
    """

    def _normalize(self):
        if self.config["benchmark_filename"]:
            raise ConfigError(f"benchmark_filename: {self.config['model']} needs the time of every click; leave it out")
        self._seconds = self.inter_feat[self.time_field].to_numpy(np.float64, copy=True)
        super()._normalize()

    def _change_feat_format(self):
        user, time = self.inter_feat[self.uid_field].to_numpy(), self._seconds
        order = np.lexsort((time, user))
        self.inter_feat = self.inter_feat.take(order).reset_index(drop=True)
        user, time = user[order], time[order]
        self._elapsed = torch.from_numpy((time - time[np.searchsorted(user, user)]).astype(np.int64))
        super()._change_feat_format()

    def data_augmentation(self) -> None:
        super().data_augmentation()
        columns = self.inter_feat.windows[0].columns
        columns[ELAPSED + self.config["LIST_SUFFIX"]] = Windows.over(self._elapsed)


class DIENHistoryDataset(HistoryDataset):
    """For RecBole's own DIEN: adds a history of negatives to each history; none is the item at its position.

    RecBole draws them before it sorts the interactions they belong to; here they are drawn after.
    """

    def data_augmentation(self) -> None:
        super().data_augmentation()
        items = self.clicks[1].numpy()
        random = np.random.default_rng([self.config["seed"], *_NEGATIVE_HISTORIES])
        drawn = random.integers(1, self.item_num - 1, size=len(items))
        drawn += drawn >= items
        name = self.config["NEG_PREFIX"] + self.iid_field + self.config["LIST_SUFFIX"]
        self.inter_feat.windows[0].columns[name] = Windows.over(torch.from_numpy(drawn))


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
