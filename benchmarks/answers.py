"""Recommendations and scores for whole tables: a million users, 15 million events in no order.

    python benchmarks/answers.py

A bundle of MIND over 12,000 generated items; its weights are not trained, which changes no duration. The commands
``recommend`` and ``score`` run as processes of their own. Prints seconds, CPU seconds and the process's peak of memory,
and writes ``benchmarks/answers.json``.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
ITEMS = 12_000


def write_bundle(folder):
    """A model over all items."""
    import recbole_iacn

    place = folder / "data" / "shop"
    place.mkdir(parents=True)
    clicks = (f"u{n // 4}\ti{n % ITEMS}\t{n}" for n in range(4 * ITEMS))
    (place / "shop.inter").write_text("\n".join(["user_id:token\titem_id:token\ttimestamp:float", *clicks]) + "\n")
    columns = {"inter": ["user_id", "item_id", "timestamp"]}
    given = {"data_path": str(place.parent), "load_col": columns, "state": "ERROR"}
    recbole_iacn.build("MIND", "shop", config_dict=given).save(str(folder / "bundle"))


def write_tables(folder, users, events, rows):
    """Events and rows to score; every cell is a function of the row's number."""
    import duckdb

    item = f"'i' || (pow(hash(i * 13) % 1000000 / 1000000.0, 2) * {ITEMS - 1})::int as item_id"
    user = f"'v' || hash(i * 7) % {users} as user_id"
    select = f"select {user}, {item}, 1500000000 + hash(i * 17) % 90000000 as timestamp from range({{}}) as t(i)"
    for name, count in (("events", events), ("rows", rows)):
        duckdb.connect().execute(f"copy ({select.format(count)}) to '{folder / name}.parquet' (format parquet)")


def measure(folder, *arguments):
    """Run a command in a process of its own."""
    command = [sys.executable, "-c", "from recbole_iacn.cli import main; main()", *arguments]
    begin = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, env={**os.environ, "PYTHONPATH": str(HERE.parent)})
    _, status, used = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{arguments[0]} failed")
    return {
        "command": arguments[0],
        "seconds": round(time.perf_counter() - begin, 1),
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 1),
        "peak_mib": round(used.ru_maxrss / 1024),
        "load": os.getloadavg()[0],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--events", type=int, default=15_000_000)
    parser.add_argument("--rows", type=int, default=3_000_000, help="to score")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_bundle(folder)
        write_tables(folder, given.users, given.events, given.rows)
        events = ("bundle", "--events=events.parquet")
        found = []
        for more in (("recommend", *events, "--k=10"), ("score", *events, "--rows=rows.parquet")):
            found.append(measure(folder, *more, f"--out={more[0]}.parquet"))
            print(found[-1], flush=True)
    result = {**vars(given), "items": ITEMS, "runs": found}
    (HERE / "answers.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
