"""What an experiment's file asks for: models x data sets x modes x swept values x seeds, as single runs.

# table1.yaml
data_path: dataset
datasets: [Beauty, Sports_and_Outdoors]
models: [DIN, DIEN, WideDeep]          # backbones; or models without modes, such as [SASRec, ComiRec]
modes: [off, width, full]
seeds: [2020, 2021, 2022, 2023, 2024]
settings: {learning_rate: 0.001}       # of every run
sweep: {iacn_delta: [0, 0.5, 1]}       # every combination
only:                                  # settings of some of the runs, the later over the earlier
  - when: {dataset: Beauty, model: [DIN, DIEN], mode: full}
    settings: {iacn_lambda: 0.5}
divergence: 200                        # test rows on which interests of clicked and recommended items are compared

# delta.yaml
base: table1.yaml                      # what is not said here stands there; settings are joined, rules come after
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
from recbole_iacn.names import FAMILY, SUFFIX, click_models, recbole_models

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
_BUILT_IN = ("ml-100k",)  # RecBole brings it


@dataclass(frozen=True)
class Run:
    """One training.

    Attributes:
        dataset, model (str): which; with a mode, ``model`` is the backbone's name.
        mode (str): ``off``, ``width`` or ``full``; empty for a model that has none.
        sweep (dict): the swept settings' values.
        seed (int): of everything random.
        settings (dict): all that RecBole is given, those above included; not where the data lie.
        divergence (int): test rows on which the interests of clicked and recommended items are compared, if the model
            has any.
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
        """A name that changes with anything that may change the result."""
        told = {"dataset": self.dataset, "model": self.model, "settings": self.settings}
        digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:10]
        return "-".join(filter(None, (self.dataset, self.model, self.mode, str(self.seed), digest)))

    @property
    def title(self) -> str:
        """In words."""
        sweep = "".join(f", {key} {value}" for key, value in self.sweep.items())
        return f"{' '.join(filter(None, (self.model, self.mode)))} on {self.dataset}{sweep}, seed {self.seed}"


@dataclass(frozen=True)
class Plan:
    """An experiment.

    Attributes:
        name (str): the file's.
        data_path (str): the folder that holds the data sets.
        runs (list of Run): seeds outermost, so that an unfinished experiment has a whole table for the first ones.
        space (dict): what :mod:`recbole_iacn.experiments.search` may try; None if the file does not say.
    """

    name: str
    data_path: str
    runs: list[Run]
    space: dict[str, Any] | None = None


def read_plan(path: str | Path, data_path: str | None = None, datasets: list[str] | None = None) -> Plan:
    """Read and check an experiment's file.

    Args:
        path (str or pathlib.Path): YAML.
        data_path (str, optional): over the file's.
        datasets (list of str, optional): which of the file's data sets.

    Returns:
        Plan: with its runs.

    Raises:
        ConfigError: names the file, the key and the mend.
    """
    path = Path(path)
    given = _read(path)
    lists = {key: _list(given, key, path) for key in ("datasets", "models", "seeds")}
    _one_of(path, "datasets", datasets or [], lists["datasets"])
    _one_of(path, "models", lists["models"], (*click_models(), *FAMILY, *recbole_models()))
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
            raise ConfigError(f"{path}: modes: {models[0]} has none; they are for {', '.join(click_models())}")
        return [""]
    if len(backbones) < len(models):
        other = next(model for model in models if model not in backbones)
        raise ConfigError(f"{path}: models: {backbones[0]} has modes and {other} has none; make two files")
    modes = ["off" if mode is False else mode for mode in given.get("modes", MODES)]  # YAML reads off as false
    _one_of(path, "modes", modes, MODES)
    return modes


def _read(path, above=()):
    """A file's content, laid over that of its base."""
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
        raise ConfigError(f"{path}: base: {lower} is laid over this file itself")
    base = _read(lower, (*above, path))
    joined = {
        "settings": {**(base.get("settings") or {}), **(given.get("settings") or {})},
        "only": [*(base.get("only") or []), *(given.get("only") or [])],
    }
    return {**base, **given, **joined}


def check_data(plan: Plan) -> None:
    """Refuse an experiment whose data are not there, before the first run.

    Args:
        plan (Plan): the experiment.

    Raises:
        ConfigError: names the file and the mend.
    """
    for dataset in dict.fromkeys(run.dataset for run in plan.runs):
        path = Path(plan.data_path, dataset, f"{dataset}.inter")
        if dataset not in _BUILT_IN and not path.is_file():
            raise ConfigError(
                f"{path}: No such file. Name the folder of the data by --data_path, make them (recbole-iacn prepare), "
                "or choose other data sets by --datasets"
            )


def recbole_name(run: Run) -> str:
    """The model that RecBole is asked for."""
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
                raise ConfigError(f"{path}: only: when: {key}: no such key; there are {', '.join(_WHEN)}")


def _matches(when, run):
    for key, wanted in when.items():
        wanted = wanted if isinstance(wanted, list) else [wanted]
        if run[key] not in ["off" if value is False else value for value in wanted]:
            return False
    return True
