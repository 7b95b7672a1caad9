"""The stored results of an experiment: one file per run, and one published file with all runs."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from recbole_iacn.errors import ConfigError
from recbole_iacn.experiments.plan import Plan, Run
from recbole_iacn.experiments.result_check import check_result
from recbole_iacn.system import json_file
from recbole_iacn.system.atomic_writes import write_text

TRIALS = "trials.jsonl"  # all trials of a search
RUN_FIELDS = ("dataset", "model", "mode", "sweep", "seed", "settings")  # the fields of a run that its result records


def result_path(folder: str | Path, run: Run) -> Path:
    """The path of a run's result."""
    return Path(folder, "runs", f"{run.id}.json")


def record_plan(plan: Plan, folder: str | Path) -> None:
    """Record which runs an experiment has per dataset; others in its folder belong to an earlier version of its file.

    Args:
        plan (Plan): the experiment.
        folder (str or pathlib.Path): receives ``plan.json``.
    """
    path = Path(folder, "plan.json")
    known = _known(path) if path.is_file() else {}
    for dataset in dict.fromkeys(run.dataset for run in plan.runs):
        known[dataset] = [run.id for run in plan.runs if run.dataset == dataset]
    write_text(path, json.dumps(known, indent=1) + "\n")


def restore_runs(folder: str | Path, runs: Sequence[Run] = ()) -> None:
    """Restore one result file per run from published files, so that an experiment or a search does not repeat the runs.

    Args:
        folder (str or pathlib.Path): as in :func:`published_runs`; receives ``runs/<id>.json`` for runs without one.
        runs (list of Run): as in :func:`published_runs`.

    Raises:
        ConfigError: as in :func:`published_runs`.
    """
    for name, text in published_runs(folder, runs).items():
        path = Path(folder, "runs", f"{name}.json")
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_text(path, text)


def published_runs(folder: str | Path, runs: Sequence[Run] = ()) -> dict[str, str]:
    """Read the runs that a report or a search has written to ``runs.jsonl`` and ``trials.jsonl``.

    Args:
        folder (str or pathlib.Path): the folder of an experiment, all of whose runs are returned.
        runs (list of Run): runs to look up in the folders of other experiments beside it, too; a run with the same
            settings has the same result.

    Returns:
        dict: a run's id -> its result, as JSON.

    Raises:
        ConfigError: there is no such file, or a line of one is not a run's result.
    """
    folder, results = Path(folder), {}
    wanted = {run.id: run for run in runs}
    beside = [other for other in sorted(folder.parent.glob("*")) if runs and other != folder]
    paths = [path for one in (*beside, folder) for path in (one / "runs.jsonl", one / TRIALS) if path.is_file()]
    if not paths:
        raise ConfigError(f"reuse: {folder}: has no runs.jsonl of an earlier report; omit --reuse to run all")
    for path in paths:
        for name, result in _read_runs(path):
            if path.parent != folder:
                run = wanted.get(name)
                if run is None or (run.divergence and result.get("divergence") is None):
                    continue
                result["sweep"] = run.sweep
            results[name] = json.dumps(result, indent=1) + "\n"
    return results


def _read_runs(path):
    """Yield (id, result) for each line."""
    for place, result in _lines(path, "reuse: "):
        run = Run(**{key: check_result(result, place, *RUN_FIELDS)[key] for key in RUN_FIELDS})
        try:
            yield run.id, result
        except ConfigError as error:  # it would be another file's name
            raise ConfigError(f"{place}: {error}") from None


def _lines(path, before=""):
    """Yield (path and number, value) for each line of a file."""
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        place = f"{before}{path}, line {number}"
        try:
            yield place, json_file.parse(line)
        except ValueError as error:
            raise ConfigError(f"{place}: not a run's result: {error}; remove the line") from None


def read_results(folder: str | Path) -> list[dict[str, Any]]:
    """Read all results of an experiment that belong to the last version of its file.

    Args:
        folder (str or pathlib.Path): the folder of an experiment, or one with all runs in ``runs.jsonl``.

    Returns:
        list of dict: results, as :func:`recbole_iacn.experiments.one_run.train` returns them.
    """
    runs, published, recorded = (Path(folder, name) for name in ("runs", "runs.jsonl", "plan.json"))
    if not runs.is_dir() and published.is_file():
        return [check_result(result, place) for place, result in _lines(published)]
    paths = sorted(runs.glob("*.json"))
    if recorded.is_file():
        planned = {name for ids in _known(recorded).values() for name in ids}
        paths = [path for path in paths if path.stem in planned]
    return [check_result(_content(path), str(path)) for path in paths]


def _known(path):
    """The runs of a plan, by dataset."""
    known = _content(path)
    lists = known.values() if isinstance(known, dict) else [None]
    if not all(isinstance(ids, list) and all(isinstance(name, str) for name in ids) for ids in lists):
        raise ConfigError(f"{path}: is damaged, it has no lists of runs; remove it")
    return known


def _content(path):
    try:
        return json_file.read(path)
    except ValueError as error:
        raise ConfigError(f"{path}: is damaged ({error}); remove it") from None
