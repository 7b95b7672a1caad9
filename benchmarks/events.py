"""Conversion of a plain table: 10 million events with ISO times, from a CSV file to atomic files.

    python benchmarks/events.py

The events are generated: a million users, 200,000 items with a long tail, times to the millisecond in no order. The
command ``prepare table`` runs as a process of its own. Prints seconds, CPU seconds, the process's peak of memory and
the machine's load, and writes ``benchmarks/events.json``.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent


def write_events(path, count, users=1_000_000, items=200_000):
    """Write ``count`` events; every cell is a function of the row's number."""
    import duckdb

    steps = 5 * items  # of popularity, so that no item is left out
    duckdb.connect().execute(
        f"copy (select 'user' || hash(i * 7) % {users} as user_id, "
        f"'item' || (pow(hash(i * 13) % {steps} / {steps}.0, 2) * {items})::int as product_id, "
        "strftime(make_timestamp(1546300800000000 + (hash(i * 17) % 7776000000)::bigint * 1000), "
        "'%Y-%m-%dT%H:%M:%S.%gZ') as event_time, hash(i * 19) % 5 + 1 as stars "
        f"from range({count}) as t(i)) to '{path}' (header)"
    )


def measure(folder, events, memory, threads):
    """Convert in a process of its own."""
    options = [f"--memory={memory}", f"--threads={threads}", f"--out={folder}/dataset", "--name=shop"]
    command = [sys.executable, "-c", "from recbole_iacn.cli import main; main()", "prepare", "table", *options]
    begin, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([*command, f"--events={events}"], check=True, env={**os.environ, "PYTHONPATH": str(HERE.parent)})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "seconds": round(time.perf_counter() - begin, 1),
        "cpu_seconds": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 1),
        "peak_mb": round(after.ru_maxrss / 1024),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000_000, help="number of events (default: %(default)s)")
    parser.add_argument("--memory", type=int, default=2048, help="limit in MiB (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="threads of the database (default: %(default)s)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        events = Path(folder, "events.csv")
        write_events(events, given.count)
        load = os.getloadavg()[0]
        result = {**vars(given), "input_mb": events.stat().st_size // 2**20, "load_before": round(load, 1)}
        result |= measure(folder, events, given.memory, given.threads)
    print(json.dumps(result))
    (HERE / "events.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
