"""Ctrl-C and SIGTERM end a process with one line, and its children with it."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time

import pytest

from recbole_iacn.system import interrupts
from recbole_iacn.system.atomic_writes import write_text

PARENT = """
import io, multiprocessing, sys, time
from tqdm import tqdm
from recbole_iacn.system import interrupts

def child():
    interrupts.begin_child()
    bar = tqdm(disable=False, file=io.StringIO())  # which RecBole shows while it trains
    while True:
        time.sleep(60)

if __name__ == "__main__":
    with interrupts.ending_with_a_line():
        process = multiprocessing.get_context("spawn").Process(target=child)
        process.start()
        try:
            with interrupts.saying("1 of 3 is done"), interrupts.saying("{inner}"):
                time.sleep(1)
                print(process.pid, flush=True)
                time.sleep(60)
        finally:
            interrupts.stop([process])
"""


@pytest.fixture
def parent(tmp_path):
    def start(inner=""):
        (tmp_path / "parent.py").write_text(PARENT.replace("{inner}", inner))
        process = subprocess.Popen(
            [sys.executable, str(tmp_path / "parent.py")],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process, int(process.stdout.readline())

    started = []
    yield start
    for process in started:
        process.kill()
        process.communicate()


def is_gone(pid, seconds=10):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize(("inner", "line"), [("", "interrupted; 1 of 3 is done\n"), ("a", "interrupted; a\n")])
def test_one_line_a_code_and_no_child(parent, number, code, inner, line):
    process, child = parent(inner)
    os.killpg(process.pid, number)  # as a terminal does: the child hears it, too
    _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (code, line) and is_gone(child)


def test_a_child_ends_with_a_parent_that_was_killed(parent):
    process, child = parent()
    process.kill()
    assert is_gone(child)
    assert process.communicate(timeout=20)[1] == ""


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        (None, None, "is not written"),
        ("old", "old", "is as it was"),
        ("old", "new", "is written"),
        (None, "new", "is written"),
    ],
)
def test_the_line_says_whether_a_file_has_been_written(tmp_path, capsys, before, after, line):
    path = tmp_path / "made"
    if before:
        write_text(path, before)
    with pytest.raises(SystemExit) as ended, interrupts.ending_with_a_line(), interrupts.leaving(path):
        if after not in (None, before):
            write_text(path, after)
        raise KeyboardInterrupt
    assert ended.value.code == 130 and capsys.readouterr().err == f"interrupted; {path} {line}\n"


def test_what_was_reached_is_asked_for_when_it_is_said_and_the_innermost_counts(capsys):
    reached = ["nothing"]
    with (
        pytest.raises(SystemExit),
        interrupts.ending_with_a_line(),
        interrupts.saying("outer"),
        interrupts.saying(lambda: reached[0]),
        interrupts.saying(""),
    ):
        reached[0] = "1 of 3"
        raise interrupts.Terminated
    assert capsys.readouterr().err == "interrupted; 1 of 3\n"


def test_an_error_without_a_signal_is_an_error():
    with pytest.raises(RuntimeError, match="mine"), interrupts.ending_with_a_line(), interrupts.undisguised():
        raise RuntimeError("mine")


def test_a_child_that_does_not_listen_is_killed():
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    child = context.Process(target=_deaf, args=(ready,), daemon=True)
    child.start()
    assert ready.wait(60)
    interrupts.stop([child], seconds=0.2)
    assert child.exitcode == -signal.SIGKILL


def _deaf(ready):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    ready.set()
    time.sleep(60)
