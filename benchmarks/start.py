"""From a command to its answer, and to the first step of training: this package, RecBole, PyTorch alone.

    python benchmarks/start.py

Each measurement is a process of its own; they take turns, and the table has the medians of their CPU times. "RecBole"
is DIN with what RecBole 1.2.1 needs to run on today's stack, and with the imports that this package delays.
Prints the table and writes start.json.
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
HELP = "from recbole_iacn_command import main; import sys; sys.argv = ['recbole-iacn', '--help']; main()"
STEP = """
import sys
import recbole_iacn
settings = {"state": "ERROR", "load_col": {"inter": ["user_id", "item_id", "timestamp"], "item": ["item_id", "class"]}}
training = recbole_iacn.build(MODEL, "ml-100k", config_dict={**settings, "train_batch_size": 256, **OWN})
batch = next(iter(training.train_data))
training.model.train()
losses = training.model.calculate_loss(batch)
(sum(losses) if isinstance(losses, tuple) else losses).backward()
training.trainer.optimizer.step()
"""
STOCK = {
    "eval_args": {"split": {"LS": "valid_and_test"}, "order": "TO", "group_by": "user", "mode": "uni1"},
    "train_neg_sample_args": {"distribution": "uniform", "sample_num": 1, "alpha": 1.0, "dynamic": False},
}
# what is measured -> the code of its process
CODE = {
    "Python": "",
    "recbole-iacn --help": HELP,
    "PyTorch, a step of Adam": """
import torch
layer = torch.nn.Linear(2, 2)
optimizer = torch.optim.Adam(layer.parameters())
layer(torch.ones(1, 2)).sum().backward()
optimizer.step()
""",
    "DIN_IaCN, first step": STEP.replace("MODEL", "'DIN_IaCN'").replace("OWN", "{'protocol': 'leave_one_out_ctr'}"),
    "RecBole's DIN, first step": "import sklearn.linear_model, sklearn.metrics, torch.utils.tensorboard\n"
    + STEP.replace("MODEL", "'DIN'").replace("OWN", repr(STOCK)),
}


def seconds_of(code):
    """The CPU time of a new process that runs this code."""
    after = "\nimport resource; used = resource.getrusage(resource.RUSAGE_SELF); TIMES"
    times = "import sys; print(used.ru_utime + used.ru_stime, file=sys.stderr)"
    wrapped = f"try:\n    exec({code!r})\nexcept SystemExit:\n    pass" + after.replace("TIMES", times)
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(HERE.parent)}
        done = subprocess.run(
            [sys.executable, "-c", wrapped], capture_output=True, text=True, cwd=folder, env=environment, check=False
        )
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    return float(done.stderr.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--out", default=HERE / "start.json", help="where the figures go (default: %(default)s)")
    given = parser.parse_args()
    turns = [{name: seconds_of(code) for name, code in CODE.items()} for _ in range(given.turns + 1)][1:]
    result = {name: statistics.median(turn[name] for turn in turns) for name in CODE}
    for name, seconds in result.items():
        print(f"{name:28}{seconds:7.2f} s")
    Path(given.out).write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
