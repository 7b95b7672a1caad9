"""DuckDB against Polars as the engine that filters reviews: seconds and memory at two and eight million reviews.

    pip install polars
    python benchmarks/engines.py

Both read batches of reviews, drop a user's repeated reviews of an item, filter to the 5-core, and write the reviews
sorted by user and time.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).parent
_BATCH = 200_000


def batches(reviews):
    """Yield frames of reviews with user, item, stars, time and line."""
    rng = np.random.default_rng(0)
    for begin in range(0, reviews, _BATCH):
        user, item = rng.integers(0, reviews // 8, _BATCH), (rng.random(_BATCH) ** 2 * reviews / 25).astype(int)
        yield pd.DataFrame(
            {
                "user": pd.Series([f"A{number:013X}" for number in user], dtype=object),
                "item": pd.Series([f"B{number:09d}" for number in item], dtype=object),
                "rating": rng.integers(1, 6, _BATCH).astype(float),
                "time": 1_300_000_000 + rng.integers(0, 10**8, _BATCH) // 86_400 * 86_400,
                "line": np.arange(begin, begin + _BATCH),
            }
        )


def with_duckdb(reviews, folder, memory):
    sys.path.insert(0, str(HERE.parent))
    from recbole_iacn.data.amazon.staging import Staging

    staging = Staging(folder, memory, threads=2)
    for batch in batches(reviews):
        batch["time"] *= 1000
        staging.add("reviews", list(batch.itertuples(index=False, name=None)))
    staging.number_ids()
    staging.drop_duplicates("first")
    staging.core(5)
    staging.write(folder / "out.inter", folder / "out.item")
    return staging.counts()["interactions"]


def with_polars(reviews, folder, memory):
    import polars as pl

    for number, batch in enumerate(batches(reviews)):
        pl.DataFrame({name: batch[name].to_list() for name in batch}).write_parquet(folder / f"{number:05}.parquet")
    clicks = pl.scan_parquet(folder / "*.parquet").sort("time", "line").unique(["user", "item"], keep="first")
    clicks = clicks.collect(engine="streaming")
    while True:
        before = len(clicks)
        enough = [pl.len().over(side) >= 5 for side in ("user", "item")]
        clicks = clicks.lazy().filter(*enough).collect(engine="streaming")
        if len(clicks) == before:
            break
    clicks.lazy().sort("user", "time", "line").drop("line").sink_csv(folder / "out.inter", separator="\t")
    return len(clicks)


def measure(engine, reviews, memory):
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        left = {"duckdb": with_duckdb, "polars": with_polars}[engine](reviews, Path(folder), memory)
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = time.perf_counter() - begin
    return {"left": left, "seconds": seconds, "cpu": used.ru_utime + used.ru_stime, "peak_mb": used.ru_maxrss / 1024}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measure", nargs=3, metavar=("ENGINE", "REVIEWS", "MEMORY"), help=argparse.SUPPRESS)
    parser.add_argument("--memory", type=int, default=1024, help="DuckDB's memory limit in MiB (default: %(default)s)")
    given = parser.parse_args()
    if given.measure:
        engine, reviews, memory = given.measure
        print(json.dumps(measure(engine, int(reviews), int(memory))))
        return
    print(f"{'':16}{'left':>11}{'seconds':>9}{'CPU':>7}{'peak MB':>9}")
    for millions in (2, 8):
        for engine in ("duckdb", "polars"):
            command = [sys.executable, __file__, "--measure", engine, str(millions * 1_000_000), str(given.memory)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            result = json.loads(done.stdout)
            print(
                f"{engine:9}{millions:2} M   {result['left']:11,}{result['seconds']:9.1f}{result['cpu']:7.1f}"
                f"{result['peak_mb']:9.0f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
