"""Learn on, or train anew? A model of day d, k days later: as it is, after one more epoch, and trained anew.

    python benchmarks/learning_on.py run --data DATA_PATH/ml-1m --work FOLDER --out results/learning_on/figures.jsonl
    python benchmarks/learning_on.py report results/learning_on/figures.jsonl > results/learning_on/README.md

At day d + k the data are all clicks before the end of its test, the 7 days from d + k; users and items are those that
occur in them. The last 2 days before d + k validate, all clicks before train. Every click has one uniform negative.
Runs that ``--out`` has already are left out, so the command may be interrupted.
"""

import argparse
import itertools
import json
import statistics
import time
from collections import defaultdict
from pathlib import Path

import pandas as pd

DAY = 86_400
START = int(pd.Timestamp("2000-06-01").timestamp())  # d
LATER = (1, 7, 28)  # k
VALIDATED, TESTED = 2, 7  # days
WAYS = {
    "as it is": "the model of day d, moved over by token",
    "new clicks": "one epoch on the clicks since day d - 2",
    "all clicks": "one epoch on all clicks",
    "anew, 1 epoch": "trained anew for one epoch, the control: as much time as learning on",
    "anew": "trained anew, stopped early",
}
SETTINGS = {
    "load_col": {
        "inter": ["user_id", "item_id", "timestamp"],
        "item": ["item_id", "genres"],
        "user": ["user_id", "age"],
    },
    "protocol": "by_time",
    "MAX_ITEM_LIST_LENGTH": 20,
    "embedding_size": 16,
    "mlp_hidden_size": [64, 16],
    "epochs": 100,
    "learning_rate": 0.003,
    "stopping_step": 2,
    "show_progress": False,
    "state": "ERROR",
}


def cut(source, target, end):
    """The data as they are at ``end``, in seconds: its clicks, and the users and items that occur in them."""
    name, target = source.name, Path(target)
    target.mkdir(parents=True, exist_ok=True)
    clicks = pd.read_csv(source / f"{name}.inter", sep="\t", dtype=str, quoting=3)
    seconds = clicks["timestamp:float"].astype(float)
    clicks = clicks[seconds < end]
    clicks.to_csv(target / f"{target.name}.inter", sep="\t", index=False, quoting=3)
    for suffix in ("user", "item"):
        table = pd.read_csv(source / f"{name}.{suffix}", sep="\t", dtype=str, quoting=3, keep_default_na=False)
        key = f"{suffix}_id:token"
        table = table[table[key].isin(clicks[key])]
        table.to_csv(target / f"{target.name}.{suffix}", sep="\t", index=False, quoting=3)
    return seconds[seconds < end].to_numpy(), clicks["user_id:token"].to_numpy()


def shares(seconds, users, day):
    """What part of the rows, all clicks but each user's first, trains, validates and tests."""
    order = pd.Series(seconds).sort_values(kind="stable").index
    rows = pd.DataFrame({"user": users[order], "time": seconds[order]})
    rows = rows[rows.groupby("user").cumcount() > 0]["time"]
    train, before = (rows < day - VALIDATED * DAY).sum(), (rows < day).sum()
    return [float(count / len(rows)) for count in (train, before - train, len(rows) - before)]


def since(training, day):
    """Leave only the training rows of a time from ``day`` on; their histories go further back."""
    loader = training.train_data
    rows = loader._dataset.inter_feat
    newer = rows["timestamp"].double() >= day
    loader._dataset.inter_feat = rows[newer.nonzero().flatten()]
    loader.sample_size = int(newer.sum())


def run(data, work, out, models, seeds):
    """All runs that ``out`` does not have."""
    done = set()
    if out.exists():
        for line in out.read_text().splitlines():
            result = json.loads(line)
            done.add((result["model"], result["seed"], result["k"], result["way"]))
    parts = {}
    for k in (0, *LATER):
        day = START + k * DAY
        parts[k] = shares(*cut(data, work / f"day{k}", day + TESTED * DAY), day)
    for model, seed in itertools.product(models, seeds):
        bundle = work / f"{model}-{seed}"
        if (model, seed, 0, "anew") not in done or not bundle.exists():
            training, result = one_run(work, parts[0], model, seed, 0, "anew")
            training.save(str(bundle), overwrite=True)
            add(out, result)
        for k, way in itertools.product(LATER, WAYS):
            if (model, seed, k, way) not in done:
                add(out, one_run(work, parts[k], model, seed, k, way, bundle)[1])


def one_run(work, part, model, seed, k, way, bundle=None):
    """The training, and its result."""
    import recbole_iacn
    from recbole_iacn.data.protocol import Protocol, add_protocol

    add_protocol("by_time", Protocol.scored({"RS": part}, group_by=None))
    given = {**SETTINGS, "seed": seed, "data_path": str(work), "checkpoint_dir": str(work / "saved")}
    if way != "anew":
        given["epochs"] = 1
    start_from = None if way.startswith("anew") else str(bundle)
    training = recbole_iacn.build(model, f"day{k}", config_dict=given, start_from=start_from)
    if way == "new clicks":
        since(training, START - VALIDATED * DAY)
    began = time.process_time()
    if way != "as it is":
        training.fit(verbose=False)
    result = {"model": model, "seed": seed, "k": k, "way": way, "seconds": round(time.process_time() - began, 1)}
    result["epochs"], result["rows"] = len(training.trainer.train_loss_dict), training.train_data.sample_size
    result["auc"] = round(float(training.test()["auc"]), 4)
    if training.started_from:
        result["columns"] = {name: vars(of) for name, of in training.started_from.columns.items()}
    return training, result


def add(out, result):
    """Write a run's line as soon as it ends."""
    with open(out, "a") as file:
        file.write(json.dumps(result) + "\n")


def report(runs):
    """The runs as a page."""
    groups = defaultdict(list)
    for result in runs:
        groups[result["model"], result["k"], result["way"]].append(result)
    day = pd.Timestamp(START, unit="s").date()
    print(f"# Learning on\n\nml-1m, day d = {day}; made by `benchmarks/learning_on.py`, which says what is compared.")
    print("Seconds are those of one core's own time, validation included; AUC is of the 7 days from d + k.")
    for model in dict.fromkeys(result["model"] for result in runs):
        print(f"\n## {model}\n\n| k | way | rows | epochs | AUC | against anew | seconds | seeds |")
        print("|---|---|---|---|---|---|---|---|")
        for k in LATER:
            anew = {r["seed"]: r["auc"] for r in groups[model, k, "anew"]}
            for way in WAYS:
                some = groups[model, k, way]
                if some:
                    apart = [r["auc"] - anew[r["seed"]] for r in some if r["seed"] in anew]
                    cells = [
                        k,
                        way,
                        _mean(some, "rows", ",.0f") if way != "as it is" else 0,
                        _mean(some, "epochs", ".1f"),
                    ]
                    cells += [_mean(some, "auc", ".4f", spread=True)]
                    cells += [f"{statistics.mean(apart):+.4f}" if apart and way != "anew" else ""]
                    cells += [_mean(some, "seconds", ".0f"), len(some)]
                    print("| " + " | ".join(map(str, cells)) + " |")
    print("\n" + "; ".join(f"*{way}*: {what}" for way, what in WAYS.items()) + ".")


def _mean(some, key, form, spread=False):
    values = [result[key] for result in some]
    deviation = f" ± {format(statistics.stdev(values), form)}" if spread and len(values) > 1 else ""
    return format(statistics.mean(values), form) + deviation


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("run")
    command.add_argument("--data", type=Path, required=True, help="folder of ml-1m's atomic files")
    command.add_argument("--work", type=Path, required=True, help="folder for the cut data and the models")
    command.add_argument("--out", type=Path, required=True)
    command.add_argument("--models", nargs="+", default=["DIN_IaCN", "WideDeep_IaCN"])
    command.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    commands.add_parser("report").add_argument("runs", type=Path)
    given = parser.parse_args()
    if given.command == "run":
        run(given.data, given.work, given.out, given.models, given.seeds)
    else:
        report([json.loads(line) for line in given.runs.read_text().splitlines()])


if __name__ == "__main__":
    main()
