"""Conversion of gzipped reviews to atomic files: lines per second and core, and memory for an input and one of 8 times
its size.

    python benchmarks/convert.py

The reviews have the size of Amazon Electronics' (about 880 bytes per line, compressed 3:1 by gzip). The speed is the
number of lines divided by the total CPU time of the process; engines that could read the lines are measured for
comparison. Prints a table and writes ``benchmarks/convert.json``.
"""

import argparse
import gzip
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
LINES = 400_000


def write_reviews(path, lines, seed=0):
    """Write ``lines`` gzipped reviews by lines/9 users of lines/27 items."""
    rng = np.random.default_rng(seed)
    letters = list("etaoinshrdlucmfwypvbgk")
    vocabulary = ["".join(rng.choice(letters, size=rng.integers(1, 9))) for _ in range(8_000)]
    frequency = 1 / np.arange(2, 8_002)
    words = rng.choice(vocabulary, size=400_000, p=frequency / frequency.sum()).tolist()
    users, items = rng.integers(0, lines // 9, lines), (rng.random(lines) ** 2 * lines / 27).astype(int)
    with gzip.open(path, "wt", compresslevel=6) as out:
        for line in range(lines):
            begin, length = int(rng.integers(0, 399_000)), int(rng.lognormal(4.6, 0.7)) + 10
            review = {
                "reviewerID": f"A{users[line]:013X}",
                "asin": f"B{items[line]:09d}",
                "reviewerName": " ".join(words[begin : begin + 2]),
                "helpful": [0, int(begin % 7)],
                "reviewText": " ".join(words[begin : begin + length]),
                "overall": float(1 + begin % 5),
                "summary": " ".join(words[begin + 3 : begin + 8]),
                "unixReviewTime": 1_300_000_000 // 86_400 * 86_400 + 86_400 * (begin % 1_000),
                "reviewTime": "01 2, 2011",
            }
            out.write(json.dumps(review) + "\n")


def measure(how, path, memory):
    """Read or convert ``path`` in this process; returns lines, seconds and memory."""
    begin = time.perf_counter()
    lines = {"prepare": _prepare, "duckdb": _duckdb, "polars": _polars, "lines": _lines}[how](path, memory)
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu = used.ru_utime + used.ru_stime
    return {
        "lines": lines,
        "seconds": time.perf_counter() - begin,
        "cpu": cpu,
        "lines_a_second_a_core": lines / cpu,
        "peak_mb": used.ru_maxrss / 1024,
    }


def _prepare(path, memory):
    from recbole_iacn.data.amazon.prepare import Options, prepare

    with tempfile.TemporaryDirectory(dir=Path(path).parent) as folder:
        options = Options(2014, core=5)
        manifest = prepare(path, None, Path(folder) / "out", options, memory=memory, threads=2, progress=False)
    return manifest["inputs"][0]["lines"]


_FIELDS = {"reviewerID": "VARCHAR", "asin": "VARCHAR", "overall": "DOUBLE", "unixReviewTime": "BIGINT"}


def _duckdb(path, memory):
    import duckdb

    base = duckdb.connect()
    base.execute(f"set memory_limit = '{memory}MiB'")
    source = f"read_json('{path}', format = 'newline_delimited', columns = {_FIELDS})"
    base.execute(f"create table reviews as select * from {source}")
    return base.execute("select count(*) from reviews").fetchone()[0]


def _polars(path, memory):
    import polars

    kinds = {"VARCHAR": polars.String, "DOUBLE": polars.Float64, "BIGINT": polars.Int64}
    return len(polars.scan_ndjson(path, schema={name: kinds[kind] for name, kind in _FIELDS.items()}).collect())


def _lines(path, memory):
    from recbole_iacn.data.amazon.formats import DUMPS
    from recbole_iacn.data.amazon.lines import LineFile

    parse, count = DUMPS[2014].review, 0
    for _, lines in LineFile(path).blocks():
        count += len([parse(line) for line in lines if line])
    return count


def in_a_process(how, path, memory):
    command = [sys.executable, __file__, "--measure", how, str(path), str(memory)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return {"error": done.stderr.strip().splitlines()[-1] if done.stderr else f"exit code {done.returncode}"}
    return json.loads(done.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measure", nargs=3, metavar=("HOW", "PATH", "MEMORY"), help=argparse.SUPPRESS)
    parser.add_argument("--memory", type=int, default=512, help="memory limit in MiB (default: %(default)s)")
    parser.add_argument(
        "--times", type=int, nargs="+", default=[1, 8], help="sizes of the input, as multiples (default: 1 8)"
    )
    parser.add_argument("--folder", help="keep the generated reviews here (default: a temporary folder)")
    parser.add_argument("--out", default=HERE / "convert.json", help="where the figures go (default: %(default)s)")
    given = parser.parse_args()
    if given.measure:
        how, path, memory = given.measure
        print(json.dumps(measure(how, path, int(memory))))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder, results = Path(given.folder or temporary), {}
        folder.mkdir(parents=True, exist_ok=True)
        print(f"{'':11}{'lines':>10}{'seconds':>9}{'CPU':>7}{'lines/s/core':>14}{'peak MB':>9}")
        for times in given.times:
            path = folder / f"reviews_{times}.json.gz"
            if not path.is_file():
                write_reviews(path, times * LINES)
            for how in ("lines", "duckdb", "polars", "prepare") if times == 1 else ("prepare",):
                result = results[f"{how} {times}x"] = in_a_process(how, path, given.memory)
                print(f"{how:8}{times:2}x" + (result.get("error") or _row(result)), flush=True)
        Path(given.out).write_text(json.dumps(results, indent=1) + "\n")


def _row(result):
    return (
        f"{result['lines']:10,}{result['seconds']:9.1f}{result['cpu']:7.1f}"
        f"{result['lines_a_second_a_core']:14,.0f}{result['peak_mb']:9.0f}"
    )


if __name__ == "__main__":
    main()
