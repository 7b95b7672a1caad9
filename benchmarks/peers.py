"""Training steps of DIN and DIEN beside those of FuxiCTR and torch-rechub, on the same rows, in turn; medians.

They need an environment of their own, since FuxiCTR asks for another ray than RecBole:

    python -m venv peers && peers/bin/pip install torch==2.13.0 && peers/bin/pip install -c constraints.txt -e .
    peers/bin/pip install fuxictr torch-rechub && peers/bin/python benchmarks/peers.py

All models have the item and one category of it, D = 16, L = 20, attention 80-40, layers 80-40, batches of 2,048 rows,
dense Adam; what a peer leaves to the user is as it comes. Peers are spared what ours do besides: FuxiCTR's DIEN has no
auxiliary loss and a bilinear attention (shown with an 80-40 one as well), torch-rechub attends to item and category
apart, in half the width. Loading is not counted for any.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import recbole_iacn  # noqa: F401  (makes RecBole run)

HERE = Path(__file__).parent
LENGTH, SIZE, LAYERS, ATTENTION = 20, 16, [80, 40], [80, 40]


def one_category(folder, name):
    """Leave each item the first of its categories that is not the root."""
    path = Path(folder) / name / f"{name}.item"
    lines = [line.split() for line in path.read_text().splitlines()[1:]]
    path.write_text("item_id:token\tcategory:token\n" + "".join(f"{item}\t{own}\n" for item, _, own, *_ in lines))


class Ours:
    """An interest-aware model, or stock RecBole's; the batches it gives are the ones that all take."""

    def __init__(self, variant, model, settings):
        from train import Run

        self.run = Run(variant, model, settings)

    def columns(self, batch):
        """(items of histories and candidate, their categories, users, labels)."""
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
    """DIN and DIEN of its model zoo, with its own training step."""

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
    """DIN and DIEN, trained as its CTRTrainer trains them."""

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
        if self.negatives:  # another row's history, for the sake of its size
            columns |= {"neg_item_id": items[:, :-1].flip(0), "neg_category": category[:, :-1].flip(0)}
        return columns, label

    def step(self, batch):
        self.model.train()
        columns, label = batch
        found = self.model(columns)
        loss = self.criterion(found[0], label) + found[1] if self.negatives else self.criterion(found, label)
        self.model.zero_grad()
        loss.backward()
        self.optimizer.step()


def compare(model, settings, steps):
    """Median milliseconds a step of each, taken in turn on the same rows."""
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
            slowest = results[model][f"{model}_IaCN full"]
            print(f"\n{model}: milliseconds a step; IaCN's in full is so many times as fast")
            for name, found in results[model].items():
                print(f"{name:32}{found:9.1f}{found / slowest:8.2f} x", flush=True)
    Path(given.out).write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
