"""The stored results of an experiment: one file per run, and one published file with all runs."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from recbole_iacn.errors import ConfigError
from recbole_iacn.experiments import interest_figures, strata
from recbole_iacn.experiments.plan import Plan, Run
from recbole_iacn.experiments.plan_columns import Pair
from recbole_iacn.experiments.results import (
    Unreadable,
    damaged,
    label,
    parse_json,
    parse_result,
    parse_trial,
    read_text,
    run_of,
)
from recbole_iacn.system import disk, leftovers
from recbole_iacn.system.atomic_writes import write_text

TRIALS = "trials.jsonl"  # all trials of a search
PRUNED = ".pruned"  # the ending of what is known of a trial that was ended early
ELSEWHERE = "name another folder (--out)"
BUSY = f"wait until it has ended, or {ELSEWHERE}"
_REPEAT = "remove it, and the next experiment or search repeats the run"
COLUMNS = "experiment.json"  # the columns of an experiment, and which of them are compared
_COLUMNS = "remove it, and name the pairs by recbole-iacn report --compare, or repeat the experiment's command"
_PLAN = "remove it, and the next experiment in this folder writes it anew"


def result_path(folder: str | Path, run: Run) -> Path:
    """The path of a run's result."""
    return Path(folder, "runs", f"{run.id}.json")


def prepare(folder: str | Path, *names: str) -> None:
    """Make the folder of an experiment, and remove what a command that was killed has left there.

    Args:
        folder: of the experiment.
        names: of folders in it.

    Raises:
        ConfigError: one of them cannot be made or written.
    """
    for place in (Path(folder), *(Path(folder, name) for name in names)):
        disk.check(place, ELSEWHERE, within=True)
        with disk.writing(place, ELSEWHERE):
            place.mkdir(parents=True, exist_ok=True)
        leftovers.sweep(place)
    leftovers.sweep_temporary()


def has_result(folder: str | Path, run: Run) -> bool:
    """Whether a run is done: it has a result, with the measures of interests and the strata that it is asked for.

    Args:
        folder: of the experiment.
        run: the run.

    Raises:
        ConfigError: there is a file, and it is damaged or another run's.
    """
    path = result_path(folder, run)
    if not path.exists():
        return False
    return not _lacks(run, read_result(path))


def lacks_figures(folder: str | Path, run: Run) -> bool:
    """Whether a run has a result without the measures of interests or the strata that it is asked for, so that it is
    repeated.

    Args:
        folder: of the experiment.
        run: the run.

    Raises:
        ConfigError: as :func:`has_result`.
    """
    path = result_path(folder, run)
    return path.exists() and _lacks(run, read_result(path))


def _lacks(run, result):
    return interest_figures.lacks(run, result) or strata.lacks(run, result)


def read_result(path: Path) -> dict[str, Any]:
    """Read a run's result.

    Args:
        path: as :func:`result_path` returns it.

    Raises:
        ConfigError: it is damaged, or the result of another run than it is named after.
    """
    text = read_text(path, _REPEAT)
    try:
        result = parse_result(text)
    except Unreadable as error:
        raise damaged(path, error, _REPEAT) from None
    run = run_of(result)
    if run.id != path.stem:
        raise damaged(path, f"it is the result of {run.id}, {run.title}", _REPEAT)
    return result


def record_plan(plan: Plan, folder: str | Path) -> None:
    """Record which runs an experiment has per dataset; others in its folder belong to an earlier version of its file.

    Args:
        plan (Plan): the experiment.
        folder (str or pathlib.Path): receives ``plan.json`` and, if the file says more than modes, ``experiment.json``,
            which is published with the runs.

    Raises:
        ConfigError: the file that is there is damaged.
    """
    known = _recorded(folder)
    for dataset in dict.fromkeys(run.dataset for run in plan.runs):
        known[dataset] = [run.id for run in plan.runs if run.dataset == dataset]
    write_text(Path(folder, "plan.json"), json.dumps(known, indent=1) + "\n")
    if plan.columns or plan.compare is not None:
        about = {"columns": plan.columns, "compare": plan.compare}
        write_text(Path(folder, COLUMNS), json.dumps(about, indent=1) + "\n")
    else:
        Path(folder, COLUMNS).unlink(missing_ok=True)
    for run in plan.runs:
        _relabel(result_path(folder, run), run)


def _relabel(path, run):
    """A column may have another name by now, and a result of a search or of another file has other labels."""
    if path.exists():
        stored = read_result(path)
        named = label(stored, run)
        if named != stored:
            write_text(path, json.dumps(named, indent=1) + "\n")


def recorded_columns(folder: str | Path) -> tuple[list[str], list[Pair] | None]:
    """The names of an experiment's columns, in order, and the pairs that its file compares.

    Args:
        folder: of an experiment, or a copy of what it has published.

    Returns:
        No names where the columns are modes, or nothing is recorded; None for the pairs if the file does not say.

    Raises:
        ConfigError: the record is damaged.
    """
    path = Path(folder, COLUMNS)
    if not path.exists():
        return [], None
    text = read_text(path, _COLUMNS)
    try:
        given = parse_json(text)
    except Unreadable as error:
        raise damaged(path, error, _COLUMNS) from None
    columns, pairs = (given.get(key) for key in ("columns", "compare")) if isinstance(given, dict) else (None, None)
    if not isinstance(columns, dict):
        raise damaged(path, "columns is not a dict", _COLUMNS)
    if pairs is not None and not (isinstance(pairs, list) and all(map(_is_pair, pairs))):
        raise damaged(path, "compare is not a list of pairs of names", _COLUMNS)
    return list(columns), None if pairs is None else [(one, other) for one, other in pairs]


def _is_pair(value):
    return isinstance(value, list) and len(value) == 2 and all(isinstance(name, str) for name in value)


def _recorded(folder):
    """Dataset -> the names of its runs; empty if nothing is recorded."""
    path = Path(folder, "plan.json")
    if not path.exists():
        return {}
    text = read_text(path, _PLAN)
    try:
        known = parse_json(text)
    except Unreadable as error:
        raise damaged(path, error, _PLAN) from None
    lists = known.values() if isinstance(known, dict) else [None]
    if not all(isinstance(names, list) and all(isinstance(name, str) for name in names) for names in lists):
        raise damaged(path, "it is not a list of runs per dataset", _PLAN)
    return known


def planned(folder: str | Path) -> set[str]:
    """The ids of an experiment's runs on all datasets, as its command has recorded them.

    Args:
        folder: of the experiment.

    Raises:
        ConfigError: the record is damaged.
    """
    return {name for names in _recorded(folder).values() for name in names}


def restore_runs(folder: str | Path, runs: Sequence[Run] = ()) -> None:
    """Restore one result file per run from published files, so that an experiment or a search does not repeat the runs.

    Args:
        folder (str or pathlib.Path): as in :func:`published_runs`; receives ``runs/<id>.json`` for runs without one.
        runs (list of Run): as in :func:`published_runs`.

    Raises:
        ConfigError: as in :func:`published_runs`; or the folder cannot be written.
    """
    published = published_runs(folder, runs)
    prepare(folder, "runs")
    for name, text in published.items():
        path = Path(folder, "runs", name if name.endswith(PRUNED) else f"{name}.json")
        if not path.exists():
            with disk.writing(path, ELSEWHERE):
                write_text(path, text)


def published_runs(folder: str | Path, runs: Sequence[Run] = ()) -> dict[str, str]:
    """Read the runs that a report or a search has written to ``runs.jsonl`` and ``trials.jsonl``.

    Args:
        folder (str or pathlib.Path): the folder of an experiment, all of whose runs are returned.
        runs (list of Run): runs to look up in the folders of other experiments beside it, too; a run with the same
            settings has the same result.

    Returns:
        dict: a run's id -> its result, as JSON; without ``runs`` also the id of a trial that was pruned, with the
        ending ``.pruned`` -> what is known of it.

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
        for result in _lines(path, f"reuse: {path}", "omit --reuse, or remove the line and its run is repeated"):
            name = run_of(result).id
            run = wanted.get(name)
            if result.get("state") == "pruned":
                if not runs:
                    results[name + PRUNED] = json.dumps(result, indent=1) + "\n"
                continue
            if run is not None and _lacks(run, result):
                continue
            others = path.parent != folder
            if others and (run is None or (run.divergence and result.get("divergence") is None)):
                continue
            if run is not None:
                result = label(result, run)
            results[name] = json.dumps(result, indent=1) + "\n"
    return results


def _lines(path: Path, where: str, mend: str) -> Iterator[dict[str, Any]]:
    """The results of a file that has one per line."""
    for number, line in enumerate(read_text(path, mend).splitlines(), start=1):
        try:
            yield parse_trial(line) if path.name == TRIALS else parse_result(line)
        except Unreadable as error:
            raise damaged(f"{where}, line {number}", error, mend) from None


def read_results(folder: str | Path) -> list[dict[str, Any]]:
    """Read all results of an experiment that belong to the last version of its file.

    Args:
        folder (str or pathlib.Path): the folder of an experiment, or one with all runs in ``runs.jsonl``.

    Returns:
        list of dict: results, as :func:`recbole_iacn.experiments.one_run.train` returns them.

    Raises:
        ConfigError: a file is damaged; the message names it, and its line.
    """
    runs, published = (Path(folder, name) for name in ("runs", "runs.jsonl"))
    if not runs.is_dir() and published.is_file():
        return list(_lines(published, str(published), "restore the file, or remove the line and repeat its run"))
    paths = sorted(runs.glob("*.json"))
    if Path(folder, "plan.json").exists():
        names = planned(folder)
        paths = [path for path in paths if path.stem in names]
    return [read_result(path) for path in paths]
