"""RePlay's SasRec as a process of benchmarks/family.py, in an environment with RePlay and without Spark; its one
argument is JSON.

    pip install torch==2.13.0 "replay-rec[torch]"

A batch's negatives are the same for all its rows, as ours (CESampled takes them in this form). Batches are made here:
RePlay reads them from Parquet files. With a ``bucket`` RePlay encodes that many rows of like lengths at a time.
"""

import json
import logging
import sys
import warnings

import lightning
import numpy as np
import torch
from family_worker import best_unseen, in_turn, serve
from replay.data import FeatureHint, FeatureSource, FeatureType
from replay.data.nn import TensorFeatureInfo, TensorFeatureSource, TensorSchema
from replay.nn.agg import SumAggregator
from replay.nn.embedding import SequenceEmbedding
from replay.nn.lightning import LightningModule
from replay.nn.lightning.optimizer import OptimizerFactory
from replay.nn.loss import CE, CESampled
from replay.nn.mask import DefaultAttentionMask
from replay.nn.sequential import (
    LengthBucketedQueryEncoder,
    PositionAwareAggregator,
    SasRec,
    SasRecBody,
    SasRecTransformerLayer,
)

RANKED = 1024  # users at once, as ours
warnings.filterwarnings("ignore")
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)


def sasrec(given, items):
    """The model, of whose items the padding is the last."""
    source = [TensorFeatureSource(FeatureSource.INTERACTIONS, "item_id")]
    column = TensorFeatureInfo(
        "item_id",
        is_seq=True,
        feature_type=FeatureType.CATEGORICAL,
        embedding_dim=given["width"],
        padding_value=items,
        cardinality=items,
        feature_hint=FeatureHint.ITEM_ID,
        feature_sources=source,
    )
    width, heads = given["width"], given["heads"]
    encoder = SasRecTransformerLayer(width, heads, given["blocks"], dropout=0.2, activation="relu", hidden_dim=width)
    body = SasRecBody(
        embedder=SequenceEmbedding(schema=TensorSchema([column])),
        embedding_aggregator=PositionAwareAggregator(SumAggregator(embedding_dim=width), given["length"], dropout=0.2),
        attn_mask_builder=DefaultAttentionMask("item_id", num_heads=heads),
        encoder=LengthBucketedQueryEncoder(encoder, given["bucket"]) if given["bucket"] else encoder,
        output_normalization=torch.nn.LayerNorm(width),
    )
    return SasRec(body, CE(ignore_index=items) if given["loss"] == "softmax" else CESampled())


class RePlay:
    def __init__(self, given):
        torch.manual_seed(1)
        data = np.load(given["data"])
        self.items, self.given = int(data["items"]) - 1, given
        self.module = LightningModule(sasrec(given, self.items), OptimizerFactory(learning_rate=1e-3))
        self.optimizer = self.module.configure_optimizers()
        order = np.random.default_rng(1).permutation(len(data["sessions"]))[: 2 * given["steps"] * given["histories"]]
        sessions = torch.from_numpy(data["sessions"][order]).long().split(given["histories"])
        self.loaded = [self.batch(some[:, :-1], some[:, 1:]) for some in sessions]
        self.batches = in_turn(self.loaded, given["steps"])
        self.tests = [self.batch(some) for some in left_padded(data["histories"]).split(RANKED)]
        self.seen = data["seen_row"], data["seen_item"]

    def batch(self, histories, following=None):
        """A batch by RePlay's names; ours of item i is RePlay's i - 1, and padding is behind all items."""
        numbered = torch.where(histories != 0, histories - 1, self.items)
        batch = {"feature_tensors": {"item_id": numbered}, "padding_mask": histories != 0}
        if following is not None:
            real = (following != 0) & (histories != 0)
            labels = torch.where(real, following - 1, self.items)
            batch.update(positive_labels=labels.unsqueeze(2), target_padding_mask=real.unsqueeze(2))
            batch["negative_labels"] = torch.randint(self.items, (self.given["negatives"],))
        return batch

    @staticmethod
    def targets(batches):
        return sum(int(batch["target_padding_mask"].sum()) for batch in batches)

    def step(self):
        """The training step without Lightning, from batches that are made."""
        self.module.train()
        batches = next(self.batches)
        for batch in batches:
            self.optimizer.zero_grad()
            self.module(batch)["loss"].backward()
            self.optimizer.step()
        return self.targets(batches)

    def loop(self):
        """Lightning's loop over batches that are made."""
        self.module.train()
        quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
        trainer = lightning.Trainer(max_epochs=1, accelerator="cpu", enable_checkpointing=False, **quiet)
        batches = self.loaded[: self.given["steps"]]
        trainer.fit(self.module, torch.utils.data.DataLoader(batches, batch_size=None))
        return self.targets(batches)

    @torch.no_grad()
    def rank(self):
        """The best items of all users from batches that are made; scores are RePlay's."""
        self.module.eval()
        begin, (row, item) = 0, self.seen
        for batch in self.tests:
            scores = torch.nn.functional.pad(self.module(batch)["logits"], (1, 0))
            here = slice(*np.searchsorted(row, (begin, begin + len(scores))))
            best_unseen(scores, torch.from_numpy(row[here]) - begin, torch.from_numpy(item[here]), self.given["k"])
            begin += len(scores)
        return begin


def left_padded(histories):
    """Histories with their padding on the left."""
    real = np.sort(histories != 0, axis=1)
    moved = np.zeros_like(histories)
    moved[real] = histories[histories != 0]
    return torch.from_numpy(moved)


if __name__ == "__main__":
    replay = RePlay(json.loads(sys.argv.pop()))
    serve({name: getattr(replay, name) for name in ("step", "loop", "rank")}, ["replay-rec", "lightning"])
