"""RecBole loaders for a named protocol. Evaluation negatives lie outside the user's own items and are drawn once;
training negatives lie outside the user's training items if the protocol ranks or scores labels, and otherwise outside
all of the own.

RecBole draws evaluation negatives anew at every pass (RecBole #2077) and excludes the target only. Here the
rows have a table of negatives: drawn once for validation and test, or read from the user's file; drawn again in every
epoch for training.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from recbole.data.dataloader import TrainDataLoader
from recbole.data.dataloader.abstract_dataloader import NegSampleDataLoader
from recbole.utils import InputType
from torch import Tensor
from torch.utils.data import RandomSampler

from recbole_iacn import parallel
from recbole_iacn.data.held import held_on
from recbole_iacn.data.negatives import notice_unclicked, read_negatives
from recbole_iacn.data.protocol import is_labelled, ranks_items
from recbole_iacn.data.sampling import OwnItems
from recbole_iacn.data.shown import ShownItems
from recbole_iacn.errors import ConfigError

if TYPE_CHECKING:
    from recbole.config import Config
    from recbole.data.dataset import Dataset

# Training, validation and test must not share a stream of random numbers; the values only have to differ.
_STREAM = {"train": 0, "valid": 1, "test": 2}


def own_items(dataset: Dataset) -> OwnItems:
    """All items of each user, over every split, of the dataset that RecBole built the splits from."""
    if not hasattr(dataset, "own_items"):
        users, items = (column.numpy() for column in clicks(dataset))
        shown = getattr(dataset, "shown", None)
        rows = users if shown is None else np.concatenate([users, shown[0].numpy()])
        drawable = clicked_items(dataset) if dataset.config["negative_items"] == "clicked" else None
        dataset.own_items = OwnItems(users, items, dataset.item_num, drawable, np.bincount(rows))
    return dataset.own_items


def clicked_items(dataset: Dataset) -> np.ndarray:
    """The items that anybody clicked, over every split, rising."""
    return np.flatnonzero(np.bincount(clicks(dataset)[1].numpy()))


def clicks(dataset: Dataset) -> tuple[Tensor, Tensor]:
    """User and item of every interaction: the targets, and those in histories only."""
    if hasattr(dataset, "clicks"):
        return dataset.clicks
    feat = dataset.inter_feat
    users, items = feat[dataset.uid_field], feat[dataset.iid_field]
    history = dataset.iid_field + dataset.config["LIST_SUFFIX"]
    if history not in feat:
        return users, items
    seen = feat[history]
    row, column = seen.nonzero(as_tuple=True)
    return torch.cat([users, users[row]]), torch.cat([items, seen[row, column]])


def stream(config: Config, phase: str, epoch: int = 0) -> np.random.Generator:
    return np.random.default_rng([config["seed"], _STREAM[phase], epoch])


# The base of a part of a loader, which reads attributes of the whole; a type checker knows none of RecBole's classes.
_Part: Any = object


class _NegativeTable(_Part):
    """What both loaders share: a table of negatives, indexed like the rows."""

    negatives: Tensor | None
    shown: ShownItems | None = None
    whole_rows = False  # each place of a history has a target, and a negative
    _dataset: Any
    held: Any = None  # the dataset on the device that trains, for data_on_device

    def excluded(self, phase: str) -> OwnItems:
        """Items that may not be negatives."""
        return own_items(self._sampler.dataset)

    def draw(self, phase: str, epoch: int = 0) -> None:
        """Fill the table for ``train``, ``valid`` or ``test``."""
        users = self._dataset.inter_feat[self.uid_field].numpy()
        own = self.excluded(phase)
        given = self.config[f"{phase}_negatives_file"]
        if given:
            table = read_negatives(given, self._sampler.dataset, own, users, self.neg_sample_num)
        else:
            distribution = self.neg_sample_args["distribution"]
            random = stream(self.config, phase, epoch)
            places = self.config["MAX_ITEM_LIST_LENGTH"] if self.whole_rows else 1
            table = own.sample_others(users, self.neg_sample_num * places, random, distribution)
            if self.shown is not None:
                has_some = self.shown.has_some(users)
                table[has_some] = self.shown.sample(users[has_some], self.neg_sample_num, random)
        self.negatives = torch.from_numpy(table)
        if self.held is not None:
            self.negatives = self.negatives.to(self.config["device"])

    def _rows(self, index):
        """The rows of ``index``, followed by one copy of them per negative."""
        if self.held is None:
            return self._rows_of(index)
        whole, self._dataset = self._dataset, self.held  # which RecBole's own parts read, too
        try:
            return self._rows_of(torch.from_numpy(index).to(self.config["device"]))
        finally:
            self._dataset = whole

    def _rows_of(self, index):
        rows = self.transform(self._dataset, self._dataset[index])
        if self.negatives is None:
            return rows
        if self.whole_rows:
            rows.interaction[self.neg_item_id] = self.negatives[index]  # (B, L): one for each place
            return rows
        return self.sampling_func(rows, self.negatives[index].T.reshape(-1))


class _ShuffledRows:
    """Row numbers in the order of PyTorch's RandomSampler, which first makes a Python list of all of them."""

    def __init__(self, loader):
        self.loader = loader

    def __iter__(self):
        order = torch.randperm(self.loader.sample_size, generator=self.loader.generator)
        for part in order.split(1 << 14):
            yield from part.tolist()

    def __len__(self):
        return self.loader.sample_size


class ProtocolTrainDataLoader(_NegativeTable, TrainDataLoader):
    """Training rows with negatives that depend on ``(seed, epoch)`` alone, whatever the batches and workers.

    ``train_batch_size`` counts rows, as in RecBole: half of them are positives with one negative each.
    The trainer may set the next epoch by :meth:`set_epoch`; otherwise every pass counts as one.
    """

    def __init__(self, config: Config, dataset: Dataset, sampler: Any, shuffle: bool = False) -> None:
        super().__init__(config, dataset, sampler, shuffle=shuffle)
        if type(self.sampler) is RandomSampler:
            self.batch_sampler.sampler = _ShuffledRows(self)
        self.epoch = 0
        self.negatives = None
        self.whole_rows = getattr(dataset, "whole_rows", False)
        if config["shown_negatives"]:
            self.shown = self._find_shown()

    def excluded(self, phase: str) -> OwnItems:
        if not ranks_items(self.config) and not is_labelled(self.config):
            return super().excluded(phase)
        if not hasattr(self._dataset, "training_items"):
            # Of the training rows, and of each user's first interaction, which is not a target.
            matrix, every = self._dataset.inter_matrix(form="coo"), super().excluded(phase)
            self._dataset.training_items = OwnItems(
                matrix.row, matrix.col, every.n_items, every.drawable, every.interactions
            )
        return self._dataset.training_items

    def _find_shown(self):
        """What users were shown and did not click; says how many rows are of users without any."""
        shown = ShownItems(self._sampler.dataset, self._dataset, self.excluded("train"))
        has_none = ~shown.has_some(self._dataset.inter_feat[self.uid_field].numpy())
        if has_none.any() and parallel.rank() == 0:
            logging.getLogger(__name__).warning(
                "shown_negatives: %s of %s training rows are of users who were shown nothing else before their "
                "validation; their negatives are drawn as without the setting",
                *(f"{int(has_none.sum()):,}", f"{len(has_none):,}"),
            )
        return shown

    def set_epoch(self, epoch: int) -> None:
        """Make the next pass that of ``epoch`` (from 0): same negatives, same order of rows."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[Any]:
        if self.config["data_on_device"] and self.held is None:
            self.held = held_on(self._dataset, self.config["device"])
        if self.neg_sample_args["distribution"] != "none":
            self.draw("train", self.epoch)
        # A new generator: RecBole takes the old one away when it saves its loaders.
        self.generator = self.sampler.generator = torch.Generator()
        self.generator.manual_seed(int(stream(self.config, "train", self.epoch).integers(2**62)))
        self.epoch += 1
        return super().__iter__()

    def collate_fn(self, index: list[int]) -> Any:
        return self._rows(np.array(index))


class ProtocolEvalDataLoader(_NegativeTable, NegSampleDataLoader):
    """Evaluation rows, each with its fixed negatives; the figures are the same in every pass and for every model."""

    def __init__(self, config: Config, dataset: Dataset, sampler: Any, shuffle: bool = False) -> None:
        phase = sampler.phase
        self._set_neg_sample_args(config, dataset, InputType.POINTWISE, config[f"{phase}_neg_sample_args"])
        self.sample_size = len(dataset)
        super().__init__(config, dataset, sampler, shuffle=False)
        self.draw(phase)
        notice_unclicked(sampler.dataset, clicked_items(sampler.dataset), np.asarray(self.negatives), phase)

    def _init_batch_size_and_step(self):
        self.step = max(self.config["eval_batch_size"] // self.times, 1)
        self.set_batch_size(self.step * self.times)

    def collate_fn(self, index: list[int]) -> Any:
        case = torch.arange(len(index))
        rows = self._rows(np.array(index))
        return rows, case.repeat(self.times), case, rows[self.iid_field][: len(index)]


class SharedRows(_Part):
    """One process's share of a loader's rows; all processes make the same batches in the same order.

    In training each batch is divided, so that the batches of all processes together are those of a single process
    (a last batch of fewer rows than processes has some twice). In evaluation each row belongs to one process.
    """

    def __init__(self, config: Config, dataset: Dataset, sampler: Any, shuffle: bool = False) -> None:
        with parallel.as_one_process(config):
            super().__init__(config, dataset, sampler, shuffle=shuffle)
        self.deals_batches = isinstance(self, TrainDataLoader)
        if self.deals_batches:
            return
        if self.sample_size < parallel.size():
            raise ConfigError(
                f"nproc: {parallel.size()} processes for {self.sample_size} rows of evaluation; use fewer"
            )
        self.batch_sampler.sampler = range(parallel.rank(), self.sample_size, parallel.size())

    def collate_fn(self, index: list[int]) -> Any:
        if self.deals_batches:
            index = index[parallel.rank() :: parallel.size()] or index[:1]
        return super().collate_fn(index)


@functools.cache
def shared(loader: type) -> type:
    """The class of a loader whose rows are divided among the processes."""
    return type(f"Shared{loader.__name__}", (SharedRows, loader), {})
