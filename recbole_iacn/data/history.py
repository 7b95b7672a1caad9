"""Rows with histories, without copies: a history is a window over a table that all rows share.

Without labels it yields the same rows as RecBole's sequential dataset, in the same order, to the last value.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from recbole_iacn.data.labels import clicks_of, learns_from_clicks, prepare_labels, reject_empty_labels, scores_labels
from recbole_iacn.data.order import earlier, remember_times, sort_exactly
from recbole_iacn.data.protocol import one_row_per_user
from recbole_iacn.data.tied_order import say_if_ordered
from recbole_iacn.data.vectorized import VectorizedDataset
from recbole_iacn.data.whole_rows import keep_one_per_history, training_targets, wants_histories
from recbole_iacn.data.windows import HistoryInteraction, IndexedInteraction, Windows
from recbole_iacn.errors import ConfigError
from recbole_iacn.names import reads_empty_histories

if TYPE_CHECKING:
    from recbole.config import Config

ELAPSED = "elapsed"

# Streams of random numbers, apart from those of the loaders' negatives.
_USERS_SPLIT, _NEGATIVE_HISTORIES = (3,), (4,)


class HistoryDataset(VectorizedDataset):
    """``SequentialDataset`` for millions of interactions.

    Any sequential model of RecBole can use it: under a ``protocol``, or with ``history_dataset: True``. Attributes in
    addition to RecBole's:

    Attributes:
        clicks (tuple of torch.Tensor): user and item of every click, including those that are not a target.
        shown (tuple, optional): users, items and exact times of what was shown and not clicked; None without labels.
        times (numpy.ndarray): exact time of every interaction of the table behind the rows, see :meth:`row_times`.
        labelled (bool): whether the data have labels.
        whole_rows (bool): whether each row is a history with many targets (``rows: histories``).
    """

    clicks: tuple[Tensor, Tensor]
    shown: tuple[Tensor, Tensor, Any] | None = None
    times: Any = None
    labelled = False
    whole_rows = False
    # --- Labels and times ----------------------------------------------------------------------------------------

    def _fill_nan(self):
        reject_empty_labels(self)
        super()._fill_nan()

    def _set_label_by_threshold(self):
        super()._set_label_by_threshold()
        prepare_labels(self, keeps_all=holds_all_rows(self.config))

    def _normalize(self):
        if not self.config["benchmark_filename"]:
            remember_times(self)
        super()._normalize()

    def _change_feat_format(self):
        if not self.config["benchmark_filename"]:
            self._check_field("uid_field", "time_field")
            sort_exactly(self, by_user=True)
            say_if_ordered(self)
        super()._change_feat_format()

    def sort(self, by: Any, ascending: Any = True) -> None:
        """As in RecBole, but in the order of exact times."""
        if by == self.time_field and ascending is True and self.times is not None:
            self.inter_feat._reindex(torch.from_numpy(np.argsort(self.row_times(), kind="stable")))
        else:
            super().sort(by, ascending)

    def row_times(self) -> np.ndarray:
        """Exact time of each row, as in the file.

        Returns:
            numpy.ndarray: float64 or int64, shape (rows,).
        """
        return self.times[self.inter_feat.index.numpy()]

    # --- Windows -------------------------------------------------------------------------------------------------

    def data_augmentation(self) -> None:
        """Interactions become rows, each with a history of the last L before it.

        Without labels every interaction but a user's first is a row, and its history is what stands before it. With
        labels a history holds what the user clicked (``history_rows``) at an earlier time, and a row is a click with an
        earlier one; where the run is evaluated by labels every interaction is a row, also with an empty history.
        """
        self._aug_presets()
        user = self.inter_feat[self.uid_field].numpy()
        self.is_click = clicked = self._clicked()
        self.clicks = clicks_of(self.inter_feat, self.label_field, (self.uid_field, self.iid_field))
        in_history = np.ones(len(user), dtype=bool) if holds_all_rows(self.config) else clicked
        times = self.times if self.labelled else None
        before, stop = earlier(user, times, in_history)
        # Whatever histories hold, the same clicks are tested: those with a click before them.
        is_target = clicked & (earlier(user, times, clicked)[0] > 0)
        if scores_labels(self.config) and self.labelled:
            is_target = np.ones(len(user), dtype=bool)
        if one_row_per_user(self.config):
            is_target = _last_of_each_user(user, is_target)
        if not is_target.any():
            clicks = " that are clicks, at different times" if self.labelled else ""
            raise ConfigError(
                f"{self.dataset_name}: no user has two interactions{clicks}, so no row has a history. Is "
                f"{self.uid_field!r} the column of users, and have filters left any (user_inter_num_interval)?"
            )
        self._set_rows(in_history, before, stop, is_target)

    def _clicked(self):
        if self.label_field not in self.inter_feat or not self.labelled:
            return np.ones(len(self.inter_feat), dtype=bool)
        return (self.inter_feat[self.label_field] > 0).numpy()

    def _set_rows(self, in_history, before, stop, is_target):
        """Turn the table of interactions into rows with windows over those that may stand in a history."""
        length = torch.from_numpy(np.minimum(before, self.max_item_list_len))
        # To models that take the state at a history's last place an empty history is one padding item.
        reported = length if reads_empty_histories(self.config["model"]) else length.clamp_min(1)
        clicks, self.inter_feat = self.inter_feat.interaction, None
        if in_history.all():
            shared = {name: Windows.over(clicks.pop(name)) for name in list(clicks)}
            clicks = {name: column[1:] for name, column in shared.items()}
        else:
            shared = {name: Windows.over(column[torch.from_numpy(in_history)]) for name, column in clicks.items()}
        self.in_history = in_history
        lists = {getattr(self, f"{name}_list_field"): shared[name] for name in shared if name != self.uid_field}
        # The s-th entry of a history is at s, after the leading zero, so a history with s entries before its end stops
        # at s + 1.
        stops = torch.from_numpy(stop + 1).to(torch.int32)
        self.inter_feat = HistoryInteraction(
            {**clicks, self.item_list_length_field: reported},
            [Windows(lists, stops, length, self.max_item_list_len)],
            torch.from_numpy(np.flatnonzero(is_target)),
        )

    def build(self) -> list[Any]:
        parts = super().build()
        if self.labelled and scores_labels(self.config) and learns_from_clicks(self.config):
            rows = parts[0].inter_feat
            has_history = rows.windows[0].length[rows.index] > 0
            parts[0].inter_feat = rows[(rows[self.label_field] > 0) & has_history]
        if wants_histories(self.config, self.labelled):
            keep_one_per_history(parts[0], self.max_item_list_len)
        return parts

    @property
    def item_counter(self) -> Counter:
        """As in RecBole: how often each item is a row's; with ``rows: histories``, how often it is a target."""
        return Counter(training_targets(self)[1].tolist()) if self.whole_rows else super().item_counter

    @property
    def user_counter(self) -> Counter:
        """As in RecBole: how many rows each user has; with ``rows: histories``, how many targets."""
        return Counter(training_targets(self)[0].tolist()) if self.whole_rows else super().user_counter

    def inter_matrix(self, form: str = "coo", value_field: str | None = None) -> Any:
        """As in RecBole, of all interactions of the rows and of each user's first one; with labels, or where rows are
        histories, of each user's clicks up to the last row."""
        names = (self.uid_field, self.iid_field, *([value_field] if value_field else []))
        so_far = self.labelled or self.whole_rows
        columns = self._clicks_so_far(names) if so_far else self._rows_and_firsts(names)
        return self._create_sparse_matrix(
            IndexedInteraction(columns), self.uid_field, self.iid_field, form, value_field
        )

    def _rows_and_firsts(self, names):
        first = self.inter_feat[self.item_list_length_field] == 1
        firsts, suffix = self.inter_feat[first].gather(), self.config["LIST_SUFFIX"]
        columns = {}
        for name in names:
            history = name + suffix
            more = firsts[history][:, 0] if name != self.uid_field and history in firsts else firsts[name]
            columns[name] = torch.cat([self.inter_feat[name], more])
        return columns

    def _clicks_so_far(self, names):
        table, index = self.inter_feat.values, self.inter_feat.index.numpy()
        user = table[self.uid_field].numpy()
        last = np.full(self.user_num, -1)
        np.maximum.at(last, user[index], index)
        so_far = torch.from_numpy(self.is_click & (np.arange(len(user)) <= last[user]))
        return {name: table[name][so_far] for name in names}

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


def holds_all_rows(config: Config) -> bool:
    """Whether histories hold everything that the user was shown, clicked or not.

    Args:
        config (recbole.config.Config): final settings.
    """
    return config["history_rows"] == "all"


def _last_of_each_user(user, is_target):
    """The last target of each user; rows are sorted by user."""
    places = np.flatnonzero(is_target)
    last = np.zeros_like(is_target)
    last[places[np.r_[user[places][1:] != user[places][:-1], True]]] = True
    return last


class TimedHistoryDataset(HistoryDataset):
    """Adds the times of each history's clicks: the time since the user's first click (column ``elapsed_list``), in the
    file's unit, int64 if all are whole numbers and otherwise float64.

    RecBole keeps time stamps as float32, in which current Unix times are 128 s apart, and for some datasets
    (``normalize_all`` of its ml-100k) scales them to [0, 1] first; here they are used as in the file.
    """

    def _normalize(self):
        if self.config["benchmark_filename"]:
            raise ConfigError(f"benchmark_filename: {self.config['model']} needs the time of every click; leave it out")
        super()._normalize()

    def data_augmentation(self) -> None:
        super().data_augmentation()
        user, time = (
            values[self.in_history] for values in (self.inter_feat.values[self.uid_field].numpy(), self.times)
        )
        elapsed = time - time[np.searchsorted(user, user)]
        whole = elapsed.astype(np.int64)
        elapsed = whole if (whole == elapsed).all() else elapsed.astype(np.float64)
        self.inter_feat.windows[0].columns[ELAPSED + self.config["LIST_SUFFIX"]] = Windows.over(
            torch.from_numpy(elapsed)
        )


class DIENHistoryDataset(HistoryDataset):
    """For RecBole's own DIEN: adds a history of negatives to each history; none is the item at its position.

    RecBole draws them before it sorts the interactions they belong to; here they are drawn after.
    """

    def data_augmentation(self) -> None:
        super().data_augmentation()
        items = self.inter_feat.values[self.iid_field].numpy()[self.in_history]
        random = np.random.default_rng([self.config["seed"], *_NEGATIVE_HISTORIES])
        drawn = random.integers(1, self.item_num - 1, size=len(items))
        drawn += drawn >= items
        name = self.config["NEG_PREFIX"] + self.iid_field + self.config["LIST_SUFFIX"]
        self.inter_feat.windows[0].columns[name] = Windows.over(torch.from_numpy(drawn))
