"""Durations of a training step and of a sampled evaluation, for the multi-interest models and comparable ones.

    recbole-iacn prepare sequences --name Beauty --sequences Beauty.txt
    python benchmarks/ranking.py --data_path dataset

All models take turns, step by step; the table contains medians. RecBole's own sampled evaluation (``uni1000``) encodes
a history once per candidate: it is timed on some users and extrapolated to all.
"""

import argparse
import statistics
import sys
import time

import torch

from recbole_iacn.building import build

FAMILY = ("YouTubeDNN", "MIND", "ComiRec", "ComiRecPlus", "TiMiRec", "TiMiRecPlus", "TiSASRec")
SETTINGS = {
    "load_col": {"inter": ["user_id", "item_id", "timestamp"]},
    "metrics": ["Hit", "NDCG"],
    "valid_metric": "NDCG@10",
    "topk": [10],
    "MAX_ITEM_LIST_LENGTH": 20,
    "train_batch_size": 256,
    "eval_batch_size": 1024,
    "show_progress": False,
    "state": "ERROR",
    "stages": "joint",  # the more expensive stage of TiMiRec
}
STOCK = {
    "GRU4Rec": {"loss_type": "BPR", "embedding_size": 64, "hidden_size": 128},
    "SASRec": {"loss_type": "BPR", "hidden_size": 64, "inner_size": 64, "n_layers": 1, "n_heads": 1},
}


def training_of(model, options, **changes):
    """The parts of a training of a model."""
    settings = {**SETTINGS, "protocol": "leave_one_out_sampled", **STOCK.get(model, {}), **changes}
    return build(model, options.dataset, config_dict={**settings, "data_path": options.data_path})


def step(trainer, batch):
    """Seconds of one training step."""
    start = time.perf_counter()
    trainer.optimizer.zero_grad()
    losses = trainer.model.calculate_loss(batch)
    (sum(losses) if isinstance(losses, tuple) else losses).backward()
    trainer.optimizer.step()
    return time.perf_counter() - start


def evaluation(trainer, data):
    """Seconds of an evaluation on all rows."""
    start = time.perf_counter()
    trainer.evaluate(data, load_best_model=False)
    return time.perf_counter() - start


def recboles_own(options, users):
    """Seconds of RecBole's uni1000 for all users, extrapolated from some of them."""
    own = {"split": {"LS": "valid_and_test"}, "order": "TO", "group_by": "user", "mode": "uni1000"}
    training = training_of("SASRec", options, protocol=None, eval_args=own, repeatable=True, eval_batch_size=1_000_000)
    everyone = len(training.test_data.uid_list)
    training.test_data.batch_sampler.sampler = range(users)
    return evaluation(training.trainer, training.test_data) / users * everyone


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_path", default="dataset")
    parser.add_argument("--dataset", default="Beauty")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=40)
    options = parser.parse_args()
    sys.argv = sys.argv[:1]  # these have been read; build would warn about settings that remain
    torch.set_num_threads(options.threads)
    built = {model: training_of(model, options) for model in (*FAMILY, *STOCK)}
    built.update({f"{model}, last_state_only": training_of(model, options, last_state_only=True) for model in STOCK})
    batches = {model: iter(training.train_data) for model, training in built.items()}
    times = {model: [] for model in built}
    for _ in range(options.steps):
        for model, training in built.items():
            times[model].append(step(training.trainer, next(batches[model])))
    users = len(built["MIND"].test_data._dataset)
    print(f"| model | step ms | evaluation s ({users:,} users, 1,000 candidates) |\n|---|---|---|")
    for model, training in built.items():
        passes = statistics.median(evaluation(training.trainer, training.test_data) for _ in range(3))
        print(f"| {model} | {statistics.median(times[model]) * 1e3:.1f} | {passes:.1f} |")
    print(f"\nRecBole's uni1000, SASRec: {recboles_own(options, users=64):.0f} s for all users")


if __name__ == "__main__":
    main()
