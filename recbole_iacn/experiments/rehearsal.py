"""How long will it take? One epoch of one run of each kind."""

import dataclasses
import tempfile
from typing import Any

from recbole_iacn.errors import ConfigError
from recbole_iacn.experiments.plan import Plan, Run
from recbole_iacn.experiments.runner import run_all
from recbole_iacn.experiments.store import read_results, result_path
from recbole_iacn.names import FAMILY

_EPOCHS = 300  # RecBole's default; the multi-interest family has one of its own


def rehearse(plan: Plan, jobs: int = 1, progress: bool = True) -> tuple[tuple[list[str], list[list[str]]], str]:
    """Train one epoch of the first seed of every combination, and reckon what the whole experiment takes.

    The runs go through the same process pool as the experiment's, so that their pace is that of as many jobs; their
    results are thrown away.

    Args:
        plan (Plan): the experiment.
        jobs (int): runs at a time. Defaults to 1.
        progress (bool): show a bar.

    Returns:
        tuple: heads and cells of a table (data set, backbone, mode, swept settings, runs, seconds of loading and of an
        epoch, peak MB), and a sentence on the whole.

    Raises:
        ConfigError: a run failed.
    """
    short = first_of_each(plan)
    with tempfile.TemporaryDirectory() as folder:
        failed = run_all(dataclasses.replace(plan, runs=short), folder, jobs, progress)
        if failed:
            said = result_path(folder, failed[0]).with_suffix(".error").read_text()
            raise ConfigError(f"rehearsal: {failed[0].title}: {said.strip().splitlines()[-1]}")
        found = {_kind(one): one for one in read_results(folder)}
    swept = list(short[0].sweep)
    cells, loading, epoch, whole = [], 0.0, 0.0, 0.0
    for run in short:
        one = found[_kind(vars(run))]
        same = [other for other in plan.runs if _kind(vars(other)) == _kind(vars(run))]
        pace = one["epochs"][-1]["seconds"] - one["loading"]  # of two stages, if there are two
        loading += len(same) * one["loading"]
        epoch += len(same) * pace
        whole += sum(_epochs(other) for other in same) * pace
        cells.append([run.dataset, run.model, run.mode, *(str(run.sweep[key]) for key in swept), str(len(same))])
        cells[-1] += [f"{one['loading']:.0f}", f"{pace:.0f}", f"{one['peak_mb']:.0f}"]
    heads = ["data set", "backbone", "mode", *swept, "runs", "loading s", "epoch s", "peak MB"]
    load, each, most = (_duration(seconds / jobs) for seconds in (loading, epoch, loading + whole))
    told = (
        f"{len(plan.runs)} runs, {jobs} at a time: {load} of loading, {each} for each epoch of all of them, "
        f"so at most {most} (early stopping ends most runs sooner)."
    )
    return (heads, cells), told


def first_of_each(plan: Plan) -> list[Run]:
    """The first seed's run of every combination, for one epoch."""
    found: dict[tuple[Any, ...], Run] = {}
    for run in plan.runs:
        told = {**run.settings, "epochs": 1}
        found.setdefault(_kind(vars(run)), Run(run.dataset, run.model, run.mode, run.sweep, run.seed, told))
    return list(found.values())


def _epochs(run):
    """How many a run has at most."""
    if run.model not in FAMILY:
        return run.settings.get("epochs", _EPOCHS)
    from recbole_iacn.settings import table

    return run.settings.get("epochs", table.defaults_of("MultiInterest")["epochs"])


def _kind(told):
    return told["dataset"], told["model"], told["mode"], tuple(sorted(told["sweep"].items()))


def _duration(seconds):
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
