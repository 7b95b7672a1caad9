"""Where an experiment's results lie: a file a run, and all of them in one that is published."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from recbole_iacn.data.atomic_writes import write_text
from recbole_iacn.errors import ConfigError
from recbole_iacn.experiments.plan import Plan, Run

TRIALS = "trials.jsonl"  # all that a search has tried
TOLD = ("dataset", "model", "mode", "sweep", "seed", "settings")  # what a result says of its run


def result_path(folder: str | Path, run: Run) -> Path:
    """Where a run's result lies."""
    return Path(folder, "runs", f"{run.id}.json")


def note_plan(plan: Plan, folder: str | Path) -> None:
    """Note which runs an experiment has, by data set; others in its folder are of an earlier version of its file.

    Args:
        plan (Plan): the experiment.
        folder (str or pathlib.Path): receives ``plan.json``.
    """
    path = Path(folder, "plan.json")
    known = json.loads(path.read_text()) if path.is_file() else {}
    for dataset in dict.fromkeys(run.dataset for run in plan.runs):
        known[dataset] = [run.id for run in plan.runs if run.dataset == dataset]
    write_text(path, json.dumps(known, indent=1) + "\n")


def lay_out(folder: str | Path, runs: Sequence[Run] = ()) -> None:
    """Lay published runs where an experiment, or a search, looks for what is done.

    Args:
        folder (str or pathlib.Path): see :func:`gathered`; receives ``runs/<id>.json``, but for those it has.
        runs (list of Run): as there.

    Raises:
        ConfigError: as there.
    """
    for name, text in gathered(folder, runs).items():
        path = Path(folder, "runs", f"{name}.json")
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_text(path, text)


def gathered(folder: str | Path, runs: Sequence[Run] = ()) -> dict[str, str]:
    """Runs that a report or a search has gathered, in ``runs.jsonl`` and ``trials.jsonl``.

    Args:
        folder (str or pathlib.Path): of an experiment; all that it has are told.
        runs (list of Run): of these, those that another experiment beside it has, too: equal settings, equal result.

    Returns:
        dict: a run's id -> its result, as JSON.

    Raises:
        ConfigError: there is no such file, or a line of one is no run.
    """
    folder, found = Path(folder), {}
    wanted = {run.id: run for run in runs}
    beside = [other for other in sorted(folder.parent.glob("*")) if runs and other != folder]
    paths = [path for one in (*beside, folder) for path in (one / "runs.jsonl", one / TRIALS) if path.is_file()]
    if not paths:
        raise ConfigError(f"reuse: {folder}: has no runs.jsonl of an earlier report; leave --reuse out to run all")
    for path in paths:
        for name, told in _read_runs(path):
            if path.parent != folder:
                run = wanted.get(name)
                if run is None or (run.divergence and told.get("divergence") is None):
                    continue
                told["sweep"] = run.sweep
            found[name] = json.dumps(told, indent=1) + "\n"
    return found


def _read_runs(path):
    """(id, result) of each line."""
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        try:
            told = json.loads(line)
            yield Run(**{key: told[key] for key in TOLD}).id, told
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"reuse: {path}, line {number}: no run's result: {error!r}") from None


def read_results(folder: str | Path) -> list[dict[str, Any]]:
    """All results of an experiment as its file last was.

    Args:
        folder (str or pathlib.Path): of an experiment, or one that has all runs in ``runs.jsonl``.

    Returns:
        list of dict: as :func:`recbole_iacn.experiments.runner.train` returns them.
    """
    runs, published, noted = (Path(folder, name) for name in ("runs", "runs.jsonl", "plan.json"))
    if not runs.is_dir() and published.is_file():
        return [json.loads(line) for line in published.read_text().splitlines()]
    paths = sorted(runs.glob("*.json"))
    if noted.is_file():
        asked = {name for ids in json.loads(noted.read_text()).values() for name in ids}
        paths = [path for path in paths if path.stem in asked]
    return [json.loads(path.read_text()) for path in paths]
