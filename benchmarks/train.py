"""Training steps of stock RecBole, of stock without its anomaly detection, and of ours without and with the task.

    python benchmarks/train.py                                   DIN, DIEN, WideDeep on data of Sports' size
    python benchmarks/train.py --models DIN --items 20000 368000 2000000
    python benchmarks/train.py --data_path ../dataset --dataset Sports

The variants take turns in one process, step by step, on the same rows; the table contains medians. Prints the table and
writes JSON. In addition to the times, the table has the time that the machine would need for the matrix products of a
step alone ("bound") and the peak memory of a step's tensors.
"""

import argparse
import itertools
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
SPORTS = (35_598, 18_357, 2_277, 296_337)
PARTS = ("data", "forward", "backward", "optimizer")
# name -> (anomaly detection, class by the backbone's name, settings)
VARIANTS = {
    "stock as it comes": (True, "{}", {}),
    "stock": (False, "{}", {}),
    "off": (False, "{}_IaCN", {"iacn_mode": "off"}),
    "width": (False, "{}_IaCN", {"iacn_mode": "width"}),
    "full": (False, "{}_IaCN", {"iacn_mode": "full"}),
    "mean": (False, "{}_IaCN", {"iacn_mode": "full", "iacn_extractor": "mean"}),
    "relationship": (False, "{}_IaCN", {"iacn_mode": "full", "iacn_relationship": "detached"}),
}


class Run:
    """One variant, with its loaders, model and trainer, and the seconds of each part of its steps, by ``clock``."""

    clock = staticmethod(time.perf_counter)

    def __init__(self, name, model, settings):
        from recbole_iacn.building import build

        self.name, (self.anomaly, pattern, own) = name, VARIANTS[name]
        given = {**settings, "seed": 1, **own}
        training = build(pattern.format(model), given.pop("dataset"), config_dict=given)
        self.train, self.test = training.train_data, training.test_data
        self.model, self.trainer = training.model, training.trainer
        self.seconds = {part: [] for part in PARTS}
        self.batches = iter(())
        self.part = ""  # the one at work

    def step(self):
        """One training step, as in RecBole's trainer."""
        import torch

        marks, self.part = [self.clock()], PARTS[0]

        def mark():
            marks.append(self.clock())
            self.part = (*PARTS, "")[len(marks) - 1]

        batch = next(self.batches, None)
        if batch is None or len(batch) < self.train._batch_size:
            self.batches = iter(self.train)
            marks = [self.clock()]
            batch = next(self.batches)
        mark()
        with torch.autograd.set_detect_anomaly(self.anomaly, check_nan=self.anomaly):
            self.model.train()
            self.trainer.optimizer.zero_grad()
            losses = self.model.calculate_loss(batch)
            loss = sum(losses) if isinstance(losses, tuple) else losses
            mark()
            loss.backward()
            mark()
        self.trainer.optimizer.step()
        mark()
        for part, begin, end in zip(PARTS, marks, marks[1:]):
            self.seconds[part].append(end - begin)

    def evaluated_rows_a_second(self, batches=12):
        """Test rows per second, including their loading."""
        import torch

        self.model.eval()
        start, rows = time.perf_counter(), 0
        with torch.no_grad():
            for batch in self.test:
                self.model.predict(batch[0])
                rows += len(batch[0])
                batches -= 1
                if not batches:
                    break
        return rows / (time.perf_counter() - start)

    def work(self):
        """Floating-point operations of a step's matrix products, in 10^9, and the peak memory of its tensors, in MB."""
        import torch
        from torch.profiler import ProfilerActivity, profile
        from torch.utils.flop_counter import FlopCounterMode

        def in_place(_, left, right, **options):  # which it leaves out by itself
            return 2 * left[0] * left[1] * right[1]

        with FlopCounterMode(display=False, custom_mapping={torch.ops.aten.addmm_: in_place}) as counter:
            self.step()
        with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as watched:
            self.step()
        events = watched.profiler.kineto_results.events()
        changes = [(event.start_ns(), event.nbytes()) for event in events if event.name() == "[memory]"]
        held = list(itertools.accumulate(change for _, change in sorted(changes)))
        return {"gflop": counter.get_total_flops() / 1e9, "step_mb": max(held, default=0) / 1e6}

    def result(self):
        medians = {part: 1e3 * statistics.median(self.seconds[part]) for part in PARTS}
        total = 1e3 * statistics.median(map(sum, zip(*self.seconds.values())))
        times = {"ms": medians, "step_ms": total, "evaluated_rows_a_second": self.evaluated_rows_a_second()}
        return {**times, **self.work()}


def products_a_second(size=2048, tries=10, clock=time.perf_counter):
    """The machine's speed in one large matrix product, in 10^9 operations per second."""
    import torch

    matrix, best = torch.randn(size, size), float("inf")
    for _ in range(tries):
        start = clock()
        matrix @ matrix
        best = min(best, clock() - start)
    return 2 * size**3 / best / 1e9


def compare(model, settings, steps, variants):
    """The results of all variants, which take turns step by step."""
    runs = [Run(name, model, settings) for name in variants]
    for count in range(steps + 2):
        for run in runs:
            run.step()
            if count == 1:  # the first two steps warm up
                run.seconds = {part: [] for part in PARTS}
    return {run.name: run.result() for run in runs}


def report(title, results, rate):
    heads = "".join(f"{part:>10}" for part in (*PARTS, "step ms", "bound ms", "step MB"))
    print(f"\n{title}\n{'':18}{heads}{'eval rows/s':>13}  against")
    first = next(iter(results.values()))["step_ms"]
    for name, result in results.items():
        cells = [
            *(result["ms"][part] for part in PARTS),
            result["step_ms"],
            1e3 * result["gflop"] / rate,
            result["step_mb"],
        ]
        ratio = f"{first / result['step_ms']:8.1f} x"
        print(
            f"{name:18}"
            + "".join(f"{cell:10.1f}" for cell in cells)
            + f"{result['evaluated_rows_a_second']:13,.0f}{ratio}",
            flush=True,
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["DIN", "DIEN", "WideDeep"])
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS)[:5], choices=list(VARIANTS))
    parser.add_argument("--lengths", type=int, nargs="+", default=[20], help="history lengths L (default: 20)")
    parser.add_argument("--interests", type=int, nargs="+", default=[4], help="interests K (default: 4)")
    parser.add_argument("--items", type=int, nargs="+", default=[SPORTS[1]], help="sizes of the catalogue")
    parser.add_argument("--data_path", help="folder with a dataset (default: generated data)")
    parser.add_argument("--dataset", help="name of the dataset")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--threads", type=int, default=1, help="number of PyTorch's threads (default: 1)")
    parser.add_argument("--out", default=HERE / "train.json", help="where the figures go (default: %(default)s)")
    given = parser.parse_args()
    sys.argv = sys.argv[:1]
    os.environ["OMP_NUM_THREADS"] = str(given.threads)
    import torch
    from amazon_like import write_atomic

    torch.set_num_threads(given.threads)
    rate = products_a_second()
    print(f"{given.threads} threads, {rate:.0f} GFLOP/s in one matrix product, from which 'bound' is computed")
    results = {"threads": given.threads, "gflop_a_second": rate}
    with tempfile.TemporaryDirectory() as folder:
        for items in given.items:
            name = given.dataset or f"items{items}"
            if not given.dataset:
                write_atomic(folder, name, SPORTS, catalogue=items, many_categories=True)
            for model, length, interests in (
                (m, n, k) for m in given.models for n in given.lengths for k in given.interests
            ):
                settings = {
                    "data_path": given.data_path or folder,
                    "dataset": name,
                    "load_col": {"inter": ["user_id", "item_id", "timestamp"], "item": ["item_id", "categories"]},
                    "protocol": "leave_one_out_ctr",
                    "MAX_ITEM_LIST_LENGTH": length,
                    "iacn_interests": interests,
                    "embedding_size": 16,
                    "mlp_hidden_size": [80, 40],
                    "train_batch_size": 2048,
                    "eval_batch_size": 2048,
                    "state": "ERROR",
                }
                title = f"{model}, {name}, L = {length}, K = {interests}"
                results[title] = compare(model, settings, given.steps, given.variants)
                report(title, results[title], rate)
    Path(given.out).write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
