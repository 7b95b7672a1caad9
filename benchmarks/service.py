"""The service under load: requests per second, latency and memory at 1, 8 and 32 clients, beside torch-rechub's way.

    python benchmarks/service.py                                        ml-100k
    python benchmarks/service.py --data_path ../dataset --dataset Beauty
    python benchmarks/service.py --rechub ENVIRONMENT/bin/python        also torch-rechub, from its own environment

Each client sends one history, a real one, and waits for ten items; then the next. The services take turns, round by
round, at each number of clients; figures are medians of the rounds. Every service is a process of its own with one
thread of PyTorch, onnxruntime and faiss; the clients are one more process on the same machine. The models are not
trained: weights do not change the time. Prints the table and writes JSON.
"""

import argparse
import asyncio
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

HERE = Path(__file__).parent
INTERESTS = 4  # MIND's default
SETTINGS = {
    "embedding_size": 16,
    "MAX_ITEM_LIST_LENGTH": 50,
    "mlp_hidden_size": [80, 40],
    "load_col": {"inter": ["user_id", "item_id", "timestamp"]},
    "show_progress": False,
    "state": "ERROR",
    "seed": 1,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", default="ml-100k")
    parser.add_argument("--data_path", default=None)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each service in each round")
    parser.add_argument("--rechub", metavar="PYTHON", help="of an environment with torch-rechub, FastAPI and uvicorn")
    parser.add_argument("--out", default=HERE / "service.json", help="where the figures go (default: %(default)s)")
    given = parser.parse_args()
    sys.argv = sys.argv[:1]
    with tempfile.TemporaryDirectory() as folder:
        histories, sizes = write_bundles(given, Path(folder))
        commands = services(given, Path(folder), sizes)
        processes, ports = {}, {}
        try:
            for name, command in commands.items():
                processes[name], ports[name] = start(command)
            result = measure(given, histories, processes, ports)
        finally:
            for process in processes.values():
                process.kill()
    result = {"dataset": given.dataset, **sizes, "rounds": given.rounds, "services": result}
    Path(given.out).write_text(json.dumps(result, indent=1) + "\n")
    print(table(result))


def write_bundles(given, folder):
    """Bundles of MIND and DIN_IaCN; returns histories of real users, and the sizes of the data."""
    import recbole_iacn

    settings: dict = SETTINGS | ({"data_path": given.data_path} if given.data_path else {})
    for name in ("MIND", "DIN_IaCN"):
        training = recbole_iacn.build(name, given.dataset, config_dict=settings)
        training.save(folder / name)
    config, rows = training.config, training.test_data._dataset[:]
    tokens = training.dataset.field2id_token[config["ITEM_ID_FIELD"]]
    lists = rows[config["ITEM_ID_FIELD"] + config["LIST_SUFFIX"]].numpy()
    histories = [[str(token) for token in tokens[row[row > 0]]] for row in lists[:2_000]]
    return histories, {"items": training.dataset.item_num - 1, "users": training.dataset.user_num - 1}


def services(given, folder, sizes):
    """Commands by name."""
    serve = [sys.executable, "-c", "from recbole_iacn.cli import main; main()", "serve"]
    commands = {
        "MIND": [*serve, folder / "MIND", "--port", 0],
        "MIND, one request at a time": [*serve, folder / "MIND", "--port", 0, "--batch", 1],
        "DIN_IaCN, all items": [*serve, folder / "DIN_IaCN", "--port", 0],
    }
    from recbole_iacn.serving.recommender import Recommender

    if hasattr(Recommender, "pipeline"):
        commands["MIND, then DIN_IaCN"] = [*serve, folder / "DIN_IaCN", "--retriever", folder / "MIND", "--port", 0]
    if given.rechub:
        script = [given.rechub, HERE / "service_rechub.py", "--port", 8199, "--items", sizes["items"]]
        script += ["--users", sizes["users"], "--length", SETTINGS["MAX_ITEM_LIST_LENGTH"]]
        script += ["--size", SETTINGS["embedding_size"], "--interests", INTERESTS]
        commands["torch-rechub's MIND"] = script
    return commands


def start(command):
    """The process of a service, and its port."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(HERE.parent)}
    process = subprocess.Popen([str(one) for one in command], stdout=subprocess.PIPE, text=True, env=environment)
    for line in process.stdout:
        if found := re.search(r"serving .*:(\d+);", line):
            return process, int(found[1])
    raise SystemExit(f"{command[0]}: ended with code {process.wait()}")


def measure(given, histories, processes, ports):
    """Figures by service and number of clients."""
    bodies = [json.dumps({"histories": [history], "k": 10}).encode() for history in histories]
    for port in ports.values():
        asyncio.run(load(port, bodies, 4, 1.0))  # warm
    result = {name: {} for name in ports}
    for clients in given.clients:
        rounds, used = ({name: [] for name in ports} for _ in range(2))
        for _ in range(given.rounds):
            for name, port in ports.items():
                before = cpu(processes[name])
                rounds[name].append(asyncio.run(load(port, bodies, clients, given.seconds)))
                used[name].append((cpu(processes[name]) - before) / len(rounds[name][-1]))
        for name, figures in rounds.items():
            result[name][clients] = {
                "requests_per_second": round(statistics.median(len(some) / given.seconds for some in figures), 1),
                "p50_ms": round(statistics.median(quantile(some, 0.5) for some in figures) * 1e3, 2),
                "p99_ms": round(statistics.median(quantile(some, 0.99) for some in figures) * 1e3, 2),
                "cpu_ms_per_request": round(statistics.median(used[name]) * 1e3, 2),
                "rss_mb": round(psutil.Process(processes[name].pid).memory_info().rss / 1e6),
            }
            print(name, clients, result[name][clients], flush=True)
    return result


def cpu(process):
    """Seconds of all cores that a process has used. On a machine that others use, too, they vary less than the time."""
    times = psutil.Process(process.pid).cpu_times()
    return times.user + times.system


async def load(port, bodies, clients, seconds):
    """Seconds of each request that so many clients, each with one connection, end within a time."""
    taken, end = [], time.perf_counter() + seconds

    async def client(number):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        place = number * 37
        while time.perf_counter() < end:
            body = bodies[place % len(bodies)]
            place += clients
            begin = time.perf_counter()
            writer.write(
                b"POST /recommend HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "
                + str(len(body)).encode()
                + b"\r\n\r\n"
                + body
            )
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head
            await reader.readexactly(int(re.search(rb"content-length: (\d+)", head.lower())[1]))
            taken.append(time.perf_counter() - begin)
        writer.close()

    await asyncio.gather(*(client(number) for number in range(clients)))
    return taken


def quantile(values, share):
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def table(result):
    """The figures in Markdown."""
    lines = [
        f"{result['dataset']}: {result['items']:,} items",
        "",
        "| service | clients | requests per second | p50 | p99 | CPU per request | memory |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, by_clients in result["services"].items():
        for clients, row in by_clients.items():
            lines.append(
                f"| {name} | {clients} | {row['requests_per_second']:,} | {row['p50_ms']} ms | {row['p99_ms']} ms "
                f"| {row['cpu_ms_per_request']} ms | {row['rss_mb']} MB |"
            )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
