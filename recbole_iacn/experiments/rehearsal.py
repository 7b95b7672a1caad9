"""Estimate the duration of an experiment from one epoch of one run of each kind."""

import dataclasses
from typing import Any

from recbole_iacn.errors import ConfigError
from recbole_iacn.experiments.plan import Plan, Run, swept_pairs
from recbole_iacn.experiments.results import column_of
from recbole_iacn.experiments.runner import run_all
from recbole_iacn.experiments.store import read_results, result_path
from recbole_iacn.names import FAMILY, FLOORS
from recbole_iacn.system import leftovers

_EPOCHS = 300  # RecBole's default; the multi-interest models have their own


def rehearse(plan: Plan, jobs: int = 1, progress: bool = True) -> tuple[tuple[list[str], list[list[str]]], str]:
    """Train one epoch of the first seed of every combination, and estimate the duration of the whole experiment.

    The runs use the same process pool as the experiment, so that their speed is that of as many jobs; their results
    are discarded.

    Args:
        plan (Plan): the experiment.
        jobs (int): the number of runs at the same time. Defaults to 1.
        progress (bool): show a progress bar. Defaults to True.

    Returns:
        tuple: heads and cells of a table (dataset, backbone, mode or column, swept settings, runs, seconds of loading
        and per epoch, peak MB), and a sentence with the estimate for the whole experiment.

    Raises:
        ConfigError: a run failed.
    """
    short = first_of_each(plan)
    with leftovers.temporary_folder() as scratch:
        folder = scratch / "rehearsal"
        failed = run_all(dataclasses.replace(plan, runs=short), folder, jobs, progress)
        if failed:
            error = result_path(folder, failed[0]).with_suffix(".error").read_text()
            raise ConfigError(f"rehearsal: {failed[0].title}: {error.strip().splitlines()[-1]}")
        results = {_kind(result): result for result in read_results(folder)}
    swept = list(short[0].sweep)
    cells, loading, epoch, whole = [], 0.0, 0.0, 0.0
    for run in short:
        result = results[_kind(vars(run))]
        same = [other for other in plan.runs if _kind(vars(other)) == _kind(vars(run))]
        pace = result["epochs"][-1]["seconds"] - result["loading"]  # includes both stages, if there are two
        loading += len(same) * result["loading"]
        epoch += len(same) * pace
        whole += sum(_epochs(other) for other in same) * pace
        cells.append([run.dataset, run.model, run.of, *(str(run.sweep[key]) for key in swept), str(len(same))])
        peak = "–" if result["peak_mb"] is None else f"{result['peak_mb']:.0f}"  # Windows does not say
        cells[-1] += [f"{result['loading']:.0f}", f"{pace:.0f}", peak]
    kind = "column" if plan.columns else "mode"
    heads = ["dataset", "backbone", kind, *swept, "runs", "loading s", "epoch s", "peak MB"]
    load, each, most = (_duration(seconds / jobs) for seconds in (loading, epoch, loading + whole))
    estimate = (
        f"{len(plan.runs)} runs, {jobs} at a time: {load} of loading, {each} per epoch of all runs, "
        f"at most {most} in total (early stopping ends most runs sooner)."
    )
    return (heads, cells), estimate


def first_of_each(plan: Plan) -> list[Run]:
    """The run of the first seed for every combination, limited to one epoch."""
    first: dict[tuple[Any, ...], Run] = {}
    for run in plan.runs:
        short = dataclasses.replace(
            run, settings={**run.settings, "epochs": 1, "eval_step": 1}, divergence=0, interests=None
        )
        first.setdefault(_kind(vars(run)), short)
    return list(first.values())


def _epochs(run):
    """The maximum number of epochs of a run."""
    if run.model in FLOORS:
        return 1
    if run.model not in FAMILY:
        return run.settings.get("epochs", _EPOCHS)
    from recbole_iacn.settings import table

    return run.settings.get("epochs", table.defaults_of("MultiInterest")["epochs"])


def _kind(fields):
    return fields["dataset"], fields["model"], column_of(fields), swept_pairs(fields["sweep"])


def _duration(seconds):
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
