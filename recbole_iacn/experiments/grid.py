"""A search among few choices: all of them are tried, each as a run like an experiment's own."""

import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from recbole_iacn.data.atomic_writes import write_text
from recbole_iacn.errors import ConfigError
from recbole_iacn.experiments.plan import Run
from recbole_iacn.experiments.runner import by_processes, run_missing
from recbole_iacn.experiments.store import TRIALS, result_path


def covers(space: dict[str, Any], trials: int) -> bool:
    """Whether so many trials can try all that a search space has.

    Args:
        space (dict): as :func:`recbole_iacn.experiments.search.search` takes it.
        trials (int): of each combination of data set, model and mode.
    """
    return all("choices" in what for what in space.values()) and len(_choices(space)) <= trials


def try_all(
    runs: list[Run],
    spaces: list[dict[str, Any]],
    data_path: str,
    folder: Path,
    jobs: int,
    tell: Callable[[str], object],
) -> list[tuple[dict[str, Any], float]]:
    """Try every choice.

    A trial lies in ``runs/`` under the name of an experiment's run with its settings: neither repeats the other's.
    ``trials.jsonl`` gathers those that are done, also when the search is interrupted.

    Args:
        runs (list of Run): one for each combination of data set, model and mode.
        spaces (list of dict): which settings each of them searches.
        data_path (str): where the data lie.
        folder (pathlib.Path): receives the results.
        jobs (int): trials at a time.
        tell (Callable): gets a line for each trial.

    Returns:
        list of (dict, float): for each run the best settings and their validation score; of equals, the first.

    Raises:
        ConfigError: trials failed; names the files that say why.
    """
    candidates = [_own_first(run, _choices(space)) for run, space in zip(runs, spaces)]
    trials = [[_with(run, values) for values in some] for run, some in zip(runs, candidates)]
    # A search that is stopped has tried everybody's own settings before any other.
    queued = [trial for turn in itertools.zip_longest(*trials) for trial in turn if trial]
    (folder / "runs").mkdir(parents=True, exist_ok=True)
    try:
        failed = run_missing(queued, data_path, folder, by_processes(jobs))
    finally:
        done = [path for path in (result_path(folder, trial) for some in trials for trial in some) if path.is_file()]
        write_text(folder / TRIALS, "".join(json.dumps(json.loads(path.read_text())) + "\n" for path in done))
    if failed:
        files = ", ".join(str(result_path(folder, run).with_suffix(".error")) for run in failed)
        raise ConfigError(f"search: {len(failed)} trials failed, see {files}; those that are done are not run again")
    results = [[json.loads(result_path(folder, trial).read_text()) for trial in some] for some in trials]
    for some, tried in zip(candidates, results):
        for values, result in zip(some, tried):
            named = " ".join(filter(None, (result["dataset"], result["model"], result["mode"])))
            tell(f"{named}: {result['best']:.4f} by {values}, {len(result['epochs'])} epochs")
    places = [max(range(len(tried)), key=lambda place: tried[place]["best"]) for tried in results]
    return [(some[place], tried[place]["best"]) for some, tried, place in zip(candidates, results, places)]


def _choices(space):
    return [dict(zip(space, values)) for values in itertools.product(*(what["choices"] for what in space.values()))]


def _own_first(run, choices):
    return sorted(choices, key=lambda values: sum(run.settings.get(key) != value for key, value in values.items()))


def _with(run, values):
    return replace(run, settings={**run.settings, **values})
