"""RecTools' SASRec and eSASRec as a process of benchmarks/family.py, in an environment with RecTools; its one argument
is JSON.

    pip install torch==2.13.0 "rectools[torch]"
"""

import json
import logging
import sys
import warnings

import numpy as np
import pandas as pd
import torch
from family_worker import in_turn, serve
from pytorch_lightning import Trainer
from rectools.dataset import Dataset
from rectools.models import SASRecModel
from rectools.models.nn.transformers.ligr import LiGRLayers

warnings.filterwarnings("ignore")
logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)


def dataset_of(user, item):
    """RecTools' dataset of users' items, in order."""
    frame = pd.DataFrame({"user_id": user, "item_id": item, "weight": 1.0})
    frame["datetime"] = pd.to_datetime(np.arange(len(frame)), unit="s")
    return Dataset.construct(frame)


class RecTools:
    def __init__(self, given):
        torch.manual_seed(1)
        data = np.load(given["data"])
        layers = {}
        if given["model"] == "eSASRec":
            kwargs = {"ff_factors_multiplier": 4, "ff_activation": "swiglu"}
            layers = {"transformer_layers_type": LiGRLayers, "transformer_layers_kwargs": kwargs}
        self.model = SASRecModel(
            n_blocks=given["blocks"],
            n_heads=given["heads"],
            n_factors=given["width"],
            session_max_len=given["length"],
            batch_size=given["histories"],
            loss=given["loss"],
            n_negatives=given["negatives"],
            dropout_rate=0.2,
            lr=1e-3,
            get_trainer_func=lambda **_: self.trainer(1),
            **layers,
        )
        self.k, self.steps = given["k"], given["steps"]
        sessions = data["sessions"]
        user = sessions.nonzero()[0]  # a session is a user, so that the training rows are ours
        self.model.fit(dataset_of(user, sessions[sessions != 0]))
        self.module = self.model.lightning_model
        self.loader = self.model.data_preparator.get_dataloader_train()
        self.optimizer = self.module.configure_optimizers()
        loaded = [batch for batch, _ in zip(self.loader, range(2 * self.steps))]
        self.batches = in_turn(loaded, self.steps)
        self.users = np.arange(len(data["histories"]))
        self.test = dataset_of(data["seen_row"], data["seen_item"])
        self.transformed = self.model.data_preparator.transform_dataset_u2i(self.test, self.users)

    @staticmethod
    def trainer(batches):
        quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
        return Trainer(
            max_epochs=1, limit_train_batches=batches, accelerator="cpu", enable_checkpointing=False, **quiet
        )

    def step(self):
        """The training step without Lightning, from batches that are loaded, negatives included."""
        self.module.train()
        self.module.log = lambda *_, **__: None
        batches, targets = next(self.batches), 0
        for number, batch in enumerate(batches):
            self.optimizer.zero_grad()
            self.module.training_step(batch, number).backward()
            self.optimizer.step()
            targets += int((batch["y"] != 0).sum())
        return targets

    def loop(self):
        """Lightning's loop as ``fit`` calls it, over its first batches."""
        vars(self.module).pop("log", None)
        targets = 0

        def counted(batch, batch_idx):
            nonlocal targets
            targets += int((batch["y"] != 0).sum())
            return type(self.module).training_step(self.module, batch, batch_idx)

        self.module.training_step = counted
        self.module.is_fitted = True
        self.trainer(self.steps).fit(self.module, self.loader)
        del self.module.training_step
        return targets

    def evaluate(self):
        """``recommend`` for all users, to its table."""
        self.model.recommend(self.users, self.test, k=self.k, filter_viewed=True)
        return len(self.users)

    def rank(self):
        """The same from a dataset that is transformed, to arrays."""
        users = self.transformed.user_id_map.get_sorted_internal()
        self.model._recommend_u2i(users, self.transformed, self.k, True, None)
        return len(users)


if __name__ == "__main__":
    rectools = RecTools(json.loads(sys.argv.pop()))
    tasks = {name: getattr(rectools, name) for name in ("step", "loop", "evaluate", "rank")}
    serve(tasks, ["rectools", "pytorch-lightning"])
