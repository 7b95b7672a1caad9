"""Hyperparameter search with Optuna, on validation data only and with the same budget for every backbone and column.

# in an experiment's file
search:
  learning_rate: {low: 0.0003, high: 0.003, log: true}
  iacn_lambda: {choices: [0.3, 1, 3]}     # the task's own settings are searched in mode full only
  iacn_interests: {choices: [1, 2, 4, 8], columns: [routing]}     # only in these columns

If all settings have choices, and the trials suffice for all combinations, every combination is tried without Optuna.
"""

import contextlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from recbole_iacn.errors import ConfigError
from recbole_iacn.experiments import studies, trial_base
from recbole_iacn.experiments.grid import covers, trials_of, try_all
from recbole_iacn.experiments.kept import account
from recbole_iacn.experiments.plan import Plan, Run
from recbole_iacn.experiments.runner import run_missing
from recbole_iacn.experiments.search_space import check_space, left_out, on_edge, own_space
from recbole_iacn.experiments.store import BUSY, ELSEWHERE, prepare, result_path
from recbole_iacn.experiments.trial_base import combination
from recbole_iacn.experiments.workers import by_processes
from recbole_iacn.system import claims, disk, interrupts
from recbole_iacn.system.atomic_writes import write_text

BEST = "best.yaml"
_SMALLER_IS_BETTER = ("logloss", "rmse", "mae")


@claims.alone_in("folder", "an experiment or a search", BUSY)
def search(
    plan: Plan,
    space: dict[str, Any],
    folder: str | Path,
    trials: int,
    seed: int = 2020,
    jobs: int = 1,
    report: Callable[[str], object] = print,
) -> list[dict[str, Any]]:
    """Find the best settings by the validation metric for each dataset, backbone and mode or column of a plan.

    Every combination has the same number of trials; a baseline, which has fewer settings, has as many for these. The
    first trial has the settings that would be used without a search, so that a search never lowers the validation
    score. Trials that stay below the median of the others at the same epoch end early. ``search.db`` records the
    trials, so that an interrupted search can be continued: it then tries what it would have tried without the
    interruption (:mod:`recbole_iacn.experiments.studies`). Settings that are suggested again take their stored score,
    and do not count. ``trials.jsonl`` collects the trials, to be published: from it a search goes on, too
    (:func:`recbole_iacn.experiments.store.restore_runs`). ``best.yaml`` contains rules for the experiment's key
    ``only``. A best value on the edge of what was tried is reported.

    A space that has choices only, with no more combinations than trials, is searched completely, see
    :mod:`recbole_iacn.experiments.grid`.

    Args:
        plan (Plan): the experiment whose combinations are searched; its first seed is used, its sweep is not.
        space (dict): setting -> ``low`` and ``high`` (and ``log``), or ``choices``; and the ``columns`` that it is
            for.
        folder (str or pathlib.Path): receives these files.
        trials (int): the maximum number of trials per combination.
        seed (int): the seed of the sampler. Defaults to 2020.
        jobs (int): the number of combinations at the same time, each in its own process with one thread. Defaults to
            1, which uses this process.
        report (Callable): receives lines of text with the results. Defaults to ``print``.

    Returns:
        list of dict: the rules.

    Raises:
        ConfigError: the search space is wrong, trials failed, or Optuna is needed and not installed; or a file in the
            folder is damaged or cannot be written.
    """
    check_space(space, plan)
    for run in plan.runs:
        metric = str(run.settings.get("valid_metric", "AUC"))
        if metric.lower() in _SMALLER_IS_BETTER:
            raise ConfigError(f"valid_metric: the search maximizes the metric, but lower values of {metric} are better")
    rules = _rules(plan, space, Path(folder).resolve(), trials, seed, jobs, report)
    with disk.writing(Path(folder, BEST), ELSEWHERE):
        write_text(Path(folder, BEST), yaml.safe_dump({"only": rules}, sort_keys=False))
    return rules


def _rules(plan, space, folder, trials, seed, jobs, report):
    data_path = str(Path(plan.data_path).resolve())
    runs = first_runs(plan)
    spaces = [own_space(run, space, plan.columns) for run in runs]
    for line in left_out(plan, space):
        report(line)
    if covers(spaces, trials):
        best = try_all(runs, spaces, data_path, folder, jobs, report)
        rules = [_rule(run, *one, report) for run, one in zip(runs, best)]
    else:
        tasks = [studies.Task(run, own, data_path, folder, trials, seed) for run, own in zip(runs, spaces)]
        rules = _by_optuna(tasks, jobs, report)
    for run, own, rule in zip(runs, spaces, rules):
        for line in on_edge(run, own, rule["settings"]):
            report(line)
    return rules


def reached(plan: Plan, space: dict[str, Any], folder: str | Path, trials: int, seed: int = 2020) -> str:
    """How many trials a search has, for the line of an interruption.

    Args:
        plan, space, folder, trials, seed: as in :func:`search`.
    """
    runs, place = first_runs(plan), Path(folder).resolve()
    spaces = [own_space(run, space, plan.columns) for run in runs]
    if covers(spaces, trials):
        tried = [trial for some in trials_of(runs, spaces) for trial in some]
        done, wanted = sum(result_path(place, trial).is_file() for trial in tried), len(tried)
    else:
        done, wanted = 0, trials * len(runs)
        with contextlib.suppress(Exception):  # what is wrong with the file is what the next command reports
            tasks = [studies.Task(run, own, "", place, trials, seed) for run, own in zip(runs, spaces)]
            done = sum(map(studies.count, tasks)) if (place / trial_base.NAME).is_file() else 0
    return f"{folder} has {done} of {wanted} trials; the same command goes on"


@claims.alone_in("folder", "an experiment or a search", BUSY)
def keep_best(plan: Plan, rules: list[dict[str, Any]], folder: str | Path, jobs: int = 1) -> str:
    """Train the best trial of each dataset, backbone and mode or column once more, and keep its model as a bundle.

    That takes one training each, and the disk holds no model of any other trial. What is kept already is not repeated.

    Args:
        plan (Plan): the experiment that was searched.
        rules (list of dict): as :func:`search` returns them.
        folder (str or pathlib.Path): receives ``runs/<id>.json`` and ``bundles/<id>/``.
        jobs (int): the number of runs at the same time. Defaults to 1.

    Returns:
        str: how many bundles there are, and their size, in one line.

    Raises:
        ConfigError: a run failed; the message names the file with the reason.
    """
    runs = [replace(run, settings={**run.settings, **rule["settings"]}) for run, rule in zip(first_runs(plan), rules)]
    prepare(folder, "runs", "bundles")
    failed = run_missing(runs, plan.data_path, folder, by_processes(jobs), keep=True)
    if failed:
        files = ", ".join(str(result_path(folder, run).with_suffix(".error")) for run in failed)
        raise ConfigError(f"keep: {len(failed)} of {len(runs)} runs failed, see {files}")
    return account(folder, runs)


def _rule(run, values, score, report):
    report(f"{combination(run)}: best {score:.4f} by {values}")
    which = {"column": run.column} if run.column else {"mode": run.mode} if run.mode else {}
    when = {"dataset": run.dataset, "model": run.model, **which}
    return {"when": when, "settings": values}


def _by_optuna(tasks, jobs, report):
    """The rule of each study."""
    try:
        import optuna  # noqa: F401
    except ImportError:
        raise ConfigError("search: needs Optuna; pip install 'recbole_iacn[search]'") from None
    prepare(tasks[0].folder, "runs")
    trial_base.make(tasks[0].folder)
    try:
        rules = _finished(tasks, jobs, report)
    except (KeyboardInterrupt, ConfigError):
        with interrupts.undisturbed(), contextlib.suppress(ConfigError):
            studies.collect(tasks)
        raise
    for line in studies.collect(tasks):
        report(line)
    return rules


def _finished(tasks, jobs, report):
    if jobs == 1:
        return [_reported(task, _alone(task), report) for task in tasks]
    best, failed = {}, []
    with contextlib.closing(by_processes(jobs)(studies.attempt, tasks)) as ended:
        for task, outcome, lost in ended:  # a study that fails does not stop the others
            one, error = outcome or (None, f"{combination(task.run)}: {str(lost).strip().splitlines()[-1]}")
            if error:
                failed.append(error)
            else:
                best[task.run.id] = one
    if failed:
        more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
        raise ConfigError(f"search: {failed[0]}{more}; finished trials are not repeated")
    return [_reported(task, best[task.run.id], report) for task in tasks]


def _alone(task):
    try:
        return studies.finish(task)
    except ConfigError as error:
        raise ConfigError(f"search: {error}") from error


def _reported(task, best, report):
    for line in best.lines:
        report(line)
    return _rule(task.run, best.settings, best.score, report)


def first_runs(plan: Plan) -> list[Run]:
    """One run per dataset, backbone and mode or column: the run of the first seed, without swept settings."""
    first: dict[tuple[str, str, str], Run] = {}
    for run in plan.runs:
        kept = {key: value for key, value in run.settings.items() if key not in run.sweep}
        first.setdefault((run.dataset, run.model, run.of), replace(run, sweep={}, settings=kept))
    return list(first.values())
