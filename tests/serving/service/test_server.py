"""The service's process: its address, its signals. The model is the one of tests/served.py."""

import re
import signal
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")
pytest.importorskip("prometheus_client")
from served import ask, process, wait_until

from recbole_iacn.errors import ConfigError
from recbole_iacn.serving.service.request_limits import Limits
from recbole_iacn.serving.service.server import listen, serve


def test_a_free_port_is_found_and_one_in_use_is_one_line():
    with closing(listen("127.0.0.1", 0)) as first:
        port = first.getsockname()[1]
        line = rf"^port: {port} of 127.0.0.1 is in use; give another --port, or --port 0 for any free one$"
        with pytest.raises(ConfigError, match=line):
            listen("127.0.0.1", port)
    listen("127.0.0.1", port).close()  # free again


@pytest.mark.parametrize(
    ("host", "port", "line"),
    [
        ("127.0.0.1", 70_000, "port: must be from 0 to 65535, got 70000"),
        ("203.0.113.7", 0, "host: 203.0.113.7 is not an address of this machine"),
        ("no such host", 0, "host: 'no such host' is not an address of this machine"),
    ],
)
def test_an_address_that_cannot_be_had(host, port, line):
    with pytest.raises(ConfigError, match=f"^{re.escape(line)}"):
        listen(host, port)


@pytest.mark.parametrize("package", ["fastapi", "uvicorn", "prometheus_client"])
def test_a_missing_package_names_the_extra(package, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("recbole_iacn.serving.service")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ConfigError, match=rf"^serve: needs {package}; pip install 'recbole_iacn\[serve\]'$"):
        serve("bundle")


@pytest.mark.parametrize("option", ["threads", "batch", "candidates"])
def test_options_of_0(option):
    with pytest.raises(ConfigError, match=f"^{option}: must be at least 1, got 0$"):
        serve("bundle", **{option: 0})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0])
def test_times_that_are_none(value):
    with pytest.raises(ConfigError, match=rf"^grace: must be at least 0, got {value}$"):
        serve("bundle", grace=value)
    with pytest.raises(ConfigError, match=rf"^max_seconds: must be a number above 0, got {value}$"):
        Limits(seconds=value)


SCRIPT = """
import sys, threading
from pathlib import Path
from served import HandMade, served
from recbole_iacn.serving.service.application import application
from recbole_iacn.serving.service.server import listen, run
from recbole_iacn.system import interrupts

folder, count = Path(sys.argv[1]), iter(range(10))

class Hold:
    def wait(self, seconds):
        (folder / "entered").touch()
        while not (folder / "go").exists():
            threading.Event().wait(.01)
        return True

def load():
    if (folder / "broken").exists():
        raise OSError("half a bundle")
    model = HandMade()
    model.hold = Hold()
    return served(recommender=model, bundle=f"bundle {next(count)}")

with interrupts.ending_with_a_line(own=True):
    run(application(load), listen("127.0.0.1", 0))
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="signals of POSIX")
def test_signals_reload_and_end_without_a_lost_request(tmp_path):
    """A request that has begun is answered after SIGTERM, by the bundle with which it began."""
    tests = Path(__file__).parents[2]
    command = [sys.executable, "-c", SCRIPT, str(tmp_path)]
    with (
        ThreadPoolExecutor(1) as client,
        process(command, [tests, tests.parent]) as server,
    ):
        first = server.stdout.readline()
        assert first.startswith("serving model HandMade, bundle bundle 0, items 8 at http://127.0.0.1:"), first
        port = int(re.search(r":(\d+);", first)[1])
        bundle = lambda: ask(port, "/health")[1]["bundle"]  # noqa: E731
        answer = client.submit(ask, port, "/recommend", {"histories": [["a"]], "k": 1})
        wait_until((tmp_path / "entered").exists)
        server.send_signal(signal.SIGHUP)
        wait_until(lambda: bundle() == "bundle 1")
        (tmp_path / "broken").touch()
        server.send_signal(signal.SIGHUP)
        assert server.stdout.readline() == "error: reload: OSError: half a bundle; bundle bundle 1 is still served\n"
        assert bundle() == "bundle 1"
        server.send_signal(signal.SIGTERM)
        wait_until(lambda: refused(port))
        (tmp_path / "go").touch()
        status, content = answer.result()
        assert (status, content["bundle"]) == (200, "bundle 0")
        assert server.wait(20) == 143 and server.stdout.read() == ""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="signals of POSIX")
def test_a_second_ctrl_c_does_not_wait_for_what_has_begun(tmp_path):
    tests = Path(__file__).parents[2]
    with (
        ThreadPoolExecutor(1) as client,
        process([sys.executable, "-c", SCRIPT, str(tmp_path)], [tests, tests.parent]) as server,
    ):
        port = int(re.search(r":(\d+);", server.stdout.readline())[1])
        answer = client.submit(ask, port, "/recommend", {"histories": [["a"]], "k": 1})
        wait_until((tmp_path / "entered").exists)
        server.send_signal(signal.SIGINT)
        wait_until(lambda: refused(port))
        server.send_signal(signal.SIGINT)
        assert server.wait(20) == 130  # the model never answers
        assert answer.exception() is not None or answer.result()[0] != 200


def refused(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except ConnectionError:
        return True
    return False
