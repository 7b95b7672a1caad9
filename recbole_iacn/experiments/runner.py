"""Run an experiment in several processes, with one result file per run, so that an interruption loses no results.

Results are written atomically. A run whose result exists is not repeated, so that an interrupted experiment can be
continued; a changed setting makes another run, with its own file.
"""

import contextlib
import json
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from recbole_iacn.errors import ConfigError
from recbole_iacn.experiments.kept import bundle_path, is_kept
from recbole_iacn.experiments.one_run import train
from recbole_iacn.experiments.plan import Plan, Run
from recbole_iacn.experiments.ray_cluster import Calls, connect
from recbole_iacn.experiments.said import Said
from recbole_iacn.experiments.store import BUSY, ELSEWHERE, has_result, planned, prepare, record_plan, result_path
from recbole_iacn.experiments.unfinished import forget, is_begun, of_others, place_of, sweep
from recbole_iacn.experiments.workers import by_processes
from recbole_iacn.system import claims, disk
from recbole_iacn.system.atomic_writes import write_text


class Task(NamedTuple):
    """A run, the folder of the data, that of the results, and whether the model is kept."""

    run: Run
    data_path: str
    folder: str
    keep: bool = False


class Outcome(NamedTuple):
    """What came of a run: its result as JSON, or a traceback, and what a disk refused if that was the reason."""

    result: str | None
    error: str | None = None
    refused: str | None = None


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
            failed; ``runs/<id>.log`` has a line per epoch while a run is active, and ``runs/<id>.unfinished/`` what it
            goes on from if it is interrupted (:mod:`~recbole_iacn.experiments.unfinished`).
        jobs (int): the number of runs at the same time, with one thread each. Defaults to 1.
        progress (bool): show a progress bar over all runs, with the remaining time. Defaults to True.
        ray (str, optional): address of a Ray cluster, or ``local``; the cluster then determines the number of runs at
            the same time. All its machines must have the data at the same path; ``runs/<id>.log`` and
            ``runs/<id>.unfinished/`` exist only for runs on machines that can access ``folder``.
        keep (bool): keep the model of each run's best epoch in ``bundles/<id>/``; a run that has a result and no bundle
            is repeated. Not with ``ray``, whose machines may not see the folder. Defaults to False.

    Returns:
        list of Run: the runs that failed.

    Raises:
        ConfigError: ``ray`` is given, and Ray cannot be imported or there is no cluster at that address; or as
            :func:`run_missing`.
    """
    call = connect(ray) if ray else by_processes(jobs)
    with claims.claimed(folder, "an experiment or a search", BUSY):
        prepare(folder, "runs", *(["bundles"] if keep else []))
        with disk.writing(Path(folder, "plan.json"), ELSEWHERE):
            record_plan(plan, folder)
        others = of_others(folder, planned(folder))
        if others and progress:
            runs = f"{len(others)} run{'s' if len(others) > 1 else ''}"
            _say(f"{Path(folder, 'runs')}: has *.unfinished of {runs} not in {plan.name}; remove what is not wanted")
        return run_missing(plan.runs, plan.data_path, folder, call, progress, keep)


def run_missing(
    runs: list[Run],
    data_path: str,
    folder: str | Path,
    call: Calls,
    progress: bool = True,
    keep: bool = False,
) -> list[Run]:
    """Like :func:`run_all`, for runs that need not belong to an experiment, such as the trials of a search.

    If a run's process is killed, or its node of a cluster is lost, that run has failed, and the others go on. If a disk
    refuses what is written, they do not: each of them would fail alike.

    Args:
        runs (list of Run): the runs.
        data_path (str): the folder that contains the datasets.
        folder (str or pathlib.Path): the folder that contains ``runs/``.
        call (Callable): calls a function on each task, such as the result of :func:`by_processes`.
        progress, keep (bool): as in :func:`run_all`.

    Returns:
        list of Run: the runs that failed.

    Raises:
        ConfigError: a stored result or bundle is damaged; or a disk is full or read-only.
    """
    done = [is_done(folder, run, keep) for run in runs]
    left = [run for run, is_there in zip(runs, done) if not is_there]
    _tidy(folder)
    for run, is_there in zip(runs, done):
        if is_there:  # and an earlier attempt had failed
            result_path(folder, run).with_suffix(".error").unlink(missing_ok=True)
            forget(place_of(folder, run))
    begun = sum(is_begun(folder, run) for run in left)
    if begun and progress:
        were = "was" if begun == 1 else "were"
        _say(
            f"{begun} of {len(left)} runs left {were} begun; each goes on after its best epoch, or its log says why not"
        )
    ready, shown = len(runs) - len(left), None if progress else True  # None: on a terminal alone
    bar = tqdm(total=len(runs), initial=ready, disable=shown, smoothing=0, unit="run")
    failed, warnings = [], Said()
    tasks = [Task(run, str(Path(data_path).resolve()), str(Path(folder).resolve()), keep) for run in left]
    try:
        with bar, contextlib.closing(call(_attempt, tasks)) as ended:
            for count, (task, outcome, lost) in enumerate(ended, ready + 1):
                bar.update()
                if progress and bar.disable:  # a line, where no bar can be drawn
                    _say(f"{count} of {len(runs)} runs: {task.run.title}")
                ended_so = Outcome(None, lost) if outcome is None else Outcome(*outcome)
                if ended_so.result:
                    warnings.add(json.loads(ended_so.result))
                if _keep(task, ended_so):
                    failed.append(task.run)
                    bar.write(f"{task.run.title}: failed, see {result_path(folder, task.run).with_suffix('.error')}")
    finally:
        _tidy(folder)
        for line in warnings.lines() if progress else ():
            _say(line)
    return failed


def is_done(folder: str | Path, run: Run, keep: bool = False) -> bool:
    """Whether a run has its result and, if models are kept, its bundle.

    Raises:
        ConfigError: one of them is damaged.
    """
    return has_result(folder, run) and (not keep or is_kept(folder, run))


def reached(folder: str | Path, runs: Sequence[Run], keep: bool = False) -> str:
    """How many of these runs are done, for the line of an interruption; the next command looks for damage."""
    done = sum(result_path(folder, run).is_file() and (not keep or bundle_path(folder, run).is_dir()) for run in runs)
    return f"{folder} has {done} of {len(runs)} runs; the same command goes on"


def _say(line):
    print(line, file=sys.stderr, flush=True)


def _tidy(folder):
    """Remove the logs of processes that were ended, and what is of no use to the next command; the folder is claimed,
    so no other command has any there."""
    for log in Path(folder, "runs").glob("*.log"):
        with contextlib.suppress(OSError):
            log.unlink(missing_ok=True)
    sweep(folder)


def _attempt(task: Task) -> Outcome:
    """Carry out one run."""
    run, data_path, folder, keep = task
    bundle = bundle_path(folder, run) if keep else None
    try:
        with _followed(result_path(folder, run).with_suffix(".log")) as say:
            if say is None:
                result = train(run, data_path, bundle=bundle)
            else:
                result = train(run, data_path, partial(_say_epoch, say), bundle, place_of(folder, run), say)
    except Exception as error:
        return Outcome(None, traceback.format_exc(), refusal(error))
    forget(place_of(folder, run))  # here, since another machine may have a folder of that name of its own
    return Outcome(json.dumps(result, indent=1) + "\n")


def refusal(error: Exception) -> str | None:
    """What a disk has refused, if that is why a training failed; None if it was something else."""
    if not disk.refused(error):
        return None
    if isinstance(error, ConfigError):  # it says so
        return str(error)
    place = getattr(error, "filename", None) or tempfile.gettempdir()
    return f"{place}: {disk.reason(error, place)}"


def _keep(task, outcome):
    """Write what :func:`_attempt` returned; returns whether the run failed."""
    path = result_path(task.folder, task.run)
    with contextlib.suppress(OSError) if outcome.refused else disk.writing(path.parent, ELSEWHERE):
        if outcome.error:
            write_text(path.with_suffix(".error"), outcome.error)
        else:
            path.with_suffix(".error").unlink(missing_ok=True)
            write_text(path, outcome.result)
    if outcome.refused:
        raise ConfigError(
            f"{task.run.title}: {outcome.refused}; make space, or set --out or TMPDIR, and the same command goes on"
        )
    return bool(outcome.error)


def _say_epoch(say, epoch, score):
    say(f"epoch {epoch}: validation {score:.4f}")


@contextlib.contextmanager
def _followed(path):
    """While active, write lines with their time to a file, because a run may take hours."""
    if not path.parent.is_dir():  # a node of a cluster may not have access to the folder of results
        yield None
        return
    try:
        with path.open("w", buffering=1, encoding="utf-8") as file:
            yield lambda line: file.write(f"{time.strftime('%X')} {line}\n")
    finally:
        path.unlink(missing_ok=True)
