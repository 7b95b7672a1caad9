r"""How long do a step and a sampled evaluation of the multi-interest family and of its peers take?

    recbole-iacn prepare sequences --name Beauty --sequences Beauty.txt
    python benchmarks/ranking.py --data_path dataset

Steps of all models in turn, medians. RecBole's own test (``uni1000``) encodes a history once for each candidate: it is
timed on some users and stated for all.
"""

import argparse
import statistics
import sys
import time

import torch

import recbole_iacn  # noqa: F401  (makes RecBole know our models)

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
    "stages": "joint",  # TiMiRec's dear stage
}
STOCK = {
    "GRU4Rec": {"loss_type": "BPR", "embedding_size": 64, "hidden_size": 128},
    "SASRec": {"loss_type": "BPR", "hidden_size": 64, "inner_size": 64, "n_layers": 1, "n_heads": 1},
}


def build(model, options, **changes):
    """(trainer, train data, test data)."""
    from recbole.config import Config
    from recbole.data import create_dataset, data_preparation
    from recbole.utils import get_model, get_trainer

    given = {**SETTINGS, "protocol": "leave_one_out_sampled", **STOCK.get(model, {}), **changes}
    config = Config(model=model, dataset=options.dataset, config_dict={**given, "data_path": options.data_path})
    train, _, test = data_preparation(config, create_dataset(config))
    network = get_model(model)(config, train._dataset).to(config["device"])
    return get_trainer(config["MODEL_TYPE"], model)(config, network), train, test


def step(trainer, batch):
    """Seconds of one."""
    start = time.perf_counter()
    trainer.optimizer.zero_grad()
    losses = trainer.model.calculate_loss(batch)
    (sum(losses) if isinstance(losses, tuple) else losses).backward()
    trainer.optimizer.step()
    return time.perf_counter() - start


def evaluation(trainer, data):
    """Seconds of a whole pass."""
    start = time.perf_counter()
    trainer.evaluate(data, load_best_model=False)
    return time.perf_counter() - start


def recboles_own(options, users):
    """Seconds of RecBole's uni1000 for all users, from some of them."""
    own = {"split": {"LS": "valid_and_test"}, "order": "TO", "group_by": "user", "mode": "uni1000"}
    trainer, _, test = build(
        "SASRec", options, protocol=None, eval_args=own, repeatable=True, eval_batch_size=1_000_000
    )
    everyone = len(test.uid_list)
    test.batch_sampler.sampler = range(users)
    return evaluation(trainer, test) / users * everyone


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_path", default="dataset")
    parser.add_argument("--dataset", default="Beauty")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=40)
    options = parser.parse_args()
    sys.argv = sys.argv[:1]  # RecBole reads the command line as settings
    torch.set_num_threads(options.threads)
    built = {model: build(model, options) for model in (*FAMILY, *STOCK)}
    built.update({f"{model}, last_state_only": build(model, options, last_state_only=True) for model in STOCK})
    batches = {model: iter(train) for model, (_, train, _) in built.items()}
    times = {model: [] for model in built}
    for _ in range(options.steps):
        for model, (trainer, *_) in built.items():
            times[model].append(step(trainer, next(batches[model])))
    users = len(built["MIND"][2]._dataset)
    print(f"| model | step ms | evaluation s ({users:,} users, 1,000 candidates) |\n|---|---|---|")
    for model, (trainer, _, test) in built.items():
        passes = statistics.median(evaluation(trainer, test) for _ in range(3))
        print(f"| {model} | {statistics.median(times[model]) * 1e3:.1f} | {passes:.1f} |")
    print(f"\nRecBole's uni1000, SASRec: {recboles_own(options, users=64):.0f} s for all users")


if __name__ == "__main__":
    main()
