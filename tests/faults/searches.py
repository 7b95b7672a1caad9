"""Experiments and searches that are stopped or killed, and their files when damaged.

Trainings are short and made up (``short_trainings``): what is tried is what lies around them.
"""

import os
import random
import signal
import time

import psutil

from faults import short_trainings
from faults.cases import case
from faults.judged import made_once

RANGES = {"learning_rate": {"low": 0.001, "high": 0.1, "log": True}, "iacn_lambda": {"choices": [0.5, 2]}}
CHOICES = {"learning_rate": {"choices": [0.001, 0.01]}, "iacn_lambda": {"choices": [0.5, 2]}}
EXPERIMENT, GRID, OPTUNA = ["experiment"], ["search", "--trials", "4"], ["search", "--trials", "6"]
SPACES = {"experiment": None, "grid": CHOICES, "optuna": RANGES}
COMMANDS = {"experiment": EXPERIMENT, "grid": GRID, "optuna": OPTUNA}
STOPS = 3  # in a try, before the command may end


def _command(kind, folder, jobs=1):
    changes = {"search": SPACES[kind]} if SPACES[kind] else {}
    file = short_trainings.write_file(folder, **changes)
    return [*COMMANDS[kind][:1], file, *COMMANDS[kind][1:], "--out", "out", "--jobs", jobs]


def _whole(kind):
    """Figures of a command that nothing interrupts, and the seconds from its beginning to its end."""

    def make(folder):
        process = short_trainings.start(folder, _command(kind, folder), folder / "tmp")
        process.stdout.readline()
        begun = time.monotonic()
        _, errors = process.communicate()
        assert process.returncode == 0, errors
        (folder / "seconds").write_text(str(time.monotonic() - begun))

    folder = made_once(f"searches-{kind}", make)
    return short_trainings.figures(folder / "out" / "trial"), float((folder / "seconds").read_text())


def _stopped(kind, folder, seed, signals):
    """Stop a command a few times at any moment, then let it end; what it has must be what it would have had."""
    source = random.Random(seed)
    whole, seconds = _whole(kind)
    command, tmp = _command(kind, folder, jobs=source.choice((1, 2))), folder / "tmp"
    for _ in range(STOPS):
        process = short_trainings.start(folder, command, tmp)
        process.stdout.readline()
        _wait(process, source.uniform(0, seconds))
        _stop(process, source.choice(signals))
    process = short_trainings.start(folder, command, tmp)
    _, errors = process.communicate()
    assert process.returncode == 0, errors[-500:]
    assert short_trainings.figures(folder / "out" / "trial") == whole
    assert not [path.name for path in tmp.iterdir() if not path.name.startswith("torchinductor")]


def _wait(process, seconds):
    until = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < until:
        time.sleep(0.01)


def _stop(process, number):
    """As a terminal sends Ctrl-C, as a scheduler sends SIGTERM, or as a lack of memory kills."""
    if process.poll() is not None:
        process.communicate()
        return
    children = _children(process)
    (os.killpg if number == signal.SIGINT else os.kill)(process.pid, number)
    _, errors = process.communicate()
    _, alive = psutil.wait_procs(children, timeout=10)
    assert not alive, f"goes on after its parent: {alive}"
    if process.returncode and number != signal.SIGKILL:
        last = errors.replace("\r", "\n").strip().splitlines()[-1]
        assert process.returncode == (130 if number == signal.SIGINT else 143), errors[-500:]
        assert last.startswith("interrupted") and "Traceback" not in errors, errors[-500:]


def _children(process):
    try:
        return psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


@case("kill", "an experiment, at any moments, then again", tries=30, quick=False)
def experiment_killed(folder, seed):
    _stopped("experiment", folder, seed, [signal.SIGKILL])


@case("interrupt", "an experiment by Ctrl-C or SIGTERM, at any moments, then again", tries=30, quick=False)
def experiment_interrupted(folder, seed):
    _stopped("experiment", folder, seed, [signal.SIGINT, signal.SIGTERM])


@case("search", "by Optuna, stopped or killed at any moments: the trials of a search that was not", 30, quick=False)
def optuna_stopped(folder, seed):
    _stopped("optuna", folder, seed, [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])


@case("search", "of all choices, stopped or killed at any moments: the trials of one that was not", 20, quick=False)
def grid_stopped(folder, seed):
    _stopped("grid", folder, seed, [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
