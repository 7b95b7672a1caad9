"""Processes that carry out tasks end with the one that has started them, and one that is killed has failed alone."""

import os
import signal
import time

import psutil
import pytest

from recbole_iacn.experiments.workers import by_processes


def work(task):
    if task == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if task == "failing":
        raise LookupError("no such thing")
    if task == "large":
        return "x" * 10**6  # more than a pipe holds
    if isinstance(task, float):
        time.sleep(task)
    return task


@pytest.mark.slow
def test_every_task_has_its_outcome():
    ended = {task: (value, error) for task, value, error in by_processes(2)(work, ["killed", "failing", "large", 1])}
    assert ended["large"] == ("x" * 10**6, None) and ended[1] == (1, None)
    assert ended["killed"] == (None, "the run's process ended by signal 9, perhaps for lack of memory\n")
    assert ended["failing"][0] is None and ended["failing"][1].endswith("LookupError: no such thing\n")


@pytest.mark.slow
def test_closing_ends_the_processes():
    before = set(psutil.Process().children(recursive=True))
    calls = by_processes(3)(work, [1, 3600.0, 3600.0])
    assert next(calls) == (1, 1, None)
    started = [one for one in psutil.Process().children(recursive=True) if one not in before]
    calls.close()
    left = [one for one in started if one.is_running() and "resource_tracker" not in " ".join(one.cmdline())]
    assert len(started) >= 2 and left == []
