"""Experiments and searches that are stopped or killed, and their files when damaged.

Trainings are short and made up (``short_trainings``): what is tried is what lies around them.
"""

import functools
import json
import os
import random
import shutil
import signal
import time

import psutil

from faults import short_trainings
from faults.cases import case
from faults.judged import call, made_once
from recbole_iacn.experiments.plan import read_plan
from recbole_iacn.experiments.runner import Outcome, run_missing
from recbole_iacn.experiments.store import read_results, record_plan, result_path

RANGES = {"learning_rate": {"low": 0.001, "high": 0.1, "log": True}, "iacn_lambda": {"choices": [0.5, 2]}}
CHOICES = {"learning_rate": {"choices": [0.001, 0.01]}, "iacn_lambda": {"choices": [0.5, 2]}}
EXPERIMENT, GRID, OPTUNA = ["experiment"], ["search", "--trials", "4"], ["search", "--trials", "6"]
SPACES = {"experiment": None, "grid": CHOICES, "optuna": RANGES}
COMMANDS = {"experiment": EXPERIMENT, "grid": GRID, "optuna": OPTUNA}
STOPS = 3  # in a try, before the command may end
SECONDS = 600  # that a try may take: four starts of the command, on a busy machine


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
    output, errors = process.communicate()
    _, alive = psutil.wait_procs(children, timeout=10)
    assert not alive, f"goes on after its parent: {alive}"
    ended = "out/trial" in output  # the last line of a command that was done before the signal came
    if process.returncode and number != signal.SIGKILL and not ended:
        last = errors.replace("\r", "\n").strip().splitlines()[-1]
        assert process.returncode == (130 if number == signal.SIGINT else 143), errors[-500:]
        assert last.startswith("interrupted") and "Traceback" not in errors, errors[-500:]


def _children(process):
    try:
        return psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _cut(source, text):
    return text[: source.randrange(len(text))]


def _without_a_field(source, text):
    result = json.loads(text)
    del result[source.choice([key for key in result if key not in ("best", "divergence", "loading")])]
    return json.dumps(result)


def _of_another_kind(source, text):
    result = json.loads(text)
    result[source.choice(list(result))] = source.choice([[], "a", {"a": []}])
    return json.dumps(result)


def _of_another_run(source, text):
    result = json.loads(text)
    result["settings"]["embedding_size"] += source.randrange(1, 9)
    return json.dumps(result)


def _zeros(source, text):
    return "\0" * len(text)


DAMAGES = (_cut, _cut, _without_a_field, _of_another_kind, _of_another_run, _zeros)


@case("damaged file", "an experiment's result, plan and published runs: named, and repeated once removed", tries=100)
def result_damaged(folder, seed):
    source = random.Random(seed)
    plan = read_plan(short_trainings.write_file(folder))
    for run in plan.runs:
        path = result_path(folder / "whole", run)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(short_trainings.train(run, "")))
    record_plan(plan, folder / "whole")
    shutil.copytree(folder / "whole", folder / "out")
    runs = folder / "out" / "runs"
    file = source.choice([*sorted(runs.iterdir()), folder / "out" / "plan.json"])
    text = file.read_text()
    file.write_text(_cut(source, text) if file.name == "plan.json" else source.choice(DAMAGES)(source, text))
    for reader in (read_results, lambda place: run_missing(plan.runs, "", place, _here, progress=False)):
        if file.name != "plan.json" or reader is read_results:
            _, error = call(functools.partial(reader, folder / "out"))
            assert error and error.startswith(f"{file}: is damaged (") and "remove it" in error, error
    file.unlink()
    record_plan(plan, folder / "out")
    assert run_missing(plan.runs, "", folder / "out", _here, progress=False) == []
    assert short_trainings.figures(folder / "out") == short_trainings.figures(folder / "whole")


def _here(function, tasks):
    for task in tasks:
        yield task, Outcome(json.dumps(short_trainings.train(task.run, ""))), None


@case("kill", "an experiment, at any moments, then again", tries=30, quick=False, seconds=SECONDS)
def experiment_killed(folder, seed):
    _stopped("experiment", folder, seed, [signal.SIGKILL])


@case(
    "interrupt",
    "an experiment by Ctrl-C or SIGTERM, at any moments, then again",
    tries=30,
    quick=False,
    seconds=SECONDS,
)
def experiment_interrupted(folder, seed):
    _stopped("experiment", folder, seed, [signal.SIGINT, signal.SIGTERM])


@case(
    "search",
    "by Optuna, stopped or killed at any moments: the trials of a search that was not",
    30,
    quick=False,
    seconds=SECONDS,
)
def optuna_stopped(folder, seed):
    _stopped("optuna", folder, seed, [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])


@case(
    "search",
    "of all choices, stopped or killed at any moments: the trials of one that was not",
    20,
    quick=False,
    seconds=SECONDS,
)
def grid_stopped(folder, seed):
    _stopped("grid", folder, seed, [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
