"""torch-rechub's MIND and ComiRec as a process of benchmarks/family.py, in an environment with torch-rechub; its one
argument is JSON.

    pip install torch==2.13.0 torch-rechub

The library draws its negatives before the training, for each row: here that is done beforehand and not counted. Its
models need a feature of the user; it has one value here, since ours have none. The ranking is the shortest there is in
PyTorch, since the library leaves it to an index of vectors or to the reader.
"""

import json
import sys

import numpy as np
import torch
from family_worker import best_unseen, in_turn, serve
from torch_rechub.basic.features import SequenceFeature, SparseFeature
from torch_rechub.models import matching
from torch_rechub.trainers import MatchTrainer
from torch_rechub.utils.data import MatchDataGenerator

RANKED = 1024  # users at once, as ours


class TorchRecHub:
    def __init__(self, given):
        torch.manual_seed(1)
        data = np.load(given["data"])
        self.items, self.k = int(data["items"]), given["k"]
        item = {"vocab_size": self.items, "embed_dim": given["width"]}
        lists = {"pooling": "concat", "shared_with": "item", **item}
        kind = getattr(matching, given["model"])
        routing = {} if given["model"] == "ComirecSA" else {"max_length": given["length"]}
        self.model = kind(
            [SparseFeature("user", vocab_size=1, embed_dim=given["width"])],
            [SequenceFeature("history", padding_idx=0, **lists)],
            [SparseFeature("item", padding_idx=0, **item)],
            [SequenceFeature("negatives", **lists)],
            interest_num=given["interests"],
            **routing,
        )
        parameters = {"lr": 1e-3, "weight_decay": 0.0}
        self.trainer = MatchTrainer(self.model, mode=2, optimizer_params=parameters, n_epoch=1, device="cpu")
        rows = len(data["clicked"])
        drawn = np.random.default_rng(1).integers(1, self.items, (rows, given["negatives"]))
        columns = {"user": np.zeros(rows, dtype=np.int64), "item": data["clicked"].astype(np.int64)}
        columns.update(history=data["prefixes"].astype(np.int64), negatives=drawn)
        self.users = {"user": np.zeros(len(data["histories"]), dtype=np.int64), "history": data["histories"]}
        loader, self.user_loader = self.loaders(columns, given["rows"])
        self.batches = in_turn(list(loader), given["steps"])
        part = {name: some[: given["steps"] * given["rows"]] for name, some in columns.items()}
        self.loop_loader, _ = self.loaders(part, given["rows"])
        self.seen = data["seen_row"], data["seen_item"]

    def loaders(self, columns, rows):
        """The library's loaders of training rows and of users."""
        generator = MatchDataGenerator(columns, np.zeros(len(columns["item"]), dtype=np.int64))
        every = {"item": np.arange(self.items)}
        return generator.generate_dataloader(self.users, every, batch_size=rows, num_workers=0)[:2]

    def step(self):
        """The trainer's step, from batches that are loaded, negatives included."""
        self.model.train()
        batches = next(self.batches)
        for batch, label in batches:
            loss = self.trainer.criterion(self.model(batch), label.long())
            self.model.zero_grad()
            loss.backward()
            self.trainer.optimizer.step()
        return sum(len(label) for _, label in batches)

    def loop(self):
        """The trainer's epoch over some batches."""
        self.trainer.train_one_epoch(self.loop_loader)
        return len(self.loop_loader.dataset)

    def vectors(self, mode, batches):
        self.model.mode = mode
        found = [self.model({name: torch.as_tensor(some) for name, some in batch.items()}) for batch in batches]
        self.model.mode = None
        return found

    @torch.no_grad()
    def best(self, batches):
        self.model.eval()
        items = torch.cat(self.vectors("item", [{"item": torch.arange(self.items)}]))
        begin, (row, item) = 0, self.seen
        for interests in self.vectors("user", batches):
            scores = (interests.flatten(0, 1) @ items.T).view(*interests.shape[:2], -1).amax(dim=1)
            here = slice(*np.searchsorted(row, (begin, begin + len(interests))))
            best_unseen(scores, torch.from_numpy(row[here]) - begin, torch.from_numpy(item[here]), self.k)
            begin += len(interests)
        return begin

    def evaluate(self):
        """The ranking from the library's loader of users."""
        return self.best(self.user_loader)

    def rank(self):
        """The ranking from batches."""
        histories = torch.from_numpy(self.users["history"]).split(RANKED)
        return self.best([{"user": torch.zeros(len(some), dtype=torch.long), "history": some} for some in histories])


if __name__ == "__main__":
    rechub = TorchRecHub(json.loads(sys.argv.pop()))
    serve({name: getattr(rechub, name) for name in ("step", "loop", "evaluate", "rank")}, ["torch-rechub"])
