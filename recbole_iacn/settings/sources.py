"""Reads settings from YAML files, from the command line and from strings."""

import ast
import os
import re
import sys
from collections.abc import Container, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from recbole_iacn.errors import ConfigError, did_you_mean
from recbole_iacn.system import disk

BUILT_IN = ("ml-100k",)  # RecBole contains these datasets and reads them from its own folder alone
DATA_PATH = "dataset"  # RecBole's default of data_path


_LARGEST = 1 << 20  # bytes; larger ones take minutes
_MOST_MERGED = 10_000  # keys
_MOST_VALUES = 100_000  # of a file of settings, its aliases written out


class _Loader(yaml.SafeLoader):
    """YAML as RecBole reads it: 1e-3 is a number. A key that stands there twice is an error, as one of them would be
    ignored."""

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if (key.tag, key.value) in seen:
                problem = f"the key {key.value!r} stands there twice; leave one of them out"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
            seen.add((key.tag, key.value))
        return super().construct_mapping(node, deep)

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Merge what ``<<`` names; merges of merges multiply."""
        super().flatten_mapping(node)
        if len(node.value) > _MOST_MERGED:
            raise yaml.constructor.ConstructorError(None, None, "found too many merged keys", node.start_mark)


_Loader.yaml_implicit_resolvers = {first: [*kinds] for first, kinds in yaml.SafeLoader.yaml_implicit_resolvers.items()}
_EXPONENT = re.compile(r"[-+]?(?:\d[\d_]*)(?:\.[\d_]*)?[eE][-+]?\d+|[-+]?\.[\d_]+[eE][-+]?\d+")
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(f"^(?:{_EXPONENT.pattern})$"), list("-+0123456789.")
)


def read_config_file(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a YAML file of settings.

    Args:
        path (str): the file.

    Returns:
        dict: key to value; empty for an empty file.

    Raises:
        ConfigError: names the file, if it is missing, cannot be read or is not a mapping.
    """
    if not os.path.lexists(path):
        folder = os.path.dirname(path) or "."
        there = os.listdir(folder) if os.path.isdir(folder) else []
        raise ConfigError(f"config file {path}: not found.{did_you_mean(os.path.basename(path), there)}")
    disk.check_file(path)
    if os.path.getsize(path) > _LARGEST:
        raise ConfigError(f"config file {path}: has more than {_LARGEST >> 20} MB; settings have a few lines")
    try:
        content = yaml.load(Path(path).read_text(encoding="utf-8"), Loader=_Loader)
        if _size(content, {}) > _MOST_VALUES:
            raise ValueError(f"has more than {_MOST_VALUES:,} values, its aliases (*) written out")
    except OSError as error:
        raise ConfigError(f"config file {path}: {error.strerror}") from None
    except RecursionError:
        raise ConfigError(f"config file {path}: is nested too deeply, or refers to itself by an alias (*)") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"config file {path}: {' '.join(str(error).split())}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"config file {path}: is not valid UTF-8") from None
    except ValueError as error:  # also a date without such a day
        raise ConfigError(f"config file {path}: {error}") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigError(f"config file {path}: must hold 'key: value' lines, found a {type(content).__name__}")
    return content


def _size(value, known):
    """How many values there are in nested lists and dicts; what several aliases name is counted once for each."""
    if not isinstance(value, dict | list | tuple | set):
        return 1
    if id(value) not in known:
        parts = [*value, *value.values()] if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(_size(part, known) for part in parts)
    return known[id(value)]


def dataset_yaml(data_path: str | os.PathLike[str], dataset: str) -> Path | None:
    """The settings that lie beside a dataset's atomic files: ``<data_path>/<dataset>/<dataset>.yaml``.

    The commands read them below all other settings; ``build`` and ``run`` read only what they are given.

    Args:
        data_path (str): the folder that contains the datasets.
        dataset (str): the dataset's name.

    Returns:
        pathlib.Path or None: the file; None if there is none, and for a dataset that RecBole contains.
    """
    if dataset in BUILT_IN or os.path.basename(dataset) != dataset:
        return None
    path = Path(data_path, dataset, f"{dataset}.yaml")
    return path if os.path.lexists(path) else None


def with_dataset_yaml(dataset: str, files: Sequence[str], data_path: str | None = None) -> list[str]:
    """Config files in the order in which they are read, the dataset's own (:func:`dataset_yaml`) first.

    Args:
        dataset (str): the dataset's name.
        files (sequence of str): YAML files that were given; a later one overrides an earlier one.
        data_path (str, optional): the folder that contains the datasets; by default that of ``files``, or RecBole's.

    Returns:
        list of str: ``files``, after the dataset's own if there is one that is not among them.

    Raises:
        ConfigError: one of ``files`` cannot be read.
    """
    folders = [folder for path in files if isinstance(folder := read_config_file(path).get("data_path"), str)]
    own = dataset_yaml(data_path or (folders[-1] if folders else DATA_PATH), dataset)
    if own is not None:
        disk.check_file(own, "mend it, or leave it out (--no_dataset_yaml)")
    if own is None or any(os.path.samefile(own, path) for path in files):
        return list(files)
    return [str(own), *files]


def naming_file(error: ConfigError, files: Sequence[str], above: Container[str] = ()) -> ConfigError:
    """An error on a setting that a config file has set, with the name of that file.

    Args:
        error (ConfigError): its text begins with the setting's name.
        files (sequence of str): the config files, a later one over an earlier one.
        above (container of str): the settings that override those of the files.

    Returns:
        ConfigError: the same error if no file has set the key, or its text names the file already.
    """
    text = str(error)
    key = re.split(r"[.:,]", text, maxsplit=1)[0]
    for path in reversed(files if key not in above else ()):
        try:
            if key not in read_config_file(path):
                continue
        except ConfigError:  # this is the error
            return error
        return error if str(path) in text else ConfigError(f"{text} ({key} is set in {path})")
    return error


def value_of(text: str) -> Any:
    """The value of a string of the command line: a Python literal, true or false, or the text itself.

    RecBole evaluates the string as an expression. For a literal the result is the same; but ``9**9**9`` does not block
    the run, ``exit()`` does not end it, and a column called ``key`` is not mistaken for RecBole's variable of that
    name.

    Args:
        text (str): what follows ``--key=``.
    """
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return {"true": True, "false": False}.get(text.lower(), text)


def values_of(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with each string replaced by its value. An interval such as '[5,10]' or '(5,10)' is no list and no
    tuple, and stays text; ``~``, as messages and YAML files have it, is None, but for a separator.

    Args:
        settings (dict): key to value.

    Returns:
        dict: a new one.
    """
    return {key: _of_key(key, value) if isinstance(value, str) else value for key, value in settings.items()}


def _of_key(key, text):
    if text == "~" and not key.endswith("separator"):
        return None
    value = value_of(text)
    return text if key.endswith("_num_interval") and value is not None else value


def command_line() -> dict[str, Any]:
    """The settings of ``sys.argv``, as RecBole's Config finds them there.

    Returns:
        dict: key to value.

    Raises:
        ConfigError: a key that is given twice with two values.
    """
    if sys.argv and "ipykernel_launcher" in sys.argv[0]:
        return {}
    given: dict[str, str] = {}
    for argument in sys.argv[1:]:
        if not argument.startswith("--") or argument.count("=") != 1:
            continue
        key, _, value = argument[2:].partition("=")
        if given.setdefault(key, value) != value:
            raise ConfigError(f"{key}: given twice on the command line, as {given[key]} and as {value}")
    return values_of(given)
