"""On whoever's GPU, in less than ten minutes: every model beside the CPU, and training beside RecBole on the same card.

    python benchmarks/gpu.py --out gpu.json

First what ``recbole-iacn doctor --gpu`` does: each model trains, goes on, is served, and scores as on the CPU. Then
samples per second of whole steps, from the loader to the optimizer: RecBole's DIN, DIEN and Wide&Deep (anomaly
detection off) beside ours without and with the task, in float32 and in bfloat16, and RecBole's SASRec beside the
family's. Blocks of steps take turns; a figure is the median of the blocks. The share of the memory's bandwidth is the
bytes that the step's operations read and write (as in roofline.py), per second, over those of a large copy.

Without a GPU, ``--device cpu`` tries whether the script runs; its figures say nothing about a GPU.
"""

import argparse
import itertools
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
SPORTS = (35_598, 18_357, 2_277, 296_337)  # users, items, categories, interactions
WARM_UP = 5
CLICK = {
    "RecBole": ("{}", {}),
    "off": ("{}_IaCN", {"iacn_mode": "off"}),
    "full": ("{}_IaCN", {"iacn_mode": "full"}),
    "full, bfloat16": ("{}_IaCN", {"iacn_mode": "full", "enable_amp": True, "amp_dtype": "bfloat16"}),
    "full, data on the device": ("{}_IaCN", {"iacn_mode": "full", "data_on_device": True}),
}
SAMPLED = {"loss": "sampled_softmax", "train_negatives": 256}
FAMILY = {  # RecBole's scores every item; a row is a click there and in MIND and ComiRec, elsewhere a history
    "SASRec of RecBole": ("SASRec", {"loss_type": "CE", "train_neg_sample_args": None, "train_batch_size": 2048}),
    "SASRec, rows: histories": ("SASRec", {**SAMPLED, "rows": "histories", "train_batch_size": 2048}),
    "ESASRec": ("ESASRec", {**SAMPLED, "train_batch_size": 2048}),
    "MIND": ("MIND", {**SAMPLED, "train_batch_size": 2048}),
    "ComiRec": ("ComiRec", {**SAMPLED, "train_batch_size": 2048}),
}


class Run:
    """One training, step by step."""

    def __init__(self, model, settings, device):
        from recbole_iacn.building.assembly import assemble, configure

        given = dict(settings)
        config = configure(model, given.pop("dataset"), config_dict=given)
        config["device"] = device
        self.training, self.device = assemble(config), device
        self.half = bool(config["enable_amp"])
        self.batches, self.samples, self.seconds = iter(()), 0, []

    def batch(self):
        from recbole_iacn.training.trainer import to_device

        rows = next(self.batches, None)
        if rows is None:
            self.batches = iter(self.training.train_data)
            rows = next(self.batches)
        targets = rows.interaction[self.training.train_data.dataset.iid_field]
        self.samples = targets.count_nonzero().item() if targets.dim() == 2 else len(targets)
        return to_device(rows, self.device)

    def step(self, after=lambda: None):
        """One; ``after`` is called after each part."""
        import torch

        model, trainer, rows = self.training.model.train(), self.training.trainer, self.batch()
        after()
        trainer.optimizer.zero_grad()
        with torch.autocast(self.device.type, torch.bfloat16, self.half):
            losses = model.calculate_loss(rows)
        after()
        (sum(losses) if isinstance(losses, tuple) else losses).backward()
        after()
        trainer.optimizer.step()
        after()

    def parts(self, steps=10):
        """Milliseconds of each part of a step when each waits for the one before: together more than a step takes."""
        times, moments = [], []

        def after():
            wait_for(self.device)
            moments.append(time.perf_counter())

        for _ in range(steps):
            moments.clear()
            after()
            self.step(after)
            times.append([1e3 * (end - begin) for begin, end in itertools.pairwise(moments)])
        return dict(zip(("batch", "forward", "backward", "update"), map(statistics.median, zip(*times))))

    def block(self, steps):
        """Samples per second of some steps."""
        samples = 0
        wait_for(self.device)
        begin = time.perf_counter()
        for _ in range(steps):
            self.step()
            samples += self.samples
        wait_for(self.device)
        self.seconds.append((time.perf_counter() - begin) / steps)
        return samples / (time.perf_counter() - begin)


def wait_for(device):
    import torch

    if device.type == "cuda":
        torch.cuda.synchronize(device)


def gigabytes_a_second(device, size=1 << 27, tries=5):
    """What a large copy reads and writes per second."""
    import torch

    source, target, best = torch.ones(size, device=device), torch.empty(size, device=device), 0.0
    for _ in range(tries):
        wait_for(device)
        begin = time.perf_counter()
        target.copy_(source)
        wait_for(device)
        best = max(best, 2 * source.nbytes / (time.perf_counter() - begin) / 1e9)
    return best


def bytes_of_a_step(run):
    """What the operations of a step read and write."""
    from roofline import traffic
    from torch.utils._python_dispatch import TorchDispatchMode

    class Bytes(TorchDispatchMode):
        moved = 0

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            out = func(*args, **(kwargs or {}))
            if not func.is_view:
                self.moved += traffic(func, func._schema.name.split("::")[1].removesuffix("_"), args, kwargs or {}, out)
            return out

    with Bytes() as counted:
        run.step()
    return counted.moved


def compare(cases, settings, device, blocks, steps, rate):
    """Samples per second of each case, and its peak memory and share of the bandwidth; the first is the reference."""
    import torch

    runs, memory = {}, {}
    for name, (model, own) in cases.items():
        before = torch.cuda.memory_allocated(device) if device.type == "cuda" else 0  # of the cases before, which stay
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        runs[name] = run = Run(model, {**settings, **own}, device)
        run.block(WARM_UP)
        memory[name] = (torch.cuda.max_memory_allocated(device) - before) / 1e6 if device.type == "cuda" else None
    turns = [{name: run.block(steps) for name, run in runs.items()} for _ in range(blocks)]
    first, found = next(iter(cases)), {}
    for name, run in runs.items():
        step = statistics.median(run.seconds[1:])
        found[name] = {
            "samples_a_second": statistics.median(turn[name] for turn in turns),
            "against_first": statistics.median(turn[name] / turn[first] for turn in turns),
            "step_ms": 1e3 * step,
            "share_of_bandwidth": bytes_of_a_step(run) / step / 1e9 / rate,
            "peak_mb": memory[name],
            "parts_ms": run.parts(),
        }
        print(
            f"    {name:26}{found[name]['samples_a_second']:12,.0f} samples/s{found[name]['against_first']:7.2f} x"
            f"{found[name]['step_ms']:9.2f} ms{100 * found[name]['share_of_bandwidth']:7.1f} % of the bandwidth; "
            + ", ".join(f"{part} {ms:.1f}" for part, ms in found[name]["parts_ms"].items()),
            flush=True,
        )
    return found


def speeds(device, given, rate):
    from amazon_like import write_atomic

    found = {}
    with tempfile.TemporaryDirectory() as folder:
        write_atomic(folder, "items", SPORTS, catalogue=SPORTS[1], many_categories=True)
        settings = {"data_path": folder, "dataset": "items", "state": "ERROR", "MAX_ITEM_LIST_LENGTH": 50}
        columns = {"inter": ["user_id", "item_id", "timestamp"]}
        click = {
            **settings,
            "load_col": {**columns, "item": ["item_id", "categories"]},
            "protocol": "leave_one_out_ctr",
            "embedding_size": 16,
            "mlp_hidden_size": [80, 40],
            "train_batch_size": given.rows,
        }
        for model in ("DIN", "DIEN", "WideDeep"):
            print(f"{model}, {given.rows:,} rows, L = 50", flush=True)
            cases = {name: (pattern.format(model), own) for name, (pattern, own) in CLICK.items()}
            found[model] = compare(cases, click, device, given.blocks, given.steps, rate)
        print("ranking, 2,048 rows, L = 50; a sample is a click to be found", flush=True)
        ranking = {**settings, "load_col": columns, "protocol": "leave_one_out_full"}
        found["ranking"] = compare(FAMILY, ranking, device, given.blocks, given.steps, rate)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda", help="default: %(default)s")
    parser.add_argument("--rows", type=int, default=8192, help="rows per batch of DIN … (default: %(default)s)")
    parser.add_argument("--blocks", type=int, default=5, help="blocks of steps per variant (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=20, help="steps per block (default: %(default)s)")
    parser.add_argument("--without-examination", action="store_true", help="speeds only")
    parser.add_argument("--out", default=HERE / "gpu.json", help="where the figures go (default: %(default)s)")
    given = parser.parse_args()
    sys.argv = sys.argv[:1]
    import torch

    from recbole_iacn.system.kept_memory import keep_freed_memory
    from recbole_iacn.testing import on_device

    device = torch.device(given.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        sys.exit("PyTorch sees no GPU; recbole-iacn doctor --gpu examines the models on a stand-in for one")
    keep_freed_memory()
    found = {"device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"}
    if not given.without_examination:
        found = on_device.examine_all(on_device.models(), print)
        Path(given.out).write_text(json.dumps(found, indent=1) + "\n")
    rate = gigabytes_a_second(device)
    found |= {"gigabytes_a_second": rate, "speeds": speeds(device, given, rate)}
    Path(given.out).write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
