"""One study of a search by Optuna: the trials of one dataset, model and mode, which can be stopped and continued.

A trial is a function of the stored trials that have a result: the sampler of trial n is seeded by (seed, n), where n
counts these, and neither it nor the pruner looks at trials that were interrupted. So a search that was stopped goes on
as if it had not been.
"""

import itertools
import sys
import traceback
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from recbole_iacn.errors import ConfigError
from recbole_iacn.experiments import trial_base, trials
from recbole_iacn.experiments.one_run import train
from recbole_iacn.experiments.plan import Run, recbole_name
from recbole_iacn.experiments.runner import refusal
from recbole_iacn.experiments.trial_base import combination
from recbole_iacn.system import disk
from recbole_iacn.system.atomic_writes import write_text

_STARTUP = 4  # trials that are drawn without a look at the others


class Task(NamedTuple):
    """A study: the run, the searched settings that apply to it, folders, the budget, and the sampler's seed."""

    run: Run
    space: dict[str, Any]
    data_path: str
    folder: Path
    trials: int
    seed: int


class Best(NamedTuple):
    """The best settings of a study, their validation score, and lines that report what was not trained."""

    settings: dict[str, Any]
    score: float
    lines: list[str]


def finish(task: Task) -> Best:
    """Make the trials of a study that are missing.

    Args:
        task: the study; :func:`~recbole_iacn.experiments.trial_base.make` has made its database.

    Returns:
        The best trial, the first of equal ones.

    Raises:
        ConfigError: a trial failed, no trial has a score, or the database cannot be used.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with trial_base.reading(task.folder):
        study, lines = _begin(task)
    while True:
        done = trial_base.results_of(study)
        again = trial_base.repeated(done)
        if len(done) - len(again) >= task.trials or len(again) >= task.trials:
            break
        study.sampler = optuna.samplers.TPESampler(seed=_seed(task.seed, len(done)), n_startup_trials=_STARTUP)
        _one_trial(study, task)
    if again:
        lines.append(
            f"{combination(task.run)}: {len(again)} suggestions repeat an earlier one: they took its stored score, and "
            "do not count as trials"
        )
    scored = [trial for trial in done if trial.state == optuna.trial.TrialState.COMPLETE]
    if not scored:
        raise ConfigError(f"{combination(task.run)}: no trial has a score that is a number; narrow the space")
    best = max(scored, key=lambda trial: trial.value)
    return Best({key: best.params[key] for key in task.space}, best.value, lines)


def attempt(task: Task) -> tuple[Best | None, str | None]:
    """:func:`finish` in a process of its own, whose errors are lines.

    Args:
        task: the study.
    """
    try:
        return finish(task), None
    except ConfigError as error:
        return None, str(error)


def count(task: Task) -> int:
    """How many trials of a study have a result."""
    import optuna

    name = trial_base.study_name(task.run, task.space, task.seed)
    try:
        done = trial_base.results_of(optuna.load_study(study_name=name, storage=trial_base.opened(task.folder)))
    except KeyError:  # not begun
        return 0
    return min(len(done) - len(trial_base.repeated(done)), task.trials)


def collect(tasks: list[Task]) -> list[str]:
    """Write the trials of studies to ``trials.jsonl``, as :func:`recbole_iacn.experiments.trials.collect`."""
    names = [trial_base.study_name(task.run, task.space, task.seed) for task in tasks]
    return trials.collect(tasks[0].folder, [(task.run, name) for task, name in zip(tasks, names)])


def _begin(task):
    """The study, and lines on what it has already."""
    import optuna
    from optuna.trial import TrialState

    storage, name = trial_base.opened(task.folder), trial_base.study_name(task.run, task.space, task.seed)
    lines = list(_other_trials(storage, task, name))
    pruner = optuna.pruners.MedianPruner(n_startup_trials=3, n_warmup_steps=2)
    study = optuna.create_study(
        storage=storage, study_name=name, load_if_exists=True, direction="maximize", pruner=pruner
    )
    stopped = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
    for trial in stopped:  # of dead processes: whoever continues a study is alone in it
        study.tell(trial.number, state=TrialState.FAIL)
    if stopped or trial_base.results_of(study):
        anew = "; what was stopped starts anew" if stopped else ""
        lines.append(f"{combination(task.run)}: goes on after {count(task)} of {task.trials} trials{anew}")
    return study, lines


def _other_trials(storage, task, name):
    """A line on trials of the same dataset, model and mode that are not continued."""
    number = 0
    for study in storage.get_all_studies():
        of = study.study_name
        if of != name and combination(task.run) in (of, of.rpartition(" ")[0]):  # version 1.0 named no settings
            trials = storage.get_all_trials(study._study_id, deepcopy=False)
            number += sum(trial.state.is_finished() for trial in trials)
    if number:
        yield f"{combination(task.run)}: {number} trials of other settings are not continued"


def _seed(seed, number):
    return int(np.random.SeedSequence((seed, number)).generate_state(1)[0])


def _one_trial(study, task):
    """Ask for settings, train with them, and store the result. What is interrupted has none, and does not count."""
    import optuna
    from optuna.trial import TrialState

    first = _without_a_search(task) if not trial_base.results_of(study) else None
    with trial_base.reading(task.folder):
        if first is not None and not study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
            study.enqueue_trial(first)
        trial = study.ask()
        values = {key: _suggest(trial, key, what) for key, what in task.space.items()}
    state, score = TrialState.FAIL, None
    try:
        known = next((one for one in trial_base.results_of(study) if one.params == trial.params), None)
        score = _as_before(trial, known) if known else _trained(trial, task, values)
        state = TrialState.COMPLETE if score == score else TrialState.PRUNED  # not a number: the training diverged
    except optuna.TrialPruned:
        state = TrialState.PRUNED
    finally:
        with trial_base.reading(task.folder):
            study.tell(trial, score if state == TrialState.COMPLETE else None, state=state)


def _as_before(trial, known):
    """What training once more would give, and tell the pruner."""
    import optuna

    for epoch, score in known.intermediate_values.items():
        trial.report(score, epoch)
    if known.state == optuna.trial.TrialState.PRUNED:
        raise optuna.TrialPruned
    return known.value


def _trained(trial, task, values):
    """The best validation score of a training."""
    import optuna

    tried, study = trials.run_with(task.run, values), trial.study.study_name
    known = trials.stored_trial(task.folder, tried, study)
    if known:
        return _replayed(trial, known)
    trained, reported = itertools.count(1), []

    def after_epoch(epoch, score):
        if next(trained) > epoch + 1:
            return  # a second stage counts its epochs from 0 and must not be compared with first stages
        reported.append(float(score))
        with trial_base.reading(task.folder):
            trial.report(float(score), epoch)
            pruned = trial.should_prune()
        if pruned:
            raise optuna.TrialPruned

    file = task.folder / f"{tried.id}.error"
    try:
        result = train(tried, task.data_path, after_epoch)
    except optuna.TrialPruned:
        trials.store_trial(task.folder, tried, study, reported, None)
        raise
    except Exception as error:
        raise _failure(task, values, file, error) from error
    file.unlink(missing_ok=True)
    trials.store_trial(task.folder, tried, study, reported, result)
    return result["best"]


def _replayed(trial, known):
    """The score of a trial that is known from an earlier search, as of a published one, and what the pruner saw."""
    import optuna

    for epoch, score in enumerate(known["reported"]):
        trial.report(score, epoch)
    if known.get("state") == "pruned":
        raise optuna.TrialPruned
    return known["best"]


def _failure(task, values, file, error):
    """One line on a trial that failed; the traceback is in a file."""
    who = f"{combination(task.run)}: the trial with {values} failed"
    refused = refusal(error)
    if refused:
        return ConfigError(f"{who}: {refused}; make space or set TMPDIR, and the same command goes on")
    if isinstance(error, ConfigError):
        return ConfigError(f"{who}: {error}")
    with disk.writing(file):
        write_text(file, traceback.format_exc())
    return ConfigError(f"{who}, see {file}; finished trials are not repeated")


def _without_a_search(task):
    """The searched settings' values in the experiment's file, or else in the backbone's own properties."""
    sys.argv = sys.argv[:1]  # RecBole reads the command line as settings
    from recbole.config import Config

    run = task.run
    given = {"state": "ERROR", **run.settings, "data_path": task.data_path}
    config = Config(model=recbole_name(run), dataset=run.dataset, config_dict=given)
    return {key: _as_written(what, config[key]) for key, what in task.space.items() if _holds(what, config[key])}


def _holds(what, value):
    if "choices" in what:
        return value in what["choices"]
    return value is not None and what["low"] <= value <= what["high"]


def _as_written(what, value):
    """The choice that a value equals: 1 for 1.0. Optuna stores that one, and a run is known by how it is written."""
    return what["choices"][what["choices"].index(value)] if "choices" in what else value


def _suggest(trial, key, what):
    if "choices" in what:
        return trial.suggest_categorical(key, what["choices"])
    kind = trial.suggest_int if all(isinstance(what[end], int) for end in ("low", "high")) else trial.suggest_float
    return kind(key, what["low"], what["high"], log=what.get("log", False))
