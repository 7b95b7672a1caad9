"""The plan of an experiment: its file describes models x datasets x modes x swept values x seeds; each is one run.

# table1.yaml
data_path: dataset
datasets: [Beauty, Sports_and_Outdoors]
models: [DIN, DIEN, WideDeep]          # backbones; or models without modes, such as [SASRec, ComiRec]
modes: [off, width, full]
seeds: [2020, 2021, 2022, 2023, 2024]
settings: {learning_rate: 0.001}       # settings of every run
sweep: {iacn_delta: [0, 0.5, 1]}       # one run per combination
only:                                  # settings of some runs; later rules override earlier ones
  - when: {dataset: Beauty, model: [DIN, DIEN], mode: full}
    settings: {iacn_lambda: 0.5}
divergence: 200                        # number of test rows on which clicked and recommended interests are compared

# delta.yaml
base: table1.yaml                      # source of the missing keys; settings are merged, rules are appended
models: [DIEN]
"""

import hashlib
import itertools
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recbole_iacn.checks import settings as settings_checks
from recbole_iacn.errors import ConfigError, did_you_mean
from recbole_iacn.names import OWN, SUFFIX, click_models, recbole_models

MODES = ("off", "width", "full")
_KEYS = (
    "base",
    "data_path",
    "datasets",
    "models",
    "modes",
    "seeds",
    "settings",
    "sweep",
    "only",
    "search",
    "divergence",
)
_KINDS = {"modes": list, "settings": dict, "sweep": dict, "only": list, "search": dict, "divergence": int}
_WHEN = ("dataset", "model", "mode")
_BUILT_IN = ("ml-100k",)  # RecBole contains this dataset


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
    """

    dataset: str
    model: str
    mode: str
    sweep: dict[str, Any]
    seed: int
    settings: dict[str, Any] = field(repr=False)
    divergence: int = 0

    @property
    def id(self) -> str:
        """A name that changes with everything that may change the result."""
        fields = {"dataset": self.dataset, "model": self.model, "settings": self.settings}
        digest = hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()[:10]
        return "-".join(filter(None, (self.dataset, self.model, self.mode, str(self.seed), digest)))

    @property
    def title(self) -> str:
        """A description for people."""
        sweep = "".join(f", {key} {value}" for key, value in self.sweep.items())
        return f"{' '.join(filter(None, (self.model, self.mode)))} on {self.dataset}{sweep}, seed {self.seed}"


@dataclass(frozen=True)
class Plan:
    """The runs of an experiment.

    Attributes:
        name (str): the file's name without its suffix.
        data_path (str): the folder that contains the datasets.
        runs (list of Run): the runs, ordered by seed, so that an unfinished experiment has complete results for the
            first seeds.
        space (dict): the space of :mod:`recbole_iacn.experiments.search`; None if the file has none.
    """

    name: str
    data_path: str
    runs: list[Run]
    space: dict[str, Any] | None = None


def read_plan(path: str | Path, data_path: str | None = None, datasets: list[str] | None = None) -> Plan:
    """Read and check an experiment's file.

    Args:
        path (str or pathlib.Path): the YAML file.
        data_path (str, optional): the folder of the datasets; overrides the file's.
        datasets (list of str, optional): a selection of the file's datasets.

    Returns:
        Plan: the plan.

    Raises:
        ConfigError: the file is wrong; the message names the file, the key and what is expected.
    """
    path = Path(path)
    given = _read(path)
    lists = {key: _list(given, key, path) for key in ("datasets", "models", "seeds")}
    _one_of(path, "datasets", datasets or [], lists["datasets"])
    interest_aware = tuple(name + SUFFIX for name in click_models())
    _one_of(path, "models", lists["models"], (*click_models(), *interest_aware, *OWN, *recbole_models()))
    modes = _modes(path, given, lists["models"])
    sweep, rules = given.get("sweep") or {}, given.get("only") or []
    for key in sweep:
        _list(sweep, key, path)
    _check_rules(path, rules)
    for where in (given.get("settings") or {}, sweep, *(rule.get("settings", {}) for rule in rules)):
        settings_checks.check_keys(where, str(path))
    runs = []
    chosen = datasets or lists["datasets"]
    for seed, dataset, model, mode in itertools.product(lists["seeds"], chosen, lists["models"], modes):
        for values in itertools.product(*sweep.values()):
            swept = dict(zip(sweep, values))
            settings = {**(given.get("settings") or {})}
            for rule in rules:
                if _matches(rule["when"], {"dataset": dataset, "model": model, "mode": mode}):
                    settings.update(rule["settings"])
            settings.update(swept, seed=seed, **({"iacn_mode": mode} if mode else {}))
            runs.append(Run(dataset, model, mode, swept, seed, settings, given.get("divergence") or 0))
    return Plan(path.stem, str(data_path or given.get("data_path", "dataset")), runs, given.get("search"))


def _modes(path, given, models):
    backbones = [model for model in models if model in click_models()]
    if not backbones:
        if given.get("modes"):
            raise ConfigError(
                f"{path}: modes: {models[0]} has no modes; these models have: {', '.join(click_models())}"
            )
        return [""]
    if len(backbones) < len(models):
        other = next(model for model in models if model not in backbones)
        raise ConfigError(f"{path}: models: {backbones[0]} has modes and {other} has none; split them into two files")
    modes = ["off" if mode is False else mode for mode in given.get("modes", MODES)]  # YAML reads off as false
    _one_of(path, "modes", modes, MODES)
    return modes


def _read(path, above=()):
    """A file's content, merged with that of its base."""
    given = settings_checks.read_config_file(str(path))
    for key in given:
        if key not in _KEYS:
            raise ConfigError(f"{path}: {key}: no such key.{did_you_mean(key, _KEYS)} There are: {', '.join(_KEYS)}")
    for key, kind in _KINDS.items():
        if given.get(key) is not None and not isinstance(given[key], kind):
            raise ConfigError(
                f"{path}: {key}: must be {'an' if kind is int else 'a'} {kind.__name__}, got {given[key]!r}"
            )
    if "base" not in given:
        return given
    lower = path.parent / str(given.pop("base"))
    if lower in above or lower == path:
        raise ConfigError(f"{path}: base: {lower} has this file as its own base")
    base = _read(lower, (*above, path))
    joined = {
        "settings": {**(base.get("settings") or {}), **(given.get("settings") or {})},
        "only": [*(base.get("only") or []), *(given.get("only") or [])],
    }
    return {**base, **given, **joined}


def check_data(plan: Plan) -> None:
    """Reject an experiment with missing data before the first run.

    Args:
        plan (Plan): the experiment.

    Raises:
        ConfigError: a data file is missing; the message names it and the possible solutions.
    """
    for dataset in dict.fromkeys(run.dataset for run in plan.runs):
        path = Path(plan.data_path, dataset, f"{dataset}.inter")
        if dataset not in _BUILT_IN and not path.is_file():
            raise ConfigError(
                f"{path}: No such file. Set the folder of the data with --data_path, create them with recbole-iacn "
                "prepare, or choose other datasets with --datasets"
            )


def recbole_name(run: Run) -> str:
    """The name of a run's model in RecBole."""
    return run.model + SUFFIX if run.mode else run.model


def _list(given, key, path):
    if not isinstance(given.get(key), list) or not given[key]:
        raise ConfigError(f"{path}: {key}: must be a list, got {given.get(key)!r}")
    return given[key]


def _one_of(path, key, values, known):
    for value in values:
        if value not in known:
            raise ConfigError(f"{path}: {key}: there is no {value!r}.{did_you_mean(str(value), known)}")


def _check_rules(path, rules):
    for rule in rules:
        if not isinstance(rule, dict) or set(rule) != {"when", "settings"}:
            raise ConfigError(f"{path}: only: each entry has the keys when and settings, got {rule!r}")
        for key, value in rule.items():
            if not isinstance(value, dict):
                raise ConfigError(f"{path}: only: {key}: must be a dict, got {value!r}")
        for key in rule["when"]:
            if key not in _WHEN:
                raise ConfigError(f"{path}: only: when: {key}: no such key. There are: {', '.join(_WHEN)}")


def _matches(when, run):
    for key, wanted in when.items():
        wanted = wanted if isinstance(wanted, list) else [wanted]
        if run[key] not in ["off" if value is False else value for value in wanted]:
            return False
    return True
