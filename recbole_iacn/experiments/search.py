"""Hyperparameter search with Optuna, on validation data only and with the same budget for every backbone and mode.

# in an experiment's file
search:
  learning_rate: {low: 0.0003, high: 0.003, log: true}
  iacn_lambda: {choices: [0.3, 1, 3]}     # the task's own settings are searched in mode full only

If all settings have choices, and the trials suffice for all combinations, every combination is tried without Optuna.
"""

import contextlib
import copy
import itertools
import logging
import multiprocessing
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from recbole_iacn.checks import settings as settings_checks
from recbole_iacn.checks.same_test import DECIDE
from recbole_iacn.errors import ConfigError
from recbole_iacn.experiments.grid import covers, try_all
from recbole_iacn.experiments.kept import account
from recbole_iacn.experiments.one_run import train
from recbole_iacn.experiments.plan import Plan, Run, recbole_name
from recbole_iacn.experiments.runner import by_processes, run_missing
from recbole_iacn.experiments.store import result_path
from recbole_iacn.system import claims
from recbole_iacn.system.atomic_writes import write_text

_TASK = "iacn_"
_LARGEST = 2**53  # beyond which integers and decimals differ
_SMALLER_IS_BETTER = ("logloss", "rmse", "mae")


@claims.alone_in("folder", "an experiment or a search", "wait until it has ended, or name another folder (--out)")
def search(
    plan: Plan,
    space: dict[str, Any],
    folder: str | Path,
    trials: int,
    seed: int = 2020,
    jobs: int = 1,
    report: Callable[[str], object] = print,
) -> list[dict[str, Any]]:
    """Find the best settings by the validation metric for each dataset, backbone and mode of a plan.

    Every combination has the same number of trials; a baseline, which has fewer settings, has as many for these. The
    first trial has the settings that would be used without a search, so that a search never lowers the validation
    score. Trials that stay below the median of the others at the same epoch end early. ``search.db`` records the
    trials, so that an interrupted search can be continued. ``best.yaml`` contains rules for the experiment's key
    ``only``.

    A space that has choices only, with no more combinations than trials, is searched completely, see
    :mod:`recbole_iacn.experiments.grid`.

    Args:
        plan (Plan): the experiment whose combinations are searched; its first seed is used, its sweep is not.
        space (dict): setting -> ``low`` and ``high`` (and ``log``), or ``choices``.
        folder (str or pathlib.Path): receives both files.
        trials (int): the maximum number of trials per combination.
        seed (int): the seed of the sampler. Defaults to 2020.
        jobs (int): the number of combinations at the same time, each in its own process with one thread. Defaults to
            1, which uses this process.
        report (Callable): receives lines of text with the results. Defaults to ``print``.

    Returns:
        list of dict: the rules.

    Raises:
        ConfigError: the search space is wrong, trials failed, or Optuna is needed and not installed.
    """
    check_space(space)
    for run in plan.runs:
        metric = str(run.settings.get("valid_metric", "AUC"))
        if metric.lower() in _SMALLER_IS_BETTER:
            raise ConfigError(f"valid_metric: the search maximizes the metric, but lower values of {metric} are better")
    folder = Path(folder).resolve()
    data_path = str(Path(plan.data_path).resolve())
    if covers(space, trials):
        runs = first_runs(plan)
        best = try_all(runs, [_own(run, space) for run in runs], data_path, folder, jobs, report)
        rules = [_rule(run, *one, report) for run, one in zip(runs, best)]
    else:
        rules = _by_optuna(first_runs(plan), space, data_path, folder, trials, seed, jobs, report)
    write_text(folder / "best.yaml", yaml.safe_dump({"only": rules}, sort_keys=False))
    return rules


@claims.alone_in("folder", "an experiment or a search", "wait until it has ended, or name another folder (--out)")
def keep_best(plan: Plan, rules: list[dict[str, Any]], folder: str | Path, jobs: int = 1) -> str:
    """Train the best trial of each dataset, backbone and mode once more, and keep its model as a bundle.

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
    Path(folder, "runs").mkdir(parents=True, exist_ok=True)
    failed = run_missing(runs, plan.data_path, folder, by_processes(jobs), keep=True)
    if failed:
        files = ", ".join(str(result_path(folder, run).with_suffix(".error")) for run in failed)
        raise ConfigError(f"keep: {len(failed)} of {len(runs)} runs failed, see {files}")
    return account(folder, runs)


def _rule(run, values, score, report):
    report(f"{_named(run)}: best {score:.4f} by {values}")
    when = {"dataset": run.dataset, "model": run.model, **({"mode": run.mode} if run.mode else {})}
    return {"when": when, "settings": values}


def _named(run):
    return " ".join(filter(None, (run.dataset, run.model, run.mode)))


def _own(run, space):
    """The settings of a search space that apply to a run."""
    return {key: what for key, what in space.items() if run.mode == "full" or not key.startswith(_TASK)}


def _by_optuna(runs, space, data_path, folder, trials, seed, jobs, report):
    try:
        import optuna
    except ImportError:
        raise ConfigError("search: needs Optuna; pip install 'recbole_iacn[search]'") from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    folder.mkdir(parents=True, exist_ok=True)
    _storage(folder)  # creates the file before several processes open it
    tasks = [(run, _own(run, space), data_path, folder, trials, seed) for run in runs]
    if jobs == 1:
        return [_rule(run, *best, report) for run, best in zip(runs, map(_study, tasks))]
    # Unlike multiprocessing.Pool, this raises an exception if a process is killed.
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
        return [_rule(run, *best, report) for run, best in zip(runs, pool.map(_study, tasks))]


def _storage(folder):
    import optuna

    with _logging_kept():
        return optuna.storages.RDBStorage(f"sqlite:///{folder / 'search.db'}")


@contextlib.contextmanager
def _logging_kept():
    """As Optuna makes its database, it sets logging up anew, and all loggers that there are fall silent."""
    root = logging.getLogger()
    known = [logger for logger in root.manager.loggerDict.values() if isinstance(logger, logging.Logger)]
    loggers, level, handlers = [(logger, logger.disabled) for logger in known], root.level, list(root.handlers)
    try:
        yield
    finally:
        root.setLevel(level)
        root.handlers[:] = handlers
        for logger, disabled in loggers:
            logger.disabled = disabled


def _study(task: Any) -> tuple[dict[str, Any], float]:
    """Search for one combination, or continue its search."""
    import optuna

    run, space, data_path, folder, trials, seed = task
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        storage=_storage(folder),
        study_name=_named(run),
        load_if_exists=True,
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=4),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=3, n_warmup_steps=2),
    )
    done = sum(trial.state.is_finished() for trial in study.trials)
    if not done:
        study.enqueue_trial(_without_a_search(run, space, data_path), skip_if_exists=True)
    study.optimize(_objective(run, space, data_path), n_trials=max(trials - done, 0))
    return study.best_params, study.best_value


def _without_a_search(run, space, data_path):
    """The searched settings' values in the experiment's file, or else in the backbone's own properties."""
    sys.argv = sys.argv[:1]  # RecBole reads the command line as settings
    from recbole.config import Config

    given = {"state": "ERROR", **run.settings, "data_path": data_path}
    config = Config(model=recbole_name(run), dataset=run.dataset, config_dict=given)
    return {key: config[key] for key, what in space.items() if _holds(what, config[key])}


def _holds(what, value):
    if "choices" in what:
        return value in what["choices"]
    return value is not None and what["low"] <= value <= what["high"]


def first_runs(plan: Plan) -> list[Run]:
    """One run per dataset, backbone and mode: the run of the first seed, without swept settings."""
    first: dict[tuple[str, str, str], Run] = {}
    for run in plan.runs:
        kept = {key: value for key, value in run.settings.items() if key not in run.sweep}
        first.setdefault((run.dataset, run.model, run.mode), replace(run, sweep={}, settings=kept))
    return list(first.values())


def check_space(space: dict[str, Any] | None) -> None:
    """Reject an invalid search space.

    Args:
        space (dict): as in :func:`search`.

    Raises:
        ConfigError: the space is invalid; the message names the setting.
    """
    if not isinstance(space, dict) or not space:
        raise ConfigError("search: the file has no settings to search; add the key search")
    settings_checks.check_keys(space, "search")
    for key, what in space.items():
        ranged = isinstance(what, dict) and {"low", "high"} <= set(what) <= {"low", "high", "log"}
        chosen = isinstance(what, dict) and set(what) == {"choices"} and isinstance(what["choices"], list)
        if not (ranged or chosen):
            raise ConfigError(f"search: {key}: must be {{low, high, log}} or {{choices: […]}}, got {what!r}")
        if ranged:
            _check_range(key, what)
        if chosen and not what["choices"]:
            raise ConfigError(f"search: {key}: choices is empty; list the values to try")
        if ranged and not what["low"] < what["high"]:
            raise ConfigError(f"search: {key}: low must be below high, got {what['low']} and {what['high']}")
        if key in DECIDE:
            raise ConfigError(f"search: {key}: decides the test, and two tests cannot be compared; leave it out")
        for value in what["choices"] if chosen else (what["low"], what["high"]):
            try:
                settings_checks.check_values({key: value}, "")
            except ConfigError as error:
                raise ConfigError(f"search: {error}") from None


def _check_range(key, what):
    for end in ("low", "high"):
        value = what[end]
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _LARGEST:
            raise ConfigError(f"search: {key}: {end} must be a number, got {value!r}")
    logarithmic = what.get("log", False)
    if not isinstance(logarithmic, bool):
        raise ConfigError(f"search: {key}: log must be true or false, got {logarithmic!r}")
    if logarithmic and not what["low"] > 0:
        raise ConfigError(f"search: {key}: a logarithmic range begins above 0, got low {what['low']}")


def _objective(run, space, data_path):
    import optuna

    def objective(trial):
        tried = copy.deepcopy(run)
        tried.settings.update({key: _suggest(trial, key, what) for key, what in space.items()})

        trained = itertools.count(1)

        def after_epoch(epoch, score):
            if next(trained) > epoch + 1:
                return  # a second stage counts its epochs from 0 and must not be compared with first stages
            trial.report(float(score), epoch)
            if trial.should_prune():
                raise optuna.TrialPruned

        result = train(tried, data_path, after_epoch)
        return result["best"]

    return objective


def _suggest(trial, key, what):
    if "choices" in what:
        return trial.suggest_categorical(key, what["choices"])
    kind = trial.suggest_int if all(isinstance(what[end], int) for end in ("low", "high")) else trial.suggest_float
    return kind(key, what["low"], what["high"], log=what.get("log", False))
