"""Training steps of DIN and DIEN compared with those of FuxiCTR and torch-rechub on the same rows; medians.

The libraries need their own environment, since FuxiCTR requires another version of ray than RecBole:

    python -m venv peers && peers/bin/pip install torch==2.13.0 && peers/bin/pip install -c constraints.txt -e .
    peers/bin/pip install fuxictr torch-rechub && peers/bin/python benchmarks/peers.py

All models use the item and one of its categories, D = 16, L = 20, attention layers 80-40, layers 80-40, batches of
2,048 rows and dense Adam; other options of the libraries keep their defaults. The libraries do less work than ours:
FuxiCTR's DIEN has no auxiliary loss and a bilinear attention (it is also measured with 80-40 attention layers), and
torch-rechub attends to item and category separately, with half the width. The time of loading is excluded for all. The
models take turns, step by step.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
LENGTH, SIZE, LAYERS, ATTENTION = 20, 16, [80, 40], [80, 40]


def one_category(folder, name):
    """Keep only the first category of each item that is not the root."""
    path = Path(folder) / name / f"{name}.item"
    lines = [line.split() for line in path.read_text().splitlines()[1:]]
    path.write_text("item_id:token\tcategory:token\n" + "".join(f"{item}\t{own}\n" for item, _, own, *_ in lines))


class Ours:
    """An interest-aware model or stock RecBole's; its batches are used for all models."""

    def __init__(self, variant, model, settings):
        from train import Run

        self.run = Run(variant, model, settings)

    def columns(self, batch):
        """Items of histories and candidate, their categories, users, and labels."""
        import torch

        items = torch.cat([batch["item_id_list"], batch["item_id"].unsqueeze(1)], dim=1)
        category = self.run.train._dataset.get_item_feature()["category"]
        return items, category[items], batch["user_id"], batch["label"]

    def loss(self, batch):
        self.run.model.train()
        losses = self.run.model.calculate_loss(batch)
        return sum(losses) if isinstance(losses, tuple) else losses

    def step(self, batch):
        self.run.trainer.optimizer.zero_grad()
        self.loss(batch).backward()
        self.run.trainer.optimizer.step()


class FuxiCTR:
    """DIN and DIEN of FuxiCTR's model zoo, with FuxiCTR's training step."""

    def __init__(self, model, ours, **changes):
        import importlib

        from fuxictr.features import FeatureMap

        self.ours = ours
        dataset = ours.run.train._dataset
        features = FeatureMap("peer", ".")
        features.labels, features.default_emb_dim = ["label"], SIZE
        for name, column in (("item_id", "item_id"), ("category", "category")):
            features.features[name] = {
                "type": "categorical",
                "source": "item",
                "vocab_size": dataset.num(column),
                "padding_idx": 0,
            }
        features.num_fields = 2
        kind = getattr(importlib.import_module(f"model_zoo.LongCTR.{model}.{model}"), model)
        self.model = kind(
            features,
            embedding_dim=SIZE,
            dnn_hidden_units=LAYERS,
            attention_hidden_units=ATTENTION,
            optimizer="adam",
            loss="binary_crossentropy",
            metrics=["AUC"],
            verbose=0,
            model_root=tempfile.gettempdir(),
            **changes,
        )
        self.model._max_gradient_norm, self.model._batch_index = 10.0, 0

    def prepare(self, batch):
        items, category, _, label = self.ours.columns(batch)
        return {"label": label}, {"item_id": items.flatten(), "category": category.flatten()}, items[:, :-1] != 0

    def step(self, batch):
        self.model.train()
        self.model.train_step(batch)


class TorchRecHub:
    """DIN and DIEN of torch-rechub, with the training step of its CTRTrainer."""

    def __init__(self, model, ours):
        import torch
        from torch_rechub.basic.features import SequenceFeature, SparseFeature
        from torch_rechub.models.ranking import DIEN, DIN

        self.ours = ours
        num = ours.run.train._dataset.num
        columns = ("item_id", "category")

        def histories(prefix):
            shared = {"embed_dim": SIZE, "pooling": "concat", "padding_idx": 0}
            return [SequenceFeature(prefix + name, num(name), shared_with=name, **shared) for name in columns]

        users = [SparseFeature("user_id", num("user_id"), embed_dim=SIZE)]
        targets = [SparseFeature(name, num(name), embed_dim=SIZE, padding_idx=0) for name in columns]
        self.negatives = model == "DIEN"
        if self.negatives:
            self.model = DIEN(users, histories("hist_"), histories("neg_"), targets, mlp_params={"dims": LAYERS})
        else:
            parts = {"mlp_params": {"dims": LAYERS}, "attention_mlp_params": {"dims": ATTENTION}}
            self.model = DIN(users, histories("hist_"), targets, **parts)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3, weight_decay=1e-5)
        self.criterion = torch.nn.BCELoss()

    def prepare(self, batch):
        items, category, users, label = self.ours.columns(batch)
        columns = {"user_id": users, "item_id": items[:, -1], "category": category[:, -1]}
        columns |= {"hist_item_id": items[:, :-1], "hist_category": category[:, :-1]}
        if self.negatives:  # another row's history, which has the right size
            columns |= {"neg_item_id": items[:, :-1].flip(0), "neg_category": category[:, :-1].flip(0)}
        return columns, label

    def step(self, batch):
        self.model.train()
        columns, label = batch
        output = self.model(columns)
        loss = self.criterion(output[0], label) + output[1] if self.negatives else self.criterion(output, label)
        self.model.zero_grad()
        loss.backward()
        self.optimizer.step()


def compare(model, settings, steps):
    """Median milliseconds per step of each model; the models take turns on the same rows."""
    ours = {f"{model}_IaCN {mode}": Ours(mode, model, settings) for mode in ("off", "full")}
    ours = {f"RecBole {model}": Ours("stock", model, settings), **ours}
    first = next(iter(ours.values()))
    peers = {f"FuxiCTR {model}": FuxiCTR(model, first), f"torch-rechub {model}": TorchRecHub(model, first)}
    if model == "DIEN":
        peers["FuxiCTR DIEN, DIN's attention"] = FuxiCTR(model, first, attention_type="din_attention")
    seconds = {name: [] for name in [*peers, *ours]}
    batches = [batch for batch in first.run.train if len(batch) == settings["train_batch_size"]][: steps + 2]
    for batch in batches:
        for name, one in {**peers, **ours}.items():
            rows = one.prepare(batch) if name in peers else batch
            begin = time.perf_counter()
            one.step(rows)
            seconds[name].append(time.perf_counter() - begin)
    return {name: 1e3 * statistics.median(taken[2:]) for name, taken in seconds.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["DIN", "DIEN"])
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", default=HERE / "peers.json", help="where the figures go (default: %(default)s)")
    given = parser.parse_args()
    sys.argv = sys.argv[:1]
    os.environ["OMP_NUM_THREADS"] = str(given.threads)
    import torch
    from amazon_like import write_atomic
    from train import SPORTS

    torch.set_num_threads(given.threads)
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        write_atomic(folder, "sports", SPORTS)
        one_category(folder, "sports")
        settings = {
            "data_path": folder,
            "dataset": "sports",
            "load_col": {"inter": ["user_id", "item_id", "timestamp"], "item": ["item_id", "category"]},
            "protocol": "leave_one_out_ctr",
            "MAX_ITEM_LIST_LENGTH": LENGTH,
            "embedding_size": SIZE,
            "mlp_hidden_size": LAYERS,
            "train_batch_size": 2048,
            "state": "ERROR",
        }
        for model in given.models:
            results[model] = compare(model, settings, given.steps)
            reference = results[model][f"{model}_IaCN full"]
            print(f"\n{model}: milliseconds per step, also as a multiple of IaCN's in mode full")
            for name, milliseconds in results[model].items():
                print(f"{name:32}{milliseconds:9.1f}{milliseconds / reference:8.2f} x", flush=True)
    Path(given.out).write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
