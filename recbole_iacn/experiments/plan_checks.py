"""Checks of a plan before the first run: the data, every model's settings, and that one table has one test."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from recbole_iacn.checks.files import downloadable
from recbole_iacn.errors import ConfigError
from recbole_iacn.experiments import strata
from recbole_iacn.experiments.plan import Plan, Run, recbole_name
from recbole_iacn.experiments.search_space import own_space
from recbole_iacn.settings.sources import BUILT_IN, naming_file


def check_data(plan: Plan) -> None:
    """Reject an experiment with missing data before the first run.

    Args:
        plan (Plan): the experiment.

    Raises:
        ConfigError: a data file is missing; the message names it and the possible solutions.
    """
    for dataset in dict.fromkeys(run.dataset for run in plan.runs):
        path = Path(plan.data_path, dataset, f"{dataset}.inter")
        if not _is_there(plan, dataset):
            folder = plan.data_path
            fetched = f"let recbole-iacn train --model=Pop --dataset={dataset} --data_path={folder} download them, "
            raise ConfigError(
                f"{path}: No such file. Set the folder of the data with --data_path, create them with recbole-iacn "
                f"prepare, {fetched if dataset in downloadable() else ''}or choose other datasets with --datasets"
            )


def _is_there(plan, dataset):
    return dataset in BUILT_IN or Path(plan.data_path, dataset, f"{dataset}.inter").is_file()


def check_runs(plan: Plan, keep: bool = False, space: Mapping[str, Any] | None = None) -> list[str]:
    """Reject settings that a run's model would reject, and runs on one dataset that do not meet the same test.

    Swept shares of the users are tests of their own. Columns are checked where the data are there.

    Args:
        plan (Plan): the experiment.
        keep (bool): also reject models that no bundle can hold. Defaults to False.
        space (Mapping, optional): of a search, checked: its settings are given, too, and have several values.

    Returns:
        list of str: a line per set of settings that have no effect beside the others, with the models in question.

    Raises:
        ConfigError: names the file, and the run and the key; or the two runs and the key in which their tests differ.
    """
    from recbole_iacn.building import configure
    from recbole_iacn.checks.idle_settings import without_effect
    from recbole_iacn.checks.same_test import TESTS_OF_THEIR_OWN, evaluation_of

    first: dict[tuple[Any, ...], tuple[Run, dict]] = {}
    idle: dict[str, dict[str, None]] = {}  # line -> the models, in order
    for run in _one_per_seed(plan.runs):
        given = {**run.settings, "data_path": plan.data_path}
        with _same_environment():
            try:
                config = configure(
                    recbole_name(run), run.dataset, config_dict=given, with_files=_is_there(plan, run.dataset)
                )
                if run.strata:
                    strata.check_config(config)
            except ConfigError as error:
                raise ConfigError(f"{plan.file}: {_name(run)}: {_with_file(error, plan, run)}") from None
        if keep and config["MODEL_TYPE"].name == "DECISIONTREE":
            raise ConfigError(
                f"{plan.file}: {_name(run)}: a decision tree has no weights that a bundle could hold; leave out "
                "--keep, or the model"
            )
        test = evaluation_of(config)
        apart = tuple(run.sweep.get(key) for key in TESTS_OF_THEIR_OWN)
        other, expected = first.setdefault((run.dataset, *apart), (run, test))
        _check_same(plan, (other, expected), (run, test))
        searched = own_space(run, space, plan.columns or {}) if space else {}
        line = without_effect(config, config.model_class, config.external_config_dict, searched)
        if line:
            idle.setdefault(line, {})[recbole_name(run)] = None
    return [f"{line} ({', '.join(models)})" for line, models in idle.items()]


def _check_same(plan, first, second):
    (one, expected), (other, test) = first, second
    for key in dict.fromkeys((*expected, *test)):
        values = expected.get(key), test.get(key)
        if values[0] != values[1]:
            raise ConfigError(
                f"{plan.file}: {key}: is {values[0]!r} for {_name(one)} and {values[1]!r} for {_name(other)}, and "
                "these are two tests, which one table cannot compare; give all runs on a dataset the same, or make two "
                "files"
            )


def _one_per_seed(runs: list[Run]) -> Iterator[Run]:
    """The first of the runs that differ in their seed alone."""
    seen = set()
    for run in runs:
        kind = repr((run.dataset, run.model, run.of, {**run.settings, "seed": None}))
        if kind not in seen:
            seen.add(kind)
            yield run


def _name(run):
    return run.title.rpartition(", seed ")[0]


def _with_file(error, plan, run):
    """The error, with the config file that set its key where the experiment's file did not."""
    files = plan.config_files.get(run.dataset, [])
    return naming_file(error, files, plan.own_keys)


@contextlib.contextmanager
def _same_environment():
    """While active, RecBole's Config may set which GPUs this process sees; afterwards that is as before."""
    before = os.environ.get("CUDA_VISIBLE_DEVICES")
    try:
        yield
    finally:
        if before is None:
            os.environ.pop("CUDA_VISIBLE_DEVICES", None)
        else:
            os.environ["CUDA_VISIBLE_DEVICES"] = before
