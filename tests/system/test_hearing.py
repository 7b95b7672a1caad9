"""A process of a command's own ends by a signal whatever it is doing, with one line and one exit code."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")

SCRIPT = """
import hashlib, multiprocessing, os, sys, time
from recbole_iacn.system import hearing, interrupts
hearing.STUCK, hearing.LONGEST, hearing._SAME = 0.3, 0.6, 0.2
ready = lambda: print("at work", flush=True)
def work():
{work}
if __name__ == "__main__":
    with interrupts.ending_with_a_line(own=True), interrupts.saying("1 is done"):
        work()
"""

AT_WORK = {
    "in Python": "ready(); time.sleep(60)",
    "in a long call of a library": "ready(); hashlib.pbkdf2_hmac('sha256', b'', b'', 10**9)",
    "in text that is executed": "exec('ready(); time.sleep(60)')",
    "where every exception is swallowed": """
        ready()
        while True:
            try:
                time.sleep(60)
            except BaseException:
                pass
        """,
    "in a destructor": """
        class Loud:
            def __del__(self):
                ready()
                time.sleep(60)
        Loud()
        time.sleep(60)
        """,
    "where an object is half made": """
        class Loader:
            def __init__(self):
                ready()
                time.sleep(60)
                self.workers = []
            def __del__(self):
                self.workers
        Loader()
        """,
    "where a library raises an error of its own": """
        with interrupts.undisguised():
            try:
                ready()
                time.sleep(60)
            except KeyboardInterrupt:
                raise RuntimeError("Query interrupted")
        """,
    "with a thread that goes on": """
        import threading
        threading.Thread(target=time.sleep, args=(60,)).start()
        ready()
        time.sleep(60)
        """,
    "with a child by fork": """
        child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,))
        child.start()
        ready()
        time.sleep(60)
        """,
    "with a child that is being started": """
        child = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(60,))
        interrupts.start(child)
        ready()
        time.sleep(60)
        """,
}


@pytest.fixture
def start(tmp_path):
    """Start a script's work in a session of its own; returns when it is at work."""

    def started(work, before=None):
        lines = [line.removeprefix(" " * 8) for line in work.splitlines() if line.strip()]
        (tmp_path / "script.py").write_text(SCRIPT.replace("{work}", "\n".join(f"    {line}" for line in lines)))
        process = subprocess.Popen(
            [sys.executable, "-m", "script"],  # where Python has yet another way to end after Ctrl-C
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=before,
            cwd=tmp_path,
        )
        every.append(process)
        assert process.stdout.readline() == "at work\n"
        return process

    every = []
    yield started
    for process in every:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("work", AT_WORK.values(), ids=AT_WORK)
def test_it_ends_with_one_line_and_its_code(start, work, number, code):
    process = start(work)
    (os.killpg if number == signal.SIGINT else os.kill)(process.pid, number)
    _, errors = process.communicate(timeout=30)  # also the end of all who have inherited the stream
    assert (process.returncode, errors) == (code, "interrupted; 1 is done\n")


CLEANING = """
        try:
            ready()
            time.sleep(60)
        finally:
            time.sleep({seconds})
            open("cleaned", "w").close()
        """


def test_a_signal_that_comes_twice_is_one(start, tmp_path):
    process = start(CLEANING.replace("{seconds}", "0.1"))
    for _ in range(2):
        process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130 and (tmp_path / "cleaned").exists()


def test_a_second_one_ends_at_once(start, tmp_path):
    process = start(CLEANING.replace("{seconds}", "60").replace("ready()", "hearing.LONGEST = 60; ready()"))
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (130, "interrupted; 1 is done\n") and not (tmp_path / "cleaned").exists()


def test_ctrl_c_stays_ignored_where_it_was(start):
    process = start("ready(); time.sleep(60)", lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))
    process.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.5)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 143


def test_another_s_handlers_are_left_alone(start):
    process = start("""
        import signal
        with interrupts.left_to_another():
            told = []
            before = signal.signal(signal.SIGINT, lambda *_: told.append(1))
            ready()
            while not told:
                time.sleep(0.01)
            time.sleep(1.5)  # longer than STUCK and LONGEST
            signal.signal(signal.SIGINT, before)
            print("ended well", flush=True)
            signal.raise_signal(signal.SIGINT)
        """)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=30)
    assert (process.returncode, output, errors) == (130, "ended well\n", "interrupted; 1 is done\n")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_command_hears_while_the_package_is_imported(tmp_path, number, code):
    (tmp_path / "recbole_iacn").mkdir()
    (tmp_path / "recbole_iacn" / "__init__.py").write_text(
        "print('importing', flush=True)\nimport time; time.sleep(60)"
    )
    root = Path(__file__).parents[2]
    process = subprocess.Popen(
        [sys.executable, "-c", "import recbole_iacn_command; recbole_iacn_command.main()"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (tmp_path, root)))},
        cwd=tmp_path,
    )
    assert process.stdout.readline() == "importing\n"
    process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (code, "interrupted\n")
