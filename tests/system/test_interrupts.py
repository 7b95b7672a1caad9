"""Ctrl-C and SIGTERM end a process with one line, and its children with it."""

import os
import signal
import subprocess
import sys
import time

import pytest

PARENT = """
import multiprocessing, sys, time
from recbole_iacn.system import interrupts

def child():
    interrupts.begin_child()
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
