"""The multi-interest family beside other libraries' models: training targets and evaluated users per CPU second.

    python benchmarks/family.py --data_path dataset --rectools RECTOOLS/bin/python --rechub RECHUB/bin/python

The peers run in environments of their own (the head of each family_*.py has its installation); a peer without a Python
is left out. Every model is a process with one thread, and has the same rows, width, numbers of blocks and heads, batch
size and number of negatives. The two processes of a comparison take turns, task by task; a ratio is the median of the
turns' ratios. Prints a row per comparison and task, and writes family.json after each comparison.

step      training steps over batches that are loaded
loop      the library's own loop over its own loader
evaluate  the library's own evaluation of some test users: ours with metrics, the peers' without
rank      the ten best items of each user that the user has not clicked
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
TASKS = ("step", "loop", "evaluate", "rank")
LESS = {"ours": ("step", "loop"), "replay": ("step", "loop", "rank")}
LENGTH, WIDTH, BLOCKS, HEADS, INTERESTS, NEGATIVES, BEST = 50, 64, 2, 1, 4, 256, 10
HISTORIES, ROWS = 128, 1024  # of a batch: rows that are histories, and rows that are clicks
SMALL = 128  # clicks of a batch for ComirecDR, which has tensors of 3.4 GB for 1,024
SETTINGS = {
    "load_col": {"inter": ["user_id", "item_id", "timestamp"]},
    "protocol": "leave_one_out_full",
    "mask_history": True,
    "metrics": ["Hit", "NDCG"],
    "topk": [BEST],
    "valid_metric": f"NDCG@{BEST}",
    "MAX_ITEM_LIST_LENGTH": LENGTH,
    "embedding_size": WIDTH,
    "train_negatives": NEGATIVES,
    "eval_batch_size": 1024,
    "item_dropout_prob": 0.0,
    "weight_decay": 0.0,
    "learning_rate": 0.001,
    "show_progress": False,
    "state": "ERROR",
    "seed": 1,
}
BLOCK = {"n_layers": BLOCKS, "n_heads": HEADS, "rows": "histories", "train_batch_size": HISTORIES}
WIDTHS = {"hidden_size": WIDTH, "inner_size": WIDTH, "hidden_act": "relu", "last_state_only": True}
SASREC = {**BLOCK, **WIDTHS, "hidden_dropout_prob": 0.2, "attn_dropout_prob": 0.2}
CLICKS = {"rows": "prefixes", "train_batch_size": ROWS, "num_interests": INTERESTS, "loss": "sampled_softmax"}
WIDE = {"attention_size": 4 * WIDTH}  # torch-rechub's, which it does not offer to change; ours has 8
# name of ours -> model and settings
OURS = {
    "SASRec": ("SASRec", {**SASREC, "loss": "sampled_softmax"}),
    "SASRec, all items": ("SASRec", {**SASREC, "loss": "softmax"}),
    "SASRec, bpr": ("SASRec", {**SASREC, "loss": "bpr"}),
    "ESASRec": ("ESASRec", {**BLOCK, "loss": "sampled_softmax"}),
    "MIND": ("MIND", CLICKS),
    "ComiRec": ("ComiRec", CLICKS),
    "ComiRec, wide": ("ComiRec", {**CLICKS, **WIDE}),
    "ComiRec, routing": ("ComiRec", {**CLICKS, "extractor": "dr"}),
    "ComiRec, routing, small batch": ("ComiRec", {**CLICKS, "extractor": "dr", "train_batch_size": SMALL}),
    "MIND, bpr": ("MIND", {**CLICKS, "loss": "bpr"}),
    "ComiRec, bpr": ("ComiRec", {**CLICKS, "loss": "bpr"}),
    "ComiRec, wide, bpr": ("ComiRec", {**CLICKS, **WIDE, "loss": "bpr"}),
    "ComiRec, routing, bpr": ("ComiRec", {**CLICKS, "loss": "bpr", "extractor": "dr"}),
}
# ours, the peer's script, and what it is asked for
COMPARISONS = (
    ("SASRec", "rectools", {"model": "SASRec", "loss": "sampled_softmax"}),
    ("SASRec, all items", "rectools", {"model": "SASRec", "loss": "softmax"}),
    ("ESASRec", "rectools", {"model": "eSASRec", "loss": "sampled_softmax"}),
    ("SASRec", "replay", {"model": "SasRec", "loss": "sampled_softmax", "bucket": 0}),
    ("SASRec", "replay", {"model": "SasRec", "loss": "sampled_softmax", "bucket": 16}),
    ("SASRec, all items", "replay", {"model": "SasRec", "loss": "softmax", "bucket": 0}),
    ("MIND", "rechub", {"model": "MIND"}),
    ("ComiRec, wide", "rechub", {"model": "ComirecSA"}),
    ("ComiRec, routing, small batch", "rechub", {"model": "ComirecDR", "rows": SMALL}),
    ("SASRec, bpr", "rectools", {"model": "SASRec", "loss": "BCE", "negatives": 1}),
    ("MIND, bpr", "rechub", {"model": "MIND", "negatives": 1}),
    ("ComiRec, wide, bpr", "rechub", {"model": "ComirecSA", "negatives": 1}),
    ("MIND", "ours", {"of": "MIND, bpr"}),
    ("ComiRec", "ours", {"of": "ComiRec, bpr"}),
    ("ComiRec, routing", "ours", {"of": "ComiRec, routing, bpr"}),
)


def write_rows(given, path):
    """The rows of our loaders for the peers: sessions, rows per click, and what the test users clicked."""
    import numpy as np

    from recbole_iacn.building import build

    settings = {**SETTINGS, "data_path": given.data_path}
    training = build("SASRec", given.dataset, config_dict={**settings, **OURS["SASRec"][1]})
    rows = training.train_data._dataset.inter_feat[:]
    histories, clicked = rows["item_id_list"].numpy(), rows["item_id"].numpy()
    sessions = np.zeros((len(histories), LENGTH + 1), dtype=np.int32)
    for session, history, item in zip(sessions, histories, clicked):
        real = history[history != 0]
        session[-len(real) - 1 :] = [*real, item]
    seen, tests = [], []
    test = training.test_data
    test.batch_sampler.sampler = range(given.users)
    for batch, ranked, *_ in test:
        seen.append((ranked.left_out[0].numpy() + sum(map(len, tests)), ranked.left_out[1].numpy()))
        tests.append(batch["item_id_list"].numpy())
    seen_row, seen_item = map(np.concatenate, zip(*seen))
    training = build("MIND", given.dataset, config_dict={**settings, **CLICKS})
    parts = [batch for batch, _ in zip(training.train_data, range(2 * given.steps))]
    np.savez(
        path,
        items=training.train_data._dataset.item_num,
        sessions=sessions,
        prefixes=np.concatenate([part["item_id_list"].numpy() for part in parts]),
        clicked=np.concatenate([part["item_id"].numpy() for part in parts]),
        histories=np.concatenate(tests),
        seen_row=seen_row,
        seen_item=seen_item,
    )


class Process:
    """A model that does one task at a time."""

    def __init__(self, python, script, given):
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        command = [python, str(HERE / f"family_{script}.py"), json.dumps(given)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.process = subprocess.Popen(command, text=True, env=environment, **pipes)
        self.versions = self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{' '.join(self.process.args[:2])} ended")
        return json.loads(line)

    def do(self, task):
        """How many per CPU second."""
        print(task, file=self.process.stdin, flush=True)
        done = self.answer()
        return done["count"] / done["seconds"]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def counts(given):
    """How much a task does."""
    return {"steps": given.steps, "users": given.users}


def of_ours(name, given):
    """Arguments of our process."""
    model, settings = OURS[name]
    settings = {**SETTINGS, "data_path": given.data_path, **settings}
    return {"model": model, "dataset": given.dataset, "settings": settings, "k": BEST, **counts(given)}


def compare(name, library, asked, given, data, found):
    """Ours and a peer in turn: a median of each, and that of the ratios, per task, added to what was found before."""
    sizes = {"blocks": BLOCKS, "heads": HEADS, "width": WIDTH, "length": LENGTH, "histories": HISTORIES, "rows": ROWS}
    sizes.update(negatives=NEGATIVES, interests=INTERESTS, k=BEST, data=str(data), **counts(given))
    python = sys.executable if library == "ours" else getattr(given, library)
    other = of_ours(asked["of"], given) if library == "ours" else {**sizes, **asked}
    tasks = [task for task in LESS.get(library, TASKS) if task in given.tasks]
    ours, peer = Process(sys.executable, "ours", of_ours(name, given)), Process(python, library, other)
    found["versions"] = peer.versions
    for task in tasks:
        turns = [(ours.do(task), peer.do(task)) for _ in range(given.turns + 1)][1:]  # the first one warms up
        one, two = zip(*turns)
        ratios = [first / second for first, second in turns]
        found[task] = {
            "ours": round(statistics.median(one)),
            "peer": round(statistics.median(two)),
            "ratio": round(statistics.median(ratios), 2),
            "lowest": round(min(ratios), 2),
            "highest": round(max(ratios), 2),
        }
        print(f"{name:31}{library:10}{asked.get('of') or asked['model']:24}{task:10}", found[task], flush=True)
    ours.close()
    peer.close()
    return {**found, "load": os.getloadavg()[0]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_path", default="dataset", help="folder with the dataset (default: %(default)s)")
    parser.add_argument("--dataset", default="Beauty")
    for library in ("rectools", "replay", "rechub"):
        parser.add_argument(f"--{library}", metavar="PYTHON", help="of its environment")
    parser.add_argument("--ours", action="store_true", help="also compare our losses with each other")
    parser.add_argument("--only", nargs="+", choices=list(OURS), metavar="OURS", help="by name")
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=TASKS)
    parser.add_argument("--steps", type=int, default=8, help="batches of a turn (default: %(default)s)")
    parser.add_argument("--users", type=int, default=4096, help="of an evaluation (default: %(default)s)")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--out", default=HERE / "family.json", help="where the figures go (default: %(default)s)")
    given = parser.parse_args()
    sys.argv = sys.argv[:1]
    out = Path(given.out)
    results = json.loads(out.read_text()) if out.exists() else {}
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "rows.npz"
        write_rows(given, data)
        for name, library, asked in COMPARISONS:
            if not getattr(given, library) or name not in (given.only or OURS):
                continue
            title = f"{given.dataset}: {name}; {library}, {', '.join(map(str, asked.values()))}"
            results[title] = compare(name, library, asked, given, data, results.get(title, {}))
            out.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
