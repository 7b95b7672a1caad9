"""This package's model as a process of benchmarks/family.py; its one argument is JSON."""

import json
import sys
from itertools import islice

import torch
from family_worker import best_unseen, in_turn, serve

from recbole_iacn.building import build
from recbole_iacn.system.kept_memory import keep_freed_memory

LOOP = 24  # batches of an epoch, at whose end the trainer looks at the interests


class Some:
    """A loader's first batches, as a loader."""

    def __init__(self, loader):
        self.loader = loader

    def __len__(self):
        return LOOP

    def __iter__(self):
        return islice(self.loader, LOOP)

    def __getattr__(self, name):
        return getattr(self.loader, name)


class Ours:
    """A training, step by step, as whole epochs, and its evaluation."""

    def __init__(self, given):
        keep_freed_memory()  # as in a training of this package
        torch.manual_seed(1)
        training = build(given["model"], given["dataset"], config_dict=given["settings"])
        self.model, self.trainer, self.test = training.model, training.trainer, training.test_data
        self.train, self.k, self.epoch = training.train_data, given["k"], 0
        loaded = list(islice(self.train, given["steps"] * 2))
        self.batches = in_turn(loaded, given["steps"])
        self.users = given["users"]
        self.test.batch_sampler.sampler = range(self.users)
        self.whole = getattr(self.train._dataset, "whole_rows", False)

    def targets(self, batch):
        return int((batch["item_id_list"] != 0).sum()) if self.whole else len(batch)

    def step(self):
        """As the trainer's loop, from batches that are loaded; negatives of a softmax are drawn here."""
        self.model.train()
        batches = next(self.batches)
        for batch in batches:
            self.trainer.optimizer.zero_grad()
            self.model.calculate_loss(batch).backward()
            self.trainer.optimizer.step()
        return sum(map(self.targets, batches))

    def loop(self):
        """An epoch of the trainer over some batches, its beginning and end included."""
        self.seen = 0
        self.trainer._train_epoch(Some(self.train), self.epoch, self.counted)
        self.epoch += 1
        return self.seen

    def counted(self, batch):
        self.seen += self.targets(batch)
        return self.model.calculate_loss(batch)

    def evaluate(self):
        """The trainer's evaluation, metrics included."""
        self.trainer.evaluate(self.test, load_best_model=False)
        return self.users

    @torch.no_grad()
    def rank(self):
        """The best items of all users, without metrics."""
        self.model.eval()
        for rows, ranked, *_ in self.test:
            scores = self.model.full_sort_predict(rows).view(len(rows), -1)
            best_unseen(scores, *ranked.left_out, self.k)
        return self.users


if __name__ == "__main__":
    ours = Ours(json.loads(sys.argv.pop()))
    serve({name: getattr(ours, name) for name in ("step", "loop", "evaluate", "rank")}, ["recbole"])
