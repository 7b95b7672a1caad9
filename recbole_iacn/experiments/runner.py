"""Run an experiment in several processes, with one result file per run, so that an interruption loses no results.

Results are written atomically. A run whose result exists is not repeated, so that an interrupted experiment can be
continued; a changed setting makes another run, with its own file.
"""

import contextlib
import json
import multiprocessing
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from recbole_iacn.experiments.kept import bundle_path, is_kept
from recbole_iacn.experiments.one_run import train
from recbole_iacn.experiments.plan import Plan, Run
from recbole_iacn.experiments.ray_cluster import connect
from recbole_iacn.experiments.store import record_plan, result_path
from recbole_iacn.system import claims
from recbole_iacn.system.atomic_writes import write_text


class Task(NamedTuple):
    """A run, the folder of the data, that of the results, and whether the model is kept."""

    run: Run
    data_path: str
    folder: str
    keep: bool = False


Finished = Callable[[Sequence[Task]], Iterator[tuple[Run, bool]]]  # runs tasks; yields each run and whether it failed


@claims.alone_in("folder", "an experiment or a search", "wait until it has ended, or name another folder (--out)")
def run_all(
    plan: Plan,
    folder: str | Path,
    jobs: int = 1,
    progress: bool = True,
    ray: str | None = None,
    keep: bool = False,
) -> list[Run]:
    """Run all runs of an experiment that have no result yet.

    Args:
        plan (Plan): the experiment.
        folder (str or pathlib.Path): receives ``runs/<id>.json`` per run, and ``runs/<id>.error`` for a run that
            failed; ``runs/<id>.log`` has a line per epoch while a run is active.
        jobs (int): the number of runs at the same time, with one thread each. Defaults to 1.
        progress (bool): show a progress bar over all runs, with the remaining time. Defaults to True.
        ray (str, optional): address of a Ray cluster, or ``local``; the cluster then determines the number of runs at
            the same time. All its machines must have the data at the same path; ``runs/<id>.log`` exists only for runs
            on machines that can access ``folder``.
        keep (bool): keep the model of each run's best epoch in ``bundles/<id>/``; a run that has a result and no bundle
            is repeated. Not with ``ray``, whose machines may not see the folder. Defaults to False.

    Returns:
        list of Run: the runs that failed.

    Raises:
        ConfigError: ``ray`` is given, and Ray cannot be imported or there is no cluster at that address.
    """
    finished = _by_ray(ray) if ray else by_processes(jobs)
    Path(folder, "runs").mkdir(parents=True, exist_ok=True)
    record_plan(plan, folder)
    return run_missing(plan.runs, plan.data_path, folder, finished, progress, keep)


def run_missing(
    runs: list[Run],
    data_path: str,
    folder: str | Path,
    finished: Finished,
    progress: bool = True,
    keep: bool = False,
) -> list[Run]:
    """Like :func:`run_all`, for runs that need not belong to an experiment, such as the trials of a search.

    Args:
        runs (list of Run): the runs.
        data_path (str): the folder that contains the datasets.
        folder (str or pathlib.Path): the folder that contains ``runs/``.
        finished (Callable): runs the tasks, such as the result of :func:`by_processes`.
        progress, keep (bool): as in :func:`run_all`.

    Returns:
        list of Run: the runs that failed.
    """
    left = [run for run in runs if not is_done(folder, run, keep)]
    bar = tqdm(total=len(runs), initial=len(runs) - len(left), disable=not progress, smoothing=0, unit="run")
    failed = []
    tasks = [Task(run, str(Path(data_path).resolve()), str(Path(folder).resolve()), keep) for run in left]
    with bar:
        for run, error in finished(tasks):
            bar.update()
            if error:
                failed.append(run)
                bar.write(f"{run.title}: failed, see {result_path(folder, run).with_suffix('.error')}")
    return failed


def is_done(folder: str | Path, run: Run, keep: bool = False) -> bool:
    """Whether a run has its result and, if models are kept, its bundle."""
    return result_path(folder, run).is_file() and (not keep or is_kept(folder, run))


def by_processes(jobs: int) -> Finished:
    """Run tasks in up to ``jobs`` processes on this machine, each in a new process. If a process is killed, its run has
    failed."""
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
                    process, task = running.pop(sentinel)
                    process.join()
                    yield task.run, _failed(task, process.exitcode)
        finally:
            for process, _ in running.values():
                process.terminate()

    return finished


def _failed(task, code):
    """Whether a process left no result. If it ended abnormally, the reason is written to the run's error file."""
    if code:
        why = f"by signal {-code}, perhaps for lack of memory" if code < 0 else f"with code {code}"
        path = result_path(task.folder, task.run).with_suffix(".error")
        write_text(path, f"the run's process ended {why}\n")
    return not is_done(task.folder, task.run, task.keep)


def _by_ray(address):
    """Run as many tasks at the same time as the cluster has cores. If a run's process is killed or its node is lost,
    the run has failed."""
    call = connect(address)

    def finished(tasks):
        for task, outcome, lost in call(_attempt, tasks):
            yield task[0], _keep(task, *(outcome or (None, lost)))

    return finished


def _work(task):
    """Carry out one run in this process and write its files."""
    _keep(task, *_attempt(task))


def _attempt(task):
    """Carry out one run; returns (its result as JSON, None), or (None, the traceback of the exception)."""
    run, data_path, folder, keep = task
    try:
        with _followed(result_path(folder, run).with_suffix(".log")) as after_epoch:
            result = train(run, data_path, after_epoch, bundle_path(folder, run) if keep else None)
    except Exception:
        return None, traceback.format_exc()
    return json.dumps(result, indent=1) + "\n", None


def _keep(task, text, error):
    """Write what :func:`_attempt` returned; returns whether the run failed."""
    run, _, folder, _ = task
    path = result_path(folder, run)
    if error:
        write_text(path.with_suffix(".error"), error)
    else:
        write_text(path, text)
        path.with_suffix(".error").unlink(missing_ok=True)
    return bool(error)


@contextlib.contextmanager
def _followed(path):
    """While active, write a line per epoch to a file, because a run may take hours."""
    if not path.parent.is_dir():  # a node of a cluster may not have access to the folder of results
        yield None
        return
    try:
        with path.open("w", buffering=1, encoding="utf-8") as file:
            yield lambda epoch, score: file.write(f"{time.strftime('%X')} epoch {epoch}: validation {score:.4f}\n")
    finally:
        path.unlink(missing_ok=True)
