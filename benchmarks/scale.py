"""What grows with the data: a table of events, a training and a bundle at 10, 30 and 100 million interactions.

    python benchmarks/scale.py --millions 10 --folder scale-data          a million users, 100,000 items
    python benchmarks/scale.py --millions 100 --folder scale-data --steps 1000
    python benchmarks/scale.py --arithmetic --millions 100                what is to be expected, by counting bytes

A tenth as many users as events and a hundredth as many items, as ``benchmarks/events.py`` generates them. Each of the
three is a process of its own: ``prepare table`` from a CSV file; a build of YouTubeDNN from the atomic file, training
steps and the bundle; a service's use of the bundle. Prints a row per stage (seconds of the clock and of the processor,
resident memory after it, its own peak) and adds it to ``benchmarks/scale.json``.

``--limit`` is of the memory of a process: a stage that needs more raises MemoryError in place of taking the machine's.
"""

import argparse
import contextlib
import itertools
import json
import os
import resource
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
SIZE, LENGTH, BATCH, DRAWS = 64, 20, 2048, 2048
SETTINGS = {
    "load_col": {"inter": ["user_id", "item_id", "timestamp"]},
    "protocol": "leave_one_out_full",
    "MAX_ITEM_LIST_LENGTH": LENGTH,
    "embedding_size": SIZE,
    "train_batch_size": BATCH,
    "train_negatives": DRAWS,
    "weight_decay": 0.0,  # which reaches every row of a table, so that none is updated lazily
    "sparse_embedding_rows": 200_000,
    "use_gpu": False,
    "show_progress": False,
    "state": "ERROR",
    "seed": 1,
}
ASKED, TIMED = 64, 1000  # histories of a request, and how many are asked


def memory():
    """(now, peak) of this process, in bytes."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return tuple(1024 * int(lines[name].split()[0]) for name in ("VmRSS", "VmHWM"))


class Stages:
    """Durations and memory of stages that follow one another; each begins where the one before ends."""

    def __init__(self, about):
        self.about, self.label = about, None

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.end(**({"failed": kind.__name__} if kind else {}))

    def begin(self, label):
        self.end()
        Path("/proc/self/clear_refs").write_text("5")  # from here on VmHWM is the peak of what follows
        self.label, self.start = label, (time.perf_counter(), time.process_time())

    def end(self, **more):
        if self.label is None:
            return
        now, peak = memory()
        row = {
            **self.about,
            "stage": self.label,
            "seconds": round(time.perf_counter() - self.start[0], 2),
            "cpu_seconds": round(time.process_time() - self.start[1], 2),
            "resident_gb": round(now / 1e9, 3),
            "peak_gb": round(peak / 1e9, 3),
            "load": round(os.getloadavg()[0], 1),
            **more,
        }
        print(json.dumps(row), flush=True)
        self.label = None

    def at(self, kind, name, label, after=None):
        """Begin a stage where a method is first called, and perhaps another where it returns."""
        original = getattr(kind, name)

        def method(*given, **more):
            setattr(kind, name, original)
            self.begin(label)
            result = original(*given, **more)
            if after:
                self.begin(after)
            return result

        setattr(kind, name, method)


# --- The three processes ----------------------------------------------------------------------------------------------


def prepare(folder, millions, options):
    """Events as a CSV file, and ``prepare table``."""
    from events import measure, write_events

    count = millions * 1_000_000
    events, place = folder / "events.csv", folder / "dataset"
    begin = time.perf_counter()
    if not events.exists():  # of a run that was cut off
        write_events(events, count, count // 10, count // 100)
    row = {"millions": millions, "process": "prepare", "stage": "write events"}
    row |= {"seconds": round(time.perf_counter() - begin, 1), "bytes": events.stat().st_size}
    print(json.dumps(row), flush=True)
    done, most = threading.Event(), [0]

    def watch():
        while not done.wait(1):
            most[0] = max(most[0], size_of(place))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        found = measure(folder, events, options.memory, options.threads)
    finally:
        done.set()
        watcher.join()
    atomic = (place / "shop" / "shop.inter").stat().st_size
    row = {"millions": millions, "process": "prepare", "stage": "prepare table", **found}
    row |= {"memory": options.memory, "threads": options.threads, "bytes": atomic, "disk_bytes": most[0]}
    print(json.dumps(row | {"load": round(os.getloadavg()[0], 1)}), flush=True)
    events.unlink()


def write_straight(folder, millions):
    """The atomic file without ``prepare table``: by user and time already, users with 1 to 19 clicks."""
    import duckdb

    count, clicks = millions * 1_000_000, 190  # of 19 users, who have one click, two, three …
    items, steps = count // 100, count // 20
    user = f"i // {clicks} * 19 + floor((sqrt(8 * (i % {clicks}) + 1) - 1) / 2)::bigint"
    place = folder / "dataset" / "shop"
    place.mkdir(parents=True)
    begin = time.perf_counter()
    duckdb.connect().execute(
        f"copy (select 'user' || ({user}) as \"user_id:token\", "
        f"'item' || (pow(hash(i * 13) % {steps} / {steps}.0, 2) * {items})::int as \"item_id:token\", "
        f"1546300800 + (i % {clicks}) * 40000 + hash(i * 17) % 40000 || '.' || "
        "substr((1000 + hash(i * 23) % 1000)::text, 2)"
        f' as "timestamp:float" from range({count}) as t(i)) '
        f"to '{place / 'shop.inter'}' (format csv, delimiter '\t', header true, quote '', escape '')"
    )
    row = {"millions": millions, "process": "train", "stage": "write the atomic file straight"}
    row |= {"seconds": round(time.perf_counter() - begin, 1), "bytes": (place / "shop.inter").stat().st_size}
    print(json.dumps(row), flush=True)


def size_of(place):
    """Bytes of all files below a folder, while others come and go."""
    total = 0
    for path in place.rglob("*"):
        with contextlib.suppress(OSError):
            total += path.stat().st_blocks * 512
    return total


def train(folder, millions, options):
    """From the atomic file to a bundle; without ``prepare`` before it the file is written straight."""
    import recbole_iacn
    from recbole_iacn.data.history import HistoryDataset
    from recbole_iacn.data.loader import ProtocolTrainDataLoader
    from recbole_iacn.model.retrieval.multi_interest import YouTubeDNN
    from recbole_iacn.training.trainer import IaCNTrainer

    if not (folder / "dataset").exists():
        write_straight(folder, millions)
    with Stages({"millions": millions, "process": "train"}) as stages:
        for kind, name, label, after in (
            (HistoryDataset, "_load_data", "read", "filter"),
            (HistoryDataset, "_remap_ID_all", "number", "fill"),
            (HistoryDataset, "_change_feat_format", "sort", None),
            (HistoryDataset, "data_augmentation", "windows", "split"),
            (ProtocolTrainDataLoader, "__init__", "loaders", None),
            (YouTubeDNN, "__init__", "model", None),
            (IaCNTrainer, "__init__", "trainer", None),
        ):
            stages.at(kind, name, label, after)
        stages.begin("settings")
        given = {**SETTINGS, "data_path": str(folder / "dataset"), "checkpoint_dir": str(folder)}
        training = recbole_iacn.build("YouTubeDNN", "shop", config_dict=given)
        stages.begin("steps")
        stages.end(**steps(training, options.steps))
        stages.begin("validation of some users")
        loader = training.valid_data
        loader.batch_sampler.sampler = range(options.users)
        training.trainer.evaluate(loader, False)
        stages.end(users=options.users, of=len(loader._dataset))
        stages.begin("checkpoint")
        training.trainer._save_checkpoint(0, verbose=False)
        saved = Path(training.trainer.saved_model_file)
        stages.end(bytes=saved.stat().st_size)
        saved.unlink()
        stages.begin("bundle")
        training.save(str(folder / "bundle"), overwrite=True)
        stages.end(files={path.name: path.stat().st_size for path in sorted((folder / "bundle").iterdir())})


def steps(training, count):
    """Training steps as the trainer takes them, from the epoch's first; all of its steps for 0."""
    model, optimizer, loader = training.model, training.trainer.optimizer, training.train_data
    training.trainer._start_epoch(loader, 0)
    spent, processor, losses, targets = [], [], [], 0
    mark = time.perf_counter(), time.thread_time()
    for batch in itertools.islice(loader, count or None):
        optimizer.zero_grad()
        loss = model.calculate_loss(batch)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        targets += int(batch["item_length"].sum()) if training.train_data._dataset.whole_rows else len(batch)
        now = time.perf_counter(), time.thread_time()
        spent.append(now[0] - mark[0])
        processor.append(now[1] - mark[1])
        mark = now
    return {
        "steps": len(spent),
        "of": len(loader),
        "rows": len(loader._dataset),
        "targets_per_step": round(targets / len(spent)),
        "first_step_s": round(spent[0], 2),
        "step_ms": round(1e3 * statistics.median(spent[1:]), 1),
        "step_cpu_ms": round(1e3 * statistics.median(processor[1:]), 1),
        "loss_first": round(losses[0], 4),
        "loss_last": round(statistics.fmean(losses[-50:]), 4),
        "items": model.n_items,
    }


def use(folder, millions, options):
    """What a service does with the bundle."""
    import numpy as np

    import recbole_iacn

    with Stages({"millions": millions, "process": "use"}) as stages:
        stages.begin("imports")
        import recbole_iacn.serving.recommender

        stages.begin("open")
        model = recbole_iacn.load(folder / "bundle")
        stages.begin("first answer")
        items, random = model.items, np.random.default_rng(0)
        histories = [list(items[random.integers(len(items), size=10)]) for _ in range(ASKED * (TIMED // ASKED))]
        model.recommend(histories[:1], k=10)
        stages.begin("first answer to a user who is named")
        users = [str(token) for token in model.catalogue.tokens["user_id"][1 : 1 + len(histories)]]
        model.recommend(histories[:1], k=10, users=users[:1])
        stages.begin("answers, one by one")
        for history, user in zip(histories[:ASKED], users):
            model.recommend([history], k=10, users=[user])
        stages.end(answers=ASKED)
        stages.begin(f"answers, {ASKED} at once")
        for begin in range(0, len(histories), ASKED):
            model.recommend(histories[begin : begin + ASKED], k=10, users=users[begin : begin + ASKED])
        stages.end(answers=len(histories))


# --- By arithmetic ----------------------------------------------------------------------------------------------------


def arithmetic(millions):
    """What counting bytes gives, before anything is run: label, count and bytes each."""
    events, users, items = millions * 1_000_000, millions * 100_000, millions * 10_000
    return [
        ("events.csv: two ids, a time in ISO 8601, a rating", events, 49),
        ("DuckDB: the table as read, as cleaned and as numbered, compressed", events, 40),
        ("DuckDB: the last sort, on disk", events, 75),
        ("atomic file", events, 42),
        ("reading: the cells of three columns in words of 8 bytes", events, 40),
        ("reading: the widest column once more, twice, and its numbering", events, 64),
        ("kept: columns, exact times, clicks, windows, rows of the parts", events, 60),
        ("tokens of users: text, array, dictionary", users, 220),
        ("candidates of leave_one_out_sampled, validation and test", users, 16_000),
        ("table of items", items, 4 * SIZE),
        ("its two moments", items, 8 * SIZE),
        ("its gradient, where it is dense", items, 4 * SIZE),
        ("bundle, on disk: tokens", users + items, 22),
        ("bundle, opened: tokens", users + items, 44),
        ("bundle, while it is opened: tokens", users + items, 180),
        ("bundle, a user is named: their dictionary", users, 160),
    ]


# --- All of it --------------------------------------------------------------------------------------------------------

PROCESSES = {"prepare": prepare, "train": train, "use": use}


def in_a_process(name, millions, given):
    """Run one of the processes; returns the rows that it prints, and whether it came to its end."""
    command = [sys.executable, str(HERE / "scale.py"), "--one", name, "--millions", str(millions)]
    for option in ("folder", "memory", "threads", "steps", "users", "limit"):
        command += [f"--{option}", str(getattr(given, option))]
    environment = {"OMP_NUM_THREADS": "1", **os.environ, "PYTHONPATH": str(HERE.parent)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=given.folder)
    rows = []
    assert process.stdout is not None
    for line in process.stdout:
        print(line, end="", flush=True)
        with contextlib.suppress(ValueError):
            rows.append(json.loads(line))
    return rows, process.wait() == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--millions", type=int, nargs="+", default=[10], help="of interactions (default: 10)")
    parser.add_argument("--folder", type=Path, default=Path("scale"), help="for data and bundles (default: scale)")
    parser.add_argument("--processes", nargs="+", default=list(PROCESSES), choices=list(PROCESSES))
    parser.add_argument("--memory", type=int, default=2048, help="of prepare table, MiB (default: 2048)")
    parser.add_argument("--threads", type=int, default=2, help="of prepare table (default: 2)")
    parser.add_argument("--steps", type=int, default=1000, help="training steps; 0 for a whole epoch (default: 1000)")
    parser.add_argument("--users", type=int, default=256, help="users to validate (default: 256)")
    parser.add_argument("--limit", type=float, default=16, help="GB of a process's memory (default: 16)")
    parser.add_argument("--out", type=Path, default=HERE / "scale.json", help="figures (default: %(default)s)")
    parser.add_argument("--arithmetic", action="store_true", help="print what is expected, and run nothing")
    parser.add_argument("--one", choices=list(PROCESSES), help=argparse.SUPPRESS)
    given = parser.parse_args()
    sys.argv = sys.argv[:1]
    if given.arithmetic:
        for millions in given.millions:
            for label, count, each in arithmetic(millions):
                print(f"{label:70}{count:>14,} x{each:>7,} B = {count * each / 1e9:7.2f} GB")
        return
    given.folder = given.folder.resolve()
    given.folder.mkdir(parents=True, exist_ok=True)
    if given.one:
        limit = int(given.limit * 1e9)
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
        Path("/proc/self/oom_score_adj").write_text("1000")
        PROCESSES[given.one](given.folder, given.millions[0], given)
        return
    rows = json.loads(given.out.read_text()) if given.out.exists() else []
    for millions in given.millions:
        for name in given.processes:
            found, ended = in_a_process(name, millions, given)
            rows = [row for row in rows if (row["millions"], row["process"]) != (millions, name)] + found
            given.out.write_text(json.dumps(rows, indent=1) + "\n")
            if not ended:
                sys.exit(f"{name} at {millions} million did not come to its end")


if __name__ == "__main__":
    main()
