"""Runs an experiment: some processes, one result file a run, nothing lost when it is stopped.

A result is written beside its place and renamed. What stands there already is not run again, so that a stopped
experiment goes on; a changed setting is another run, with a file of its own.
"""

import contextlib
import json
import multiprocessing
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from tqdm import tqdm

from recbole_iacn.data.atomic_writes import write_text
from recbole_iacn.experiments.one_run import train
from recbole_iacn.experiments.plan import Plan, Run
from recbole_iacn.experiments.ray_cluster import connect
from recbole_iacn.experiments.store import note_plan, result_path

Task = tuple[Run, str, str]  # with the folders of data and results
Finished = Callable[[Sequence[Task]], Iterator[tuple[Run, bool]]]  # does the work; whether a run failed


def run_all(plan: Plan, folder: str | Path, jobs: int = 1, progress: bool = True, ray: str | None = None) -> list[Run]:
    """Run what has no result yet.

    Args:
        plan (Plan): the experiment.
        folder (str or pathlib.Path): receives ``runs/<id>.json``, and ``runs/<id>.error`` of a run that failed;
            ``runs/<id>.log`` has a line for each epoch of a run that goes on.
        jobs (int): runs at a time, one thread each. Defaults to 1.
        progress (bool): show a bar over all runs, with the time left.
        ray (str, optional): address of a Ray cluster, or ``local``; it then decides how many runs there are at a time.
            All its machines must find the data under the same path; ``runs/<id>.log`` is there only for runs on
            machines that see ``folder``.

    Returns:
        list of Run: those that failed.

    Raises:
        ConfigError: Ray is asked for and cannot be imported, or is not at that address.
    """
    finished = _by_ray(ray) if ray else by_processes(jobs)
    Path(folder, "runs").mkdir(parents=True, exist_ok=True)
    note_plan(plan, folder)
    return run_missing(plan.runs, plan.data_path, folder, finished, progress)


def run_missing(
    runs: list[Run], data_path: str, folder: str | Path, finished: Finished, progress: bool = True
) -> list[Run]:
    """As :func:`run_all`, of runs that need not be an experiment's, such as a search's trials.

    Args:
        runs (list of Run): what is to have a result.
        data_path (str): where the data lie.
        folder (str or pathlib.Path): has the folder ``runs``.
        finished (Callable): says what does the work, such as :func:`by_processes`.
        progress (bool): as there.

    Returns:
        list of Run: those that failed.
    """
    left = [run for run in runs if not result_path(folder, run).is_file()]
    bar = tqdm(total=len(runs), initial=len(runs) - len(left), disable=not progress, smoothing=0, unit="run")
    failed = []
    tasks = [(run, str(Path(data_path).resolve()), str(Path(folder).resolve())) for run in left]
    with bar:
        for run, error in finished(tasks):
            bar.update()
            if error:
                failed.append(run)
                bar.write(f"{run.title}: failed, see {result_path(folder, run).with_suffix('.error')}")
    return failed


def by_processes(jobs: int) -> Finished:
    """So many processes on this machine, a fresh one for each run. One that is killed is a run that failed."""
    start = multiprocessing.get_context("spawn").Process

    def finished(tasks):
        waiting = list(reversed(tasks))
        running: dict[Any, tuple[Any, Task]] = {}
        try:
            while waiting or running:
                while waiting and len(running) < jobs:
                    task = waiting.pop()
                    process = start(target=_work, args=(task,))
                    process.start()
                    running[process.sentinel] = process, task
                for sentinel in wait(running):
                    process, (run, _, folder) = running.pop(sentinel)
                    process.join()
                    yield run, _failed(result_path(folder, run), process.exitcode)
        finally:
            for process, _ in running.values():
                process.terminate()

    return finished


def _failed(path, code):
    """Whether a process left no result, and, unless it said why itself, what is known of it."""
    if code:
        why = f"by signal {-code}, perhaps for want of memory" if code < 0 else f"with code {code}"
        path.with_suffix(".error").write_text(f"the run's process ended {why}\n")
    return not path.is_file()


def _by_ray(address):
    """As many at a time as the cluster has cores. A run whose process is killed or whose node is lost has failed."""
    call = connect(address)

    def finished(tasks):
        for task, outcome, lost in call(_attempt, tasks):
            yield task[0], _keep(task, *(outcome or (None, lost)))

    return finished


def _work(task):
    """One run, in a process of its own, and its files."""
    _keep(task, *_attempt(task))


def _attempt(task):
    """(a run's result as JSON, None), or (None, the traceback of what ended it)."""
    run, data_path, folder = task
    try:
        with _followed(result_path(folder, run).with_suffix(".log")) as after_epoch:
            result = train(run, data_path, after_epoch)
    except Exception:
        return None, traceback.format_exc()
    return json.dumps(result, indent=1) + "\n", None


def _keep(task, text, why):
    """Write what :func:`_attempt` returned; whether the run failed."""
    run, _, folder = task
    path = result_path(folder, run)
    if why:
        path.with_suffix(".error").write_text(why)
    else:
        write_text(path, text)
        path.with_suffix(".error").unlink(missing_ok=True)
    return bool(why)


@contextlib.contextmanager
def _followed(path):
    """A file that gets a line after each epoch, as long as a run lasts: that can be hours."""
    if not path.parent.is_dir():  # another machine's: a node of a cluster need not see the folder of results
        yield None
        return
    try:
        with path.open("w", buffering=1, encoding="utf-8") as file:
            yield lambda epoch, score: file.write(f"{time.strftime('%X')} epoch {epoch}: validation {score:.4f}\n")
    finally:
        path.unlink(missing_ok=True)
