"""From atomic files to batches: stock RecBole against this package, in one run.

    python benchmarks/data.py                  both at Electronics' size, three times each; ours at Books' and others
    python benchmarks/data.py --stock-books    also RecBole at Books' size

Each measurement has its own process, and the two alternate; the tables contain medians. Prints the tables and writes
``benchmarks/data.json``.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from recbole_iacn.bridge.wrapping import wrap
from recbole_iacn.building import configure

os.environ.setdefault("OMP_NUM_THREADS", "1")

HERE = Path(__file__).parent
STEPS = ["load", "augment", "split", "loaders", "first batch", "epoch", "evaluation"]
BATCH = 2048


def measure(who, folder, name, length):
    """Time every step in this process, and measure its peak memory."""
    import resource
    import time

    from recbole.data import create_dataset, data_preparation
    from recbole.data.dataloader import abstract_dataloader
    from recbole.utils import init_seed

    settings = {
        "data_path": folder,
        "load_col": {"inter": ["user_id", "item_id", "timestamp"], "item": ["item_id", "categories"]},
        "MAX_ITEM_LIST_LENGTH": length,
        "train_batch_size": BATCH,
        "eval_batch_size": BATCH,
        "state": "ERROR",
        "seed": 1,
    }
    if who == "ours":
        settings["protocol"] = "leave_one_out_ctr"
    else:
        vars(abstract_dataloader).pop("list", None)  # undo this package's patch
        settings["eval_args"] = {"split": {"LS": "valid_and_test"}, "order": "TO", "group_by": "user", "mode": "uni1"}
        settings["train_neg_sample_args"] = {"distribution": "uniform", "sample_num": 1, "alpha": 1.0, "dynamic": False}
        settings["repeatable"] = True
    config = configure("DIN", name, config_dict=settings)
    init_seed(1, True)
    seconds, begin = {}, resident()

    def step(label, function):
        start = time.perf_counter()
        result = function()
        seconds[label] = seconds.get(label, 0.0) + time.perf_counter() - start
        return result

    dataset = step("load", lambda: create_dataset(config))
    kind = type(dataset)
    wrap(kind, "data_augmentation")(lambda original, self: step("augment", lambda: original(self)))
    wrap(kind, "build")(lambda original, self: step("split", lambda: original(self)))
    train, _, test = step("loaders", lambda: data_preparation(config, dataset))
    seconds["loaders"] -= seconds["split"]
    seconds["split"] -= seconds["augment"]
    init_seed(1, True)
    step("first batch", lambda: next(iter(train)))
    rows = step("epoch", lambda: sum(len(batch) for batch in train))
    evaluated = step("evaluation", lambda: sum(len(batch[0]) for batch in test))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"seconds": seconds, "rows": rows, "test_rows": evaluated, "imports": begin, "peak": peak}


def resident():
    """The current resident memory of this process, in bytes."""
    with open("/proc/self/statm") as source:
        return int(source.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def in_a_process(who, folder, name, length):
    print(f"  {who:6} {name}", file=sys.stderr)
    command = [sys.executable, __file__, "--measure", who, str(folder), name, str(length)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{who} on {name} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def median(runs):
    """One result from several: the median of each measurement."""
    first = runs[0]
    seconds = {label: statistics.median(run["seconds"][label] for run in runs) for label in first["seconds"]}
    rest = {label: statistics.median(run[label] for run in runs) for label in first if label != "seconds"}
    return {"seconds": seconds, **rest}


def to_first_batch(result):
    return sum(result["seconds"][label] for label in STEPS[:5])


def line(label, stock, ours, unit):
    ratio = f"{stock / ours:8.1f} x" if stock is not None else ""
    stock = f"{stock:12.3f}" if stock is not None else f"{'':12}"
    return f"{label:34}{stock}{ours:12.3f} {unit:3}{ratio}"


def report(title, stock, ours):
    print(f"\n{title}\n{'':34}{'stock':>12}{'ours':>12}")
    for label in STEPS:
        print(line(label, stock and stock["seconds"][label], ours["seconds"][label], "s"))
    print(line("load to first batch", stock and to_first_batch(stock), to_first_batch(ours), "s"))
    print(line("peak memory", stock and stock["peak"] / 1e9, ours["peak"] / 1e9, "GB"))
    grown = [result and (result["peak"] - result["imports"]) / 1e9 for result in (stock, ours)]
    print(line("peak memory above the imports'", *grown, "GB"))
    print(f"{'rows per epoch':34}{stock['rows'] if stock else '':>12}{ours['rows']:12}", flush=True)


def main():
    from amazon_like import SIZES, size_of, write_atomic

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measure", nargs=4, metavar=("WHO", "FOLDER", "NAME", "LENGTH"), help=argparse.SUPPRESS)
    parser.add_argument("--repeats", type=int, default=3, help="measurements of each at Electronics' size (default: 3)")
    parser.add_argument("--stock-books", action="store_true", help="also measure RecBole at Books' size")
    parser.add_argument("--folder", help="keep the generated data here (default: a temporary folder)")
    parser.add_argument("--out", default=HERE / "data.json", help="where the figures go (default: %(default)s)")
    given = parser.parse_args()
    if given.measure:
        who, folder, name, length = given.measure
        print(json.dumps(measure(who, folder, name, int(length))))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(given.folder or temporary)
        sizes = {**SIZES, **{f"{millions}M": size_of(millions * 1_000_000) for millions in (1, 2, 4, 8)}}
        for name, size in sizes.items():
            if not (folder / name / f"{name}.item").is_file():
                print(f"  writing {name}", file=sys.stderr)
                write_atomic(folder, name, size)
        results = {}
        pairs = [
            {who: in_a_process(who, folder, "Electronics", 10) for who in ("stock", "ours")}
            for _ in range(given.repeats)
        ]
        results["Electronics"] = {who: median([pair[who] for pair in pairs]) for who in ("stock", "ours")}
        report("Electronics' size, L = 10, medians", **results["Electronics"])
        stock = in_a_process("stock", folder, "Books", 20) if given.stock_books else None
        results["Books"] = {"stock": stock, "ours": in_a_process("ours", folder, "Books", 20)}
        report("Books' size, L = 20", **results["Books"])
        results["growth"] = growth(folder)
        Path(given.out).write_text(json.dumps(results, indent=1) + "\n")


def growth(folder):
    print("\nGrowth, L = 20: microseconds and bytes per interaction, from loading to the end of an epoch")
    results = {}
    for millions in (1, 2, 4, 8):
        result = in_a_process("ours", folder, f"{millions}M", 20)
        count = millions * 1_000_000
        seconds = to_first_batch(result) + result["seconds"]["epoch"]
        results[millions] = {
            "microseconds": 1e6 * seconds / count,
            "bytes": (result["peak"] - result["imports"]) / count,
            **result,
        }
        print(
            f"{millions:3} M {results[millions]['microseconds']:10.2f} us {results[millions]['bytes']:10.0f} B",
            flush=True,
        )
    return results


if __name__ == "__main__":
    main()
