"""Where the time of a whole run goes: start, data, training, validation, checkpoints, test.

    python benchmarks/whole_run.py --data_path dataset --dataset Beauty

A run is a process of its own, from its first import to the test's figures, for as many epochs as is asked for; a part's
time is the CPU time of the process. Several models take turns. Prints the table and writes whole_run.json.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
RUN = """
import json, sys, time
spent, inside = {}, []

def within(part, function):
    # What a part calls of other parts is theirs.
    def call(*args, **kwargs):
        begin = time.process_time()
        inside.append(0.0)
        try:
            return function(*args, **kwargs)
        finally:
            taken = time.process_time() - begin
            spent[part] = spent.get(part, 0.0) + taken - inside.pop()
            if inside:
                inside[-1] += taken
    return call

import recbole_iacn
from recbole_iacn.building import build
training = within("data and model", build)(MODEL, DATASET, config_dict=SETTINGS)
spent["start"] = time.process_time() - spent["data and model"]
trainer, loaders = training.trainer, (training.train_data, training.valid_data, training.test_data)
trainer._train_epoch = within("training", trainer._train_epoch)
trainer._valid_epoch = within("validation", trainer._valid_epoch)
trainer._save_checkpoint = within("checkpoints", trainer._save_checkpoint)
within("other", training.fit)()
result = within("test", training.test)()
spent["in all"] = time.process_time()
print(json.dumps({"spent": spent, "result": {name: float(value) for name, value in result.items()}}))
"""
PARTS = ("start", "data and model", "training", "validation", "checkpoints", "other", "test", "in all")
SETTINGS = {
    "load_col": {"inter": ["user_id", "item_id", "timestamp"], "item": ["item_id", "categories"]},
    "protocol": "leave_one_out_ctr",
    "MAX_ITEM_LIST_LENGTH": 20,
    "embedding_size": 16,
    "mlp_hidden_size": [80, 40],
    "train_batch_size": 2048,
    "eval_batch_size": 2048,
    "stopping_step": 100,
    "state": "ERROR",
    "show_progress": False,
}


def run(model, given):
    """What one run spent, by part."""
    with tempfile.TemporaryDirectory() as folder:
        settings = {
            **SETTINGS,
            "data_path": os.path.abspath(given.data_path),
            "checkpoint_dir": folder,
            "epochs": given.epochs,
        }
        values = {"MODEL": repr(model), "DATASET": repr(given.dataset), "SETTINGS": repr(settings)}
        code = RUN
        for name, value in values.items():
            code = code.replace(name, value)
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(HERE.parent)}
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, cwd=folder, env=environment, check=False
        )
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    return json.loads(done.stdout.splitlines()[-1])["spent"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_path", default="dataset", help="folder with the dataset (default: %(default)s)")
    parser.add_argument("--dataset", default="Beauty")
    parser.add_argument("--models", nargs="+", default=["DIN_IaCN"])
    parser.add_argument("--epochs", type=int, default=7)
    parser.add_argument("--turns", type=int, default=1)
    parser.add_argument("--out", default=HERE / "whole_run.json", help="where the figures go (default: %(default)s)")
    given = parser.parse_args()
    turns = [{model: run(model, given) for model in given.models} for _ in range(given.turns)]
    result = {
        model: {part: statistics.median(turn[model].get(part, 0.0) for turn in turns) for part in PARTS}
        for model in given.models
    }
    print(f"{given.dataset}, {given.epochs} epochs, CPU seconds\n{'':18}" + "".join(f"{model:>14}" for model in result))
    for part in PARTS:
        print(f"{part:18}" + "".join(f"{result[model][part]:14.1f}" for model in result))
    text = {"dataset": given.dataset, "epochs": given.epochs, "turns": given.turns, "cpu_seconds": result}
    Path(given.out).write_text(json.dumps(text, indent=1) + "\n")


if __name__ == "__main__":
    main()
