"""Grid search: every combination of a few choices is tried, each as a run of the same form as an experiment's."""

import contextlib
import itertools
import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from recbole_iacn.errors import ConfigError
from recbole_iacn.experiments.plan import Run
from recbole_iacn.experiments.results import damaged, label
from recbole_iacn.experiments.runner import run_missing
from recbole_iacn.experiments.store import ELSEWHERE, TRIALS, prepare, read_result, result_path
from recbole_iacn.experiments.trial_base import combination
from recbole_iacn.experiments.workers import by_processes
from recbole_iacn.system import disk, interrupts
from recbole_iacn.system.atomic_writes import write_text


def covers(spaces: list[dict[str, Any]], trials: int) -> bool:
    """Whether a number of trials suffices to try every point of each search space.

    Args:
        spaces (list of dict): the search space of each dataset, model and mode or column.
        trials (int): number of trials for each of them.
    """
    if not all("choices" in what for space in spaces for what in space.values()):
        return False
    return all(math.prod(len(what["choices"]) for what in space.values()) <= trials for space in spaces)


def try_all(
    runs: list[Run],
    spaces: list[dict[str, Any]],
    data_path: str,
    folder: Path,
    jobs: int,
    report: Callable[[str], object],
) -> list[tuple[dict[str, Any], float]]:
    """Try every combination of choices.

    The result of a trial is stored in ``runs/`` under the name of an experiment's run with the same settings, so that
    neither repeats the other's work. ``trials.jsonl`` collects the finished trials, even if the search is interrupted.

    Args:
        runs (list of Run): one run per dataset, model and mode or column.
        spaces (list of dict): the search space of each run.
        data_path (str): the folder that contains the datasets.
        folder (pathlib.Path): receives the results.
        jobs (int): the number of trials that run at the same time.
        report (Callable): receives one line of text per trial.

    Returns:
        list of (dict, float): for each run the best settings and their validation score; of equal scores, the first.

    Raises:
        ConfigError: trials failed; the message names the files with the reasons. Or a stored trial is damaged, or the
            folder cannot be written.
    """
    candidates = [_own_first(run, _choices(space)) for run, space in zip(runs, spaces)]
    trials = trials_of(runs, spaces)
    # The first trials are those with the default settings of each run, so that an interrupted search has tried these.
    queued = [trial for turn in itertools.zip_longest(*trials) for trial in turn if trial]
    prepare(folder, "runs")
    try:
        failed = run_missing(queued, data_path, folder, by_processes(jobs))
    except KeyboardInterrupt:
        with interrupts.undisturbed(), contextlib.suppress(ConfigError):
            _collect(folder, trials)
        raise
    _collect(folder, trials)
    if failed:
        files = ", ".join(str(result_path(folder, run).with_suffix(".error")) for run in failed)
        raise ConfigError(f"search: {len(failed)} trials failed, see {files}; finished trials are not repeated")
    results = [[_scored(result_path(folder, trial)) for trial in some] for some in trials]
    for run, some, tried in zip(runs, candidates, results):
        for values, result in zip(some, tried):
            report(f"{combination(run)}: {result['best']:.4f} by {values}, {len(result['epochs'])} epochs")
    places = [max(range(len(tried)), key=lambda place: tried[place]["best"]) for tried in results]
    return [(some[place], tried[place]["best"]) for some, tried, place in zip(candidates, results, places)]


def trials_of(runs: list[Run], spaces: list[dict[str, Any]]) -> list[list[Run]]:
    """The trials of each run, as :func:`try_all` makes them."""
    return [[_with(run, values) for values in _own_first(run, _choices(space))] for run, space in zip(runs, spaces)]


def _scored(path):
    result = read_result(path)
    if result.get("best") is None:
        raise damaged(path, "no best validation score, as of an early version", "remove it, and its run is repeated")
    return result


def _collect(folder, trials):
    done = [trial for some in trials for trial in some if result_path(folder, trial).is_file()]
    with disk.writing(folder / TRIALS, ELSEWHERE):
        write_text(folder / TRIALS, "".join(_line(folder, trial) for trial in done))


def _line(folder, trial):
    result = label(read_result(result_path(folder, trial)), trial)
    return json.dumps({"id": trial.id, "state": "complete", **result}) + "\n"


def _choices(space):
    return [dict(zip(space, values)) for values in itertools.product(*(what["choices"] for what in space.values()))]


def _own_first(run, choices):
    return sorted(choices, key=lambda values: sum(run.settings.get(key) != value for key, value in values.items()))


def _with(run, values):
    return replace(run, settings={**run.settings, **values})
