r"""Does the capsule task pay? Backbones in modes off, width and full, over data sets and seeds.

    for name in Beauty Sports_and_Outdoors; do
        python ../shared/tools/make_atomic.py \
            ../shared/data/$name.txt ../shared/data/${name}_item2attributes.json dataset/$name
    done
    python experiments/modes.py --data_path dataset --seeds 3 --models DIN DIEN WideDeep --modes off full

Other settings are tried by ``--set``, e.g. ``--modes full --seeds 1 --set iacn_attention=hard``.

Each finished run is one line of the results file; runs that stand there already are skipped, so a killed experiment
goes on where it stopped. All modes see every category of an item, the same rows and, per seed, the same test.
"""

import argparse
import json
import multiprocessing
import statistics
import tempfile
import time
from pathlib import Path

import yaml

MODES = ("off", "width", "full")
SETTINGS = {
    "load_col": {"inter": ["user_id", "item_id", "timestamp"], "item": ["item_id", "categories"]},
    "iacn_item_features": ["categories"],  # width and full get the same tables
    "embedding_size": 16,
    "mlp_hidden_size": [80, 40],
    "train_batch_size": 2048,
    "eval_batch_size": 8192,
    "learning_rate": 0.001,
    "epochs": 30,
    "stopping_step": 2,
    "show_progress": False,
    "state": "ERROR",
}


def run(job):
    """One run in a process of its own; returns its line of the results file."""
    dataset, model, mode, seed, changes, data_path = job
    import os
    import sys

    import torch

    import recbole_iacn

    torch.set_num_threads(1)
    sys.argv = sys.argv[:1]  # RecBole reads the command line as settings
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        settings = {**SETTINGS, "data_path": data_path, "checkpoint_dir": folder, "iacn_mode": mode, "seed": seed}
        settings.update(changes)
        start = time.perf_counter()
        result = recbole_iacn.run(f"{model}_IaCN", dataset, config_dict=settings)
        seconds = time.perf_counter() - start
    metrics = {
        f"{part}_{name}": float(value)
        for part, values in (("valid", result["best_valid_result"]), ("test", result["test_result"]))
        for name, value in values.items()
    }
    key = {"dataset": dataset, "model": model, "mode": mode, "seed": seed, "set": changes}
    return {**key, **metrics, "seconds": round(seconds)}


def table(lines):
    """Markdown: mean and standard deviation over seeds, and what the plain mode full gains, seed by seed."""
    groups = {}
    for line in lines:
        changes = ", ".join(f"{key}={value}" for key, value in line["set"].items())
        groups.setdefault((line["dataset"], line["model"], line["mode"], changes), {})[line["seed"]] = line
    rows = [
        "| data set | backbone | mode | seeds | valid AUC | test AUC | test GAUC | full − this, test AUC |",
        "|---|---|---|---|---|---|---|---|",
    ]
    order = list(dict.fromkeys(line["model"] for line in lines))
    key = lambda group: (group[0], order.index(group[1]), bool(group[3]), MODES.index(group[2]))  # noqa: E731
    for dataset, model, mode, changes in sorted(groups, key=key):
        runs, full = groups[dataset, model, mode, changes], groups.get((dataset, model, "full", ""), {})
        gains = [full[seed]["test_auc"] - runs[seed]["test_auc"] for seed in runs if seed in full]
        gain = f"{statistics.mean(gains):+.4f}" if gains and (mode, changes) != ("full", "") else ""
        spreads = [_spread([run[key] for run in runs.values()]) for key in ("valid_auc", "test_auc", "test_gauc")]
        label = f"{mode} {changes}".strip()
        rows.append(f"| {dataset} | {model} | {label} | {len(runs)} | {' | '.join(spreads)} | {gain} |")
    return "\n".join(rows)


def _spread(values):
    deviation = f" ± {statistics.stdev(values):.4f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.4f}{deviation}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_path", required=True, help="folder that holds <data set>/<data set>.inter and .item")
    parser.add_argument("--datasets", nargs="+", default=["Beauty", "Sports_and_Outdoors"])
    parser.add_argument("--models", nargs="+", default=["DIN"], help="backbones")
    parser.add_argument("--modes", nargs="+", choices=MODES, default=MODES)
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds")
    parser.add_argument("--first_seed", type=int, default=2020)
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="settings, values in YAML")
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time, one thread each")
    parser.add_argument("--out", type=Path, default=Path("results/modes.jsonl"))
    args = parser.parse_args()
    changes = {key: yaml.safe_load(value) for key, _, value in (text.partition("=") for text in args.set)}
    args.out.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.loads(text) for text in args.out.read_text().splitlines()] if args.out.exists() else []
    done = [(line["dataset"], line["model"], line["mode"], line["seed"], line["set"]) for line in lines]
    jobs = [
        (dataset, model, mode, seed, changes, str(Path(args.data_path).resolve()))
        for dataset in args.datasets
        for seed in range(args.first_seed, args.first_seed + args.seeds)
        for model in args.models
        for mode in args.modes
        if (dataset, model, mode, seed, changes) not in done
    ]
    with multiprocessing.get_context("spawn").Pool(args.jobs, maxtasksperchild=1) as pool:
        for count, line in enumerate(pool.imap_unordered(run, jobs), start=1):
            lines.append(line)
            with args.out.open("a") as out:
                out.write(json.dumps(line) + "\n")
            print(f"{count}/{len(jobs)} {line}", flush=True)
    print(table([line for line in lines if line["dataset"] in args.datasets]))


if __name__ == "__main__":
    main()
