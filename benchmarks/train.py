"""Training steps: stock RecBole, stock without its stray anomaly detection, ours without and with the auxiliary task.

    python benchmarks/train.py                                   DIN, DIEN, WideDeep on data of Sports' size
    python benchmarks/train.py --models DIN --items 20000 368000 2000000
    python benchmarks/train.py --data_path ../dataset --dataset Sports

The variants take turns within one process, step by step, on the same rows; medians. Prints a table, writes JSON. Beside
the times: how long the machine would need for a step's products of matrices alone ("bound"), and the most memory that
a step's tensors hold.
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
# name -> (anomaly detection, class by the backbone's name, mode)
VARIANTS = {
    "stock as it comes": (True, "{}", None),
    "stock": (False, "{}", None),
    "off": (False, "{}_IaCN", "off"),
    "width": (False, "{}_IaCN", "width"),
    "full": (False, "{}_IaCN", "full"),
}


class Run:
    """One variant: its loader, model and optimizer, and the seconds of each step's parts."""

    def __init__(self, name, model, settings):
        from recbole.config import Config
        from recbole.data import create_dataset, data_preparation
        from recbole.utils import get_model, get_trainer, init_seed

        self.name, (self.anomaly, pattern, mode) = name, VARIANTS[name]
        model = pattern.format(model)
        given = {**settings, **({"iacn_mode": mode} if mode else {})}
        config = Config(model=model, dataset=settings["dataset"], config_dict=given)
        init_seed(1, True)
        self.train, _, self.test = data_preparation(config, create_dataset(config))
        self.model = get_model(model)(config, self.train._dataset).to(config["device"])
        self.trainer = get_trainer(config["MODEL_TYPE"], model)(config, self.model)
        self.seconds = {part: [] for part in PARTS}
        self.batches = iter(())

    def step(self):
        """One training step as RecBole's trainer takes it."""
        import torch

        marks = [time.perf_counter()]

        def mark():
            marks.append(time.perf_counter())

        batch = next(self.batches, None)
        if batch is None or len(batch) < self.train._batch_size:
            self.batches = iter(self.train)
            marks = [time.perf_counter()]
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
        """Test rows scored a second, data and scoring."""
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
        """Floating-point operations of one step's products, 10^9, and the most that its tensors hold, MB."""
        from torch.profiler import ProfilerActivity, profile
        from torch.utils.flop_counter import FlopCounterMode

        with FlopCounterMode(display=False) as counter:
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
        found = {"ms": medians, "step_ms": total, "evaluated_rows_a_second": self.evaluated_rows_a_second()}
        return {**found, **self.work()}


def products_a_second(size=2048, tries=10):
    """What the machine reaches in one large product of matrices, 10^9 operations a second."""
    import torch

    matrix, best = torch.randn(size, size), float("inf")
    for _ in range(tries):
        start = time.perf_counter()
        matrix @ matrix
        best = min(best, time.perf_counter() - start)
    return 2 * size**3 / best / 1e9


def compare(model, settings, steps, variants):
    """Results of all variants, their steps taken in turn."""
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
    slowest = next(iter(results.values()))["step_ms"]
    for name, found in results.items():
        cells = [
            *(found["ms"][part] for part in PARTS),
            found["step_ms"],
            1e3 * found["gflop"] / rate,
            found["step_mb"],
        ]
        ratio = f"{slowest / found['step_ms']:8.1f} x"
        print(
            f"{name:18}"
            + "".join(f"{cell:10.1f}" for cell in cells)
            + f"{found['evaluated_rows_a_second']:13,.0f}{ratio}",
            flush=True,
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["DIN", "DIEN", "WideDeep"])
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=list(VARIANTS))
    parser.add_argument("--lengths", type=int, nargs="+", default=[20], help="history lengths L (default: 20)")
    parser.add_argument("--interests", type=int, nargs="+", default=[4], help="interests K (default: 4)")
    parser.add_argument("--items", type=int, nargs="+", default=[SPORTS[1]], help="sizes of the catalogue")
    parser.add_argument("--data_path", help="atomic data of your own (default: generated)")
    parser.add_argument("--dataset", help="its name")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--threads", type=int, default=1, help="of PyTorch (default: 1)")
    parser.add_argument("--out", default=HERE / "train.json", help="where the figures go (default: %(default)s)")
    given = parser.parse_args()
    sys.argv = sys.argv[:1]
    os.environ["OMP_NUM_THREADS"] = str(given.threads)
    import torch
    from amazon_like import write_atomic

    import recbole_iacn  # noqa: F401  (makes RecBole run)

    torch.set_num_threads(given.threads)
    rate = products_a_second()
    print(f"{given.threads} threads, {rate:.0f} GFLOP/s in one product of matrices, by which 'bound' is reckoned")
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
