"""Training on real data: RecBole's DIN and DIEN with and without anomaly detection, ours without and with the task.

    python benchmarks/real_data.py --data_path dataset --datasets Beauty Sports_and_Outdoors ml-1m kuairand
    python benchmarks/real_data.py --data_path dataset --datasets ml-1m --variants full --lengths 10 20 50 100 200

The variants take turns, step by step, on the same rows, all on this package's loaders; a ratio is the median of the
turns' ratios, and an epoch is the median step times the number of batches. A step's time over the clicks in the
histories of its rows says how it grows with them. Prints a row per model, dataset and length and writes real_data.json
after each.
"""

import argparse
import itertools
import json
import os
import statistics
import sys
from pathlib import Path

HERE = Path(__file__).parent
# dataset -> item columns and what else differs
DATA = {
    "Beauty": {"load_col": {"item": ["item_id", "categories"]}},
    "Sports_and_Outdoors": {"load_col": {"item": ["item_id", "categories"]}},
    "ml-1m": {"load_col": {"item": ["item_id", "genres"]}},
    "kuairand": {
        "load_col": {"inter": ["user_id", "item_id", "timestamp", "label"], "item": ["item_id", "tags", "author"]},
        "protocol": "impressions_by_time",
    },
}
VARIANTS = ("stock as it comes", "stock", "off", "full")
RATIOS = (("stock as it comes", "full"), ("stock", "full"), ("stock", "off"), ("full", "off"))


def settings_of(name, data_path, length):
    """The settings of all variants over one dataset."""
    own = DATA[name]
    columns = {"inter": ["user_id", "item_id", "timestamp"], **own["load_col"]}
    return {
        "data_path": data_path,
        "dataset": name,
        "protocol": own.get("protocol", "leave_one_out_ctr"),
        "load_col": columns,
        "MAX_ITEM_LIST_LENGTH": length,
        "embedding_size": 16,
        "mlp_hidden_size": [80, 40],
        "train_batch_size": 2048,
        "eval_batch_size": 2048,
        "state": "ERROR",
    }


def describe(run):
    """What the ratios depend on: rows per epoch, clicks per history, entries per list of an item."""
    loader = run.train
    items = loader._dataset.get_item_feature()
    lists = [items[name] for name in items.columns if items[name].dim() == 2 and not name.endswith("_auxiliary")]
    batch = next(iter(loader))
    entries = [(one[1:] != 0).sum(dim=1).float() for one in lists]
    return {
        "batches": len(loader),
        "history": (batch["item_id_list"] != 0).sum(dim=1).float().mean().item(),
        "list_mean": sum(one.mean().item() for one in entries),
        "list_longest": sum(one.shape[1] for one in lists),
    }


def compare(model, settings, steps, variants):
    """The result of one model over one dataset."""
    from train import Run

    runs = {name: Run(name, model, settings) for name in variants}
    about = describe(runs[variants[-1]])
    for count in range(steps + 2):
        for run in runs.values():
            run.step()
            if count == 1:  # the first two steps warm up
                run.seconds = {part: [] for part in run.seconds}
    taken = {name: [sum(parts) for parts in zip(*run.seconds.values())] for name, run in runs.items()}
    epochs = {name: statistics.median(steps) * about["batches"] for name, steps in taken.items()}
    ratios = {
        f"{slow} / {fast}": statistics.median(one / other for one, other in zip(taken[slow], taken[fast]))
        for slow, fast in RATIOS
        if slow in runs and fast in runs
    }
    clicks = settings["train_batch_size"] * about["history"]
    each = {name: 1e6 * statistics.median(steps) / clicks for name, steps in taken.items()}
    return {**about, "epoch_s": epochs, "microseconds_per_click": each, "ratios": ratios}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_path", default="dataset", help="folder with the datasets (default: %(default)s)")
    parser.add_argument("--datasets", nargs="+", default=list(DATA), choices=list(DATA))
    parser.add_argument("--models", nargs="+", default=["DIN", "DIEN"])
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=VARIANTS)
    parser.add_argument("--lengths", type=int, nargs="+", default=[20], help="history lengths L (default: 20)")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1, help="number of PyTorch's threads (default: 1)")
    parser.add_argument("--out", default=HERE / "real_data.json", help="where the figures go (default: %(default)s)")
    given = parser.parse_args()
    sys.argv = sys.argv[:1]
    os.environ["OMP_NUM_THREADS"] = str(given.threads)
    import torch

    from recbole_iacn.system.kept_memory import keep_freed_memory

    torch.set_num_threads(given.threads)
    keep_freed_memory()  # as in a training of this package; without it stock is slower still
    results = json.loads(Path(given.out).read_text()) if Path(given.out).exists() else {}
    for model, name, length in itertools.product(given.models, given.datasets, given.lengths):
        found = compare(model, settings_of(name, given.data_path, length), given.steps, given.variants)
        results[f"{model}, {name}, L = {length}, {given.threads} threads"] = found
        print(
            f"{model:5}{name:20} L = {length:3} history {found['history']:5.1f}, lists {found['list_mean']:4.1f} of "
            f"{found['list_longest']:3d}  "
            + "  ".join(f"{key} {ratio:.2f}" for key, ratio in found["ratios"].items())
            + "  epoch, s: "
            + ", ".join(f"{variant} {seconds:.0f}" for variant, seconds in found["epoch_s"].items())
            + "  us per click: "
            + ", ".join(f"{variant} {time:.2f}" for variant, time in found["microseconds_per_click"].items()),
            flush=True,
        )
        Path(given.out).write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
