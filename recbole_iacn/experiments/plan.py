"""The plan of an experiment: its file describes models x datasets x columns x swept values x seeds; each is one run.

# table1.yaml
data_path: dataset
datasets: [Beauty, Sports_and_Outdoors]
models: [DIN, DIEN, WideDeep]          # backbones; or models without modes, such as [SASRec, ComiRec]
modes: [off, width, full]              # the columns; or columns and compare, see experiments/plan_columns.py
seeds: [2020, 2021, 2022, 2023, 2024]
settings: {learning_rate: 0.001}       # settings of every run
sweep: {iacn_delta: [0, 0.5, 1]}       # one run per combination
only:                                  # settings of some runs; later rules override earlier ones
  - when: {dataset: Beauty, model: [DIN, DIEN], mode: full}
    settings: {iacn_lambda: 0.5}
config_files: [common.yaml]            # settings below the others, as of recbole-iacn train
divergence: 200                        # number of test rows on which clicked and recommended interests are compared
interests: 1000                        # number of test rows on which the interests themselves are measured
strata:                                # the test's metrics also by stratum
  history: [5, 10, 20, 50]             # upper bounds of the length of a row's history, not cut to L: <= 5, 6-10, ...
  categories: [1, 2, 4]                # and of the number of distinct categories in it, as far as the model sees it
  category: categories                 # the column of items, or {dataset: column}; by default the only one loaded

# delta.yaml
base: table1.yaml                      # source of the missing keys; settings are merged, rules are appended
models: [DIEN]
"""

import hashlib
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recbole_iacn.checks import settings as settings_checks
from recbole_iacn.errors import ConfigError
from recbole_iacn.experiments import interest_figures, strata
from recbole_iacn.experiments.interest_figures import AskedInterests
from recbole_iacn.experiments.plan_columns import (
    NO_COLUMN,
    Column,
    Pair,
    check_pairs,
    check_swept,
    in_words,
    read_columns,
)
from recbole_iacn.experiments.plan_file import check_known, read_file
from recbole_iacn.experiments.strata import AskedStrata
from recbole_iacn.names import OWN, SUFFIX, click_models, recbole_models
from recbole_iacn.settings import table
from recbole_iacn.settings.sources import DATA_PATH, read_config_file, with_dataset_yaml
from recbole_iacn.system.plain_names import check_name

_OF_THE_RUN = ("data_path", "checkpoint_dir", "show_progress")  # settings that do not change a result


@dataclass(frozen=True)
class Run:
    """One training of an experiment.

    Attributes:
        dataset, model (str): their names; with a mode, ``model`` is the backbone's name.
        mode (str): ``off``, ``width`` or ``full``; empty for a model without modes.
        sweep (dict): the values of the swept settings.
        seed (int): the random seed.
        settings (dict): all settings for RecBole, including mode, seed and swept values, but not the path of the data.
        divergence (int): the number of test rows on which the interests of clicked and recommended items are compared,
            if the model has interests. Defaults to 0.
        interests (AskedInterests): the measures of its interests; None, the default, for none.
        strata (AskedStrata): the strata of its test; None, the default, for none.
        column (str): the name of its column; empty, the default, where columns are modes. It is a label: another column
            with the same settings is the same run.
    """

    dataset: str
    model: str
    mode: str
    sweep: dict[str, Any]
    seed: int
    settings: dict[str, Any] = field(repr=False)
    divergence: int = 0
    interests: AskedInterests | None = None
    strata: AskedStrata | None = None
    column: str = ""

    @property
    def id(self) -> str:
        """A name that changes with everything that may change the result."""
        fields = {"dataset": self.dataset, "model": self.model, "settings": self.settings}
        fields = json.loads(json.dumps(fields))  # as a result has them, whose keys are text
        digest = hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()[:10]
        return check_name("-".join(filter(None, (self.dataset, self.model, self.mode, str(self.seed), digest))), "run")

    @property
    def of(self) -> str:
        """The name of its column, or else its mode: by what runs of one model are grouped."""
        return self.column or self.mode

    @property
    def title(self) -> str:
        """A description for people."""
        sweep = "".join(f", {key} {value}" for key, value in self.sweep.items())
        return f"{' '.join(filter(None, (self.model, self.of)))} on {self.dataset}{sweep}, seed {self.seed}"


@dataclass(frozen=True)
class Plan:
    """The runs of an experiment.

    Attributes:
        name (str): the file's name without its suffix.
        data_path (str): the folder that contains the datasets.
        runs (list of Run): the runs, ordered by seed, so that an unfinished experiment has complete results for the
            first seeds.
        space (dict): the space of :mod:`recbole_iacn.experiments.search`; None if the file has none.
        file (str): the path of the file, for messages.
        config_files (dict): dataset -> the YAML files read below the file's settings, the dataset's own first.
        own_keys (frozenset): the settings that the file itself gives to some run, over those of config files.
        beside (tuple of str): those of the config files that were found beside the data.
        columns (dict): name of a column -> its settings; empty where columns are modes.
        compare (tuple): pairs of columns or modes, (a, b): is a better than b? None if the file does not say.
        known_columns (tuple of str): names that the search may give: of the file's columns, and of its bases'.
    """

    name: str
    data_path: str
    runs: list[Run]
    space: dict[str, Any] | None = None
    file: str = ""
    config_files: dict[str, list[str]] = field(default_factory=dict)
    own_keys: frozenset[str] = frozenset()
    beside: tuple[str, ...] = ()
    columns: dict[str, dict[str, Any]] = field(default_factory=dict)
    compare: tuple[Pair, ...] | None = None
    known_columns: tuple[str, ...] = ()


def read_plan(
    path: str | Path,
    data_path: str | None = None,
    datasets: list[str] | None = None,
    config_files: Sequence[str] = (),
    dataset_yaml: bool = True,
) -> Plan:
    """Read and check an experiment's file.

    Args:
        path (str or pathlib.Path): the YAML file.
        data_path (str, optional): the folder of the datasets; overrides the file's.
        datasets (list of str, optional): a selection of the file's datasets.
        config_files (sequence of str): YAML files of settings, over those of the file's key ``config_files`` and below
            its ``settings``.
        dataset_yaml (bool): below all others, read the settings that lie beside each dataset
            (:func:`recbole_iacn.settings.sources.dataset_yaml`). Defaults to True.

    Returns:
        Plan: the plan.

    Raises:
        ConfigError: the file is wrong; the message names the file, the key and what is expected.
    """
    path = Path(path)
    given = read_file(path)
    check_known(path, "datasets", datasets or [], given["datasets"])
    interest_aware = tuple(name + SUFFIX for name in click_models())
    check_known(path, "models", given["models"], (*click_models(), *interest_aware, *OWN, *recbole_models()))
    columns = _columns(path, given)
    files = [*(given.get("config_files") or []), *config_files]
    for one in files:
        settings_checks.check_keys(read_config_file(one), one)
    folders = [folder for one in files if (folder := read_config_file(one).get("data_path"))]
    folder = str(data_path or given.get("data_path") or (folders[-1] if folders else DATA_PATH))
    chosen = datasets or given["datasets"]
    below = {one: with_dataset_yaml(one, files, folder) if dataset_yaml else files for one in chosen}
    lower = {dataset: _settings_of(paths) for dataset, paths in below.items()}
    asked = (
        given.get("divergence") or 0,
        interest_figures.read(path, given.get("interests")),
    )
    asked_strata = strata.read(path, given.get("strata"), given["datasets"])
    runs = []
    for seed, dataset, model in itertools.product(given["seeds"], chosen, given["models"]):
        for column, values in itertools.product(columns[model], list(itertools.product(*given["sweep"].values()))):
            swept = dict(zip(given["sweep"], values))
            settings = {**lower[dataset], **given["settings"], **_ruled(given["only"], dataset, model, column)}
            settings.update(swept, seed=seed, **({"iacn_mode": column.mode} if column.mode else {}))
            runs.append(
                Run(dataset, model, column.mode, swept, seed, settings, *asked, asked_strata[dataset], column.name)
            )
    _check_apart(path, runs, given.get("search") or {})
    named = {column.name: column.settings for some in columns.values() for column in some if column.name}
    keys = (given["settings"], given["sweep"], *named.values(), *(rule["settings"] for rule in given["only"]))
    own = frozenset(key for where in keys for key in where)
    beside = tuple(paths[0] for paths in below.values() if len(paths) > len(files))
    pairs = None if given.get("compare") is None else tuple(given["compare"])
    space, known = given.get("search"), given["known_columns"]
    return Plan(path.stem, folder, runs, space, str(path), below, own, beside, named, pairs, known)


def _ruled(rules, dataset, model, column):
    """The settings of rules and of a column. A rule for many runs does not change what a column is; one that names the
    column does."""
    run = {"dataset": dataset, "model": model, "mode": column.mode, "column": column.name}
    matching = [rule for rule in rules if _matches(rule["when"], run)]
    settings: dict[str, Any] = {}
    for rule in matching:
        settings.update(rule["settings"])
    settings.update(column.settings)
    for rule in matching:
        if "column" in rule["when"]:
            settings.update(rule["settings"])
    return settings


def _check_apart(path, runs, searched):
    """Reject two columns that are one, also where one spells out a default that is not searched in the other."""
    first: dict[tuple, Run] = {}
    defaults = {key: value for key, value in table.defaults_of("IaCN").items() if key not in searched}
    for run in runs:
        settings = {key: value for key, value in run.settings.items() if key not in defaults or value != defaults[key]}
        key = (run.dataset, run.model, run.mode, json.dumps(settings, sort_keys=True, default=str))
        other = first.setdefault(key, run)
        if other.column != run.column:
            raise ConfigError(
                f"{path}: columns: {other.column} and {run.column} have the same settings for {run.model} on "
                f"{run.dataset}; leave one of them out, or give it another setting"
            )


def _columns(path, given):
    """The columns of each model: of a backbone those of the file, of another model none."""
    models, columns = given["models"], read_columns(path, given)
    backbones = [model for model in models if model in click_models()]
    key = "columns" if given.get("columns") else "modes"
    if given.get(key) and not backbones:
        raise ConfigError(f"{path}: {key}: {models[0]} has no {key}; these models have: {', '.join(click_models())}")
    check_swept(path, columns, given["sweep"])
    names = [column.name or column.mode for column in columns]
    check_pairs(f"{path}: compare", given.get("compare") or (), names)
    none: list[Column] = [NO_COLUMN]
    return {model: columns if model in backbones else none for model in models}


def _settings_of(paths):
    """The settings of YAML files that may change a result, a later file over an earlier one."""
    settings: dict[str, Any] = {}
    for one in paths:
        content = read_config_file(one)
        settings_checks.check_keys(content, one)
        settings.update(content)
    return {key: value for key, value in settings.items() if key not in _OF_THE_RUN}


def swept_pairs(sweep: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    """The values of the swept settings, to group runs by: pairs in the order of the settings' names.

    Args:
        sweep: of a run, or of its result.

    Returns:
        A list or a dict, such as the sizes of layers, is its text.
    """
    shown = {key: str(value) if isinstance(value, list | dict) else value for key, value in sweep.items()}
    return tuple(sorted(shown.items(), key=lambda pair: pair[0]))


def recbole_name(run: Run) -> str:
    """The name of a run's model in RecBole."""
    return run.model + SUFFIX if run.mode else run.model


def _matches(when, run):
    for key, wanted in when.items():
        wanted = wanted if isinstance(wanted, list) else [wanted]
        if run[key] not in map(in_words, wanted):
            return False
    return True
