"""An experiment's file: its keys, what each must be, and the file that it is based on."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from recbole_iacn.checks import settings as settings_checks
from recbole_iacn.errors import ConfigError, did_you_mean
from recbole_iacn.experiments import plan_columns

_KEYS = (
    "base",
    "data_path",
    "config_files",
    "datasets",
    "models",
    "modes",
    "columns",
    "compare",
    "seeds",
    "settings",
    "sweep",
    "only",
    "search",
    "divergence",
    "interests",
    "strata",
)
_KINDS = {
    "config_files": list,
    "modes": list,
    "columns": dict,
    "settings": dict,
    "sweep": dict,
    "only": list,
    "search": dict,
    "divergence": int,
}
_WHEN = ("dataset", "model", "mode", "column")
# Settings that are keys of the file.
OWN_KEYS = {
    "seed": "seeds",
    "iacn_mode": "modes or columns",
    "data_path": "data_path",
    "model": "models",
    "dataset": "datasets",
}


def read_file(path: Path) -> dict[str, Any]:
    """An experiment's file, merged with that of its base.

    Args:
        path (pathlib.Path): the YAML file.

    Returns:
        dict: key to value; ``settings`` and ``sweep`` are dicts and ``only`` is a list, of checked form;
        ``config_files`` are paths from the working directory; ``known_columns``, the names of its columns and of those
        of its bases.

    Raises:
        ConfigError: names the file, the key and what is expected.
    """
    given = _read(path)
    for key in ("datasets", "models", "seeds"):
        _check_list(given, key, path)
    _check_entries(given, path)
    given["settings"], given["sweep"] = given.get("settings") or {}, given.get("sweep") or {}
    given["only"] = given.get("only") or []
    for key in given["sweep"]:
        _check_list(given["sweep"], key, path)
    _check_rules(path, given["only"])
    for where in (given["settings"], given["sweep"], *(rule["settings"] for rule in given["only"])):
        settings_checks.check_keys(where, str(path))
        for key in where:
            if key in OWN_KEYS:
                raise ConfigError(f"{path}: {key}: is not a setting of the runs; give the file's key {OWN_KEYS[key]}")
    return given


def check_known(path: Path, key: str, values: Iterable[Any], known: Sequence[str]) -> None:
    """Reject a name that there is not.

    Args:
        path (pathlib.Path): the experiment's file.
        key (str): the key whose values are names.
        values (iterable): the values.
        known (sequence of str): the names that there are.

    Raises:
        ConfigError: names the file, the key and the nearest known name.
    """
    for value in values:
        if value not in known:
            raise ConfigError(f"{path}: {key}: there is no {value!r}.{did_you_mean(str(value), known)}")


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
    plan_columns.check_form(path, given)
    files = given.get("config_files") or []
    if not all(isinstance(one, str) for one in files):
        raise ConfigError(f"{path}: config_files: must be a list of YAML files, got {files!r}")
    if files:
        given["config_files"] = [str(path.parent / one) for one in files]
    given["known_columns"] = tuple(given.get("columns") or ())
    if "base" not in given:
        _check_named(path, given)
        return given
    if not isinstance(given["base"], str) or not given["base"]:
        raise ConfigError(f"{path}: base: must be the path of another such file, got {given['base']!r}")
    lower = path.parent / given.pop("base")
    if lower in above or lower == path:
        raise ConfigError(f"{path}: base: {lower} has this file as its own base")
    base = _read(lower, (*above, path))
    given["known_columns"] = tuple(dict.fromkeys((*given["known_columns"], *base["known_columns"])))
    _check_named(path, given)
    if any(given.get(key) is not None for key in ("modes", "columns")):  # the upper file's choice is the whole choice
        base = {key: value for key, value in base.items() if key not in ("modes", "columns", "compare")}
    joined = {
        "settings": {**(base.get("settings") or {}), **(given.get("settings") or {})},
        "only": [*(base.get("only") or []), *(given.get("only") or [])],
    }
    return {**base, **given, **joined}


def _check_named(path, given):
    """Reject a rule of this very file for a column that neither it nor a base of it has: nobody would miss the rule."""
    known = given["known_columns"]
    for rule in given.get("only") or []:
        when = rule.get("when") if isinstance(rule, dict) else None
        wanted = when.get("column", []) if isinstance(when, dict) else []
        for name in map(plan_columns.in_words, wanted if isinstance(wanted, list) else [wanted]):
            if not known:
                raise ConfigError(f"{path}: only: when: column: the file has no columns; give mode")
            if name not in known:
                near = did_you_mean(str(name), known)
                raise ConfigError(
                    f"{path}: only: when: column: there is no {name!r}.{near} There are: {', '.join(known)}"
                )


def _check_list(given, key, path):
    if not isinstance(given.get(key), list) or not given[key]:
        raise ConfigError(f"{path}: {key}: must be a list, got {given.get(key)!r}")


def _check_entries(given, path):
    for key in ("datasets", "models"):
        for one in given[key]:
            if not isinstance(one, str) or not one:
                raise ConfigError(f"{path}: {key}: must be a list of names, got {one!r} in it; put a number in quotes")
    for seed in given["seeds"]:
        if isinstance(seed, bool) or not isinstance(seed, int):
            raise ConfigError(f"{path}: seeds: must be a list of integers, got {seed!r} in it")
    if given.get("data_path") is not None and not isinstance(given["data_path"], str):
        raise ConfigError(f"{path}: data_path: must be the path of a folder, got {given['data_path']!r}")
    if isinstance(given.get("divergence"), bool) or (given.get("divergence") or 0) < 0:
        raise ConfigError(f"{path}: divergence: must be a number of rows, 0 or more, got {given['divergence']!r}")


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
