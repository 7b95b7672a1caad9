"""RecBole loaders for a named protocol: negatives never come from the user's own items, and those of an
evaluation are drawn once.

RecBole draws evaluation negatives anew at every pass (RecBole #2077) and excludes the target only. Here a
table of negatives stands beside the rows: drawn once for validation and test, afresh in every epoch for training.
"""

import numpy as np
import torch
from recbole.data.dataloader import TrainDataLoader
from recbole.data.dataloader.abstract_dataloader import NegSampleDataLoader
from recbole.utils import InputType

from recbole_iacn.data.sampling import OwnItems

# Training, validation and test must not share a stream of random numbers; the values only have to differ.
_STREAM = {"train": 0, "valid": 1, "test": 2}


def _own_items(dataset):
    """All items of each user, over every split, of the data set that RecBole built the splits from."""
    if not hasattr(dataset, "own_items"):
        feat, uid, iid = dataset.inter_feat, dataset.uid_field, dataset.iid_field
        users, items = [feat[uid].numpy()], [feat[iid].numpy()]
        history_field = getattr(dataset, f"{iid}_list_field", None)
        if history_field:
            # Augmentation drops each user's first item as a target: it stands in the histories only.
            history = feat[history_field].numpy()
            row, column = np.nonzero(history)
            users.append(users[0][row])
            items.append(history[row, column])
        dataset.own_items = OwnItems(np.concatenate(users), np.concatenate(items), dataset.item_num)
    return dataset.own_items


def _random(config, phase, epoch=0):
    return np.random.default_rng([config["seed"], _STREAM[phase], epoch])


class _NegativeTable:
    """What both loaders share: a table of negatives, indexed like the rows."""

    def _draw(self, phase, epoch=0):
        users = self._dataset.inter_feat[self.uid_field].numpy()
        own = _own_items(self._sampler.dataset)
        table = own.sample_others(users, self.neg_sample_num, _random(self.config, phase, epoch))
        self.negatives = torch.from_numpy(table)

    def _rows(self, index):
        """The rows of ``index``, followed by one copy of them for each negative."""
        rows = self.transform(self._dataset, self._dataset[index])
        return self.sampling_func(rows, self.negatives[index].T.reshape(-1))


class ProtocolTrainDataLoader(_NegativeTable, TrainDataLoader):
    """Training rows with negatives that depend on ``(seed, epoch)`` alone, whatever the batches and workers.

    ``train_batch_size`` counts rows, as in RecBole: half of them are positives with one negative each.
    The trainer may name the next epoch by :meth:`set_epoch`; otherwise every pass counts as one.
    """

    def __init__(self, config, dataset, sampler, shuffle=False):
        super().__init__(config, dataset, sampler, shuffle=shuffle)
        self.epoch = 0

    def set_epoch(self, epoch):
        """Make the next pass that of ``epoch`` (from 0): same negatives, same order of rows."""
        self.epoch = epoch

    def __iter__(self):
        self._draw("train", self.epoch)
        # A new generator: RecBole takes the old one away when it saves its loaders.
        self.generator = self.sampler.generator = torch.Generator()
        self.generator.manual_seed(int(_random(self.config, "train", self.epoch).integers(2**62)))
        self.epoch += 1
        return super().__iter__()

    def collate_fn(self, index):
        return self._rows(np.array(index))


class ProtocolEvalDataLoader(_NegativeTable, NegSampleDataLoader):
    """Evaluation rows, each with its fixed negatives; same figures at every pass and for every model."""

    def __init__(self, config, dataset, sampler, shuffle=False):
        phase = sampler.phase
        self._set_neg_sample_args(config, dataset, InputType.POINTWISE, config[f"{phase}_neg_sample_args"])
        self.sample_size = len(dataset)
        super().__init__(config, dataset, sampler, shuffle=False)
        self._draw(phase)

    def _init_batch_size_and_step(self):
        self.step = max(self.config["eval_batch_size"] // self.times, 1)
        self.set_batch_size(self.step * self.times)

    def collate_fn(self, index):
        index = np.array(index)
        case = torch.arange(len(index))
        positives = self._dataset.inter_feat[self.iid_field][index]
        return self._rows(index), case.repeat(self.times), case, positives
