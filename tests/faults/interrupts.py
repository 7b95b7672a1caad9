"""Ctrl-C, SIGTERM and kill -9 at any moment of the commands, and the same command again."""

import contextlib
import http.server
import json
import os
import random
import signal
import socket
import threading
import time
from pathlib import Path

from faults.cases import case
from faults.interrupted import CODES, LONGEST, Command, Running, check_line, disturb
from faults.interrupted_inputs import with_model, with_tables
from faults.judged import made_once

SIGNALS = (signal.SIGINT, signal.SIGTERM)
os.environ.setdefault("SOURCE_DATE_EPOCH", "0")  # the time at which a bundle was made is all that differs


def _tables():
    return made_once("interrupted-tables", with_tables)


def _all():
    return made_once("interrupted", with_model)


def _tested(folder, ended):
    """The figures of a training's test."""
    assert ended.out.count("\n") == 1, f"no test result: {ended.err[-300:]}"
    return json.loads(ended.out)["test"]


def _printed(folder, ended):
    return ended.out


def _train(*more):
    def arguments(given):
        flags = {"model": "DIN_IaCN", "dataset": "tiny", "data_path": given / "data", "epochs": 4, "seed": 7}
        flags |= {"protocol": "leave_one_out_ctr", "mlp_hidden_size": "[8]", "embedding_size": 8, "state": "INFO"}
        flags |= {"train_batch_size": 64, "show_progress": False, "checkpoint_dir": "made"}
        return ["train", "--json", *(f"--{key}={value}" for key, value in flags.items()), *(one() for one in more)]

    return arguments


def _free_port():
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as probe:
        return f"--port={probe.getsockname()[1]}"


def _made(*words):
    def arguments(given):
        return [*(str(one).format(given=given) for one in words), "--overwrite"]

    return arguments


_TABLE = _made(
    *("prepare", "table", "--name", "shop", "--out", "made", "--events", "{given}/events.csv"),
    *("--items", "{given}/items.csv", "--threads", 2, "--core", 2),
)
_SEQUENCES = _made(
    *("prepare", "sequences", "--name", "some", "--out", "made", "--sequences", "{given}/sequences.txt"),
    *("--attributes", "{given}/attributes.json"),
)
_AMAZON = _made(
    *("prepare", "amazon", "--year", 2014, "--name", "Shop", "--out", "made", "--core", 2, "--threads", 2),
    *("--reviews", "{given}/reviews.json.gz", "--meta", "{given}/meta.json"),
)
_EVENTS = ("--events", "{given}/events.csv", "--threads", 2)

# name -> arguments, result, tries of each kind, quick
COMMANDS = {
    "prepare table": (_TABLE, None, 60, False),
    "prepare sequences": (_SEQUENCES, None, 60, True),
    "prepare amazon": (_AMAZON, None, 60, False),
    "prepare rows": (
        lambda given: ["prepare", "rows", "--dataset", "tiny", "--data_path", given / "data"],
        _printed,
        20,
        False,
    ),
    "recommend": (_made("recommend", "{given}/bundle", *_EVENTS, "--k", 5, "--out", "a.parquet"), None, 40, False),
    "score": (
        _made("score", "{given}/bundle", *_EVENTS, "--rows", "{given}/events.csv", "--out", "a.csv"),
        None,
        40,
        False,
    ),
    "bundle": (
        _made("bundle", "{given}/checkpoint.pth", "--out", "made/b", "--data_path", "{given}/data"),
        None,
        40,
        False,
    ),
    "export": (_made("export", "{given}/bundle", "--out", "made/graph"), None, 6, False),
    "train": (_train(), _tested, 30, False),
    "train with workers": (_train(lambda: "--worker=2"), _tested, 15, False),
    "train in two processes": (_train(lambda: "--nproc=2", _free_port), _tested, 10, False),
    "train with a bundle": (_train(lambda: "--bundle=made/b", lambda: "--overwrite"), _tested, 20, False),
    "report": (lambda given: ["report", given / "results"], _printed, 20, False),
    "report with pictures": (lambda given: ["report", given / "results", "--pictures"], _printed, 6, False),
    "doctor": (lambda given: ["doctor"], lambda folder, ended: "", 10, False),
}


def _add(name, arguments, result, tries, quick):
    command = Command(name, arguments, result)

    def attempt(numbers, folder, seed):
        inputs = _tables() if quick else _all()
        disturb(command, inputs, folder, seed, numbers)

    def interrupted(folder, seed):
        attempt(SIGNALS, folder, seed)

    def killed(folder, seed):
        attempt((signal.SIGKILL,), folder, seed)

    for one in (interrupted, killed):
        one.__qualname__ = f"{one.__name__}.{name.replace(' ', '_')}"
    seconds = 300
    case("interrupt", f"{name}: Ctrl-C or SIGTERM at any moment, then again", tries, quick, seconds=seconds)(
        interrupted
    )
    case("kill", f"{name}: killed at any moment, then again", tries, quick, seconds=seconds)(killed)


for _name, _about in COMMANDS.items():
    _add(_name, *_about)


# --- Those that talk over the network


class _Publisher(http.server.BaseHTTPRequestHandler):
    """A file in small parts, with pauses; a proxy's request names the whole address."""

    content = bytes(range(256)) * 4096

    def do_GET(self):
        asked = self.headers.get("Range", "bytes=0-")
        body = self.content[int(asked.removeprefix("bytes=").removesuffix("-")) :]
        self.send_response(206 if len(body) < len(self.content) else 200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", '"one"')
        self.end_headers()
        with contextlib.suppress(OSError):
            for start in range(0, len(body), 1 << 15):
                self.wfile.write(body[start : start + (1 << 15)])
                time.sleep(0.005)

    def log_message(self, *_):
        pass


def _download(folder, seed, numbers):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Publisher) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        os.environ |= {"http_proxy": f"http://127.0.0.1:{server.server_address[1]}", "no_proxy": ""}
        words = ["download", "amazon", "--year", 2014, "--category", "Books", "--kinds", "core5", "--out", "made"]
        command = Command("download", lambda given: words)
        try:
            disturb(command, folder, folder, seed & ~1, numbers)
        finally:
            server.shutdown()
            del os.environ["http_proxy"], os.environ["no_proxy"]


@case("interrupt", "download: Ctrl-C or SIGTERM at any moment, then again", tries=60)
def download_interrupted(folder, seed):
    _download(folder, seed, SIGNALS)


@case("kill", "download: killed at any moment, then again", tries=60)
def download_killed(folder, seed):
    _download(folder, seed, (signal.SIGKILL,))


@case("interrupt", "serve: Ctrl-C or SIGTERM, while it starts or serves", tries=20, quick=False)
def serve_interrupted(folder, seed):
    source = random.Random(seed)
    (folder / "work").mkdir()
    given = _all()
    fresh = seed % 3 == 0
    running = Running(["serve", given / "bundle", "--port", 0], folder, fresh)
    time.sleep(source.uniform(0, 8 if fresh else 2))
    number = source.choice(SIGNALS)
    running.tell(number)
    ended = running.ended(LONGEST)
    check_line(ended, number, lambda: False)
    assert ended.code == CODES[number], f"a service ends by a signal alone, not with {ended.code}"
    assert not list(Path(folder, "work").iterdir())
