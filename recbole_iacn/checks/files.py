"""Checks that the atomic files contain what the settings ask for, before RecBole reads anything."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from recbole_iacn.checks import columns
from recbole_iacn.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from recbole.config import Config

_TYPES = ("token", "token_seq", "float", "float_seq")


def check_files(config: Config) -> None:
    """Reject missing atomic files and columns, before RecBole reads anything.

    Args:
        config (recbole.config.Config): final settings.

    Raises:
        ConfigError: names the file or column, what exists, and how to fix it.
    """
    folder, name = config["data_path"], config["dataset"]
    if not os.path.isdir(folder):
        if name in downloadable():
            return
        parent = os.path.dirname(folder) or "."
        there = os.listdir(parent) if os.path.isdir(parent) else []
        raise ConfigError(
            f"dataset: no folder {folder}.{did_you_mean(name, ['ml-100k', *there])} "
            f"Put {name}.inter there, or set data_path to the folder that holds {name}/."
        )
    parts = config["benchmark_filename"]
    for part in parts or [None]:
        _check_interactions(os.path.join(folder, f"{name}.{part}.inter" if part else f"{name}.inter"), config)
    for source in ("item", "user"):
        _check_loaded_columns(os.path.join(folder, f"{name}.{source}"), source, config)
    if parts and len(parts) != 3:
        raise ConfigError(f"benchmark_filename: must be three parts, of training, validation and test, got {parts}")
    columns.check_columns(config, lambda path: _columns(path, config))


def check_negatives_files(config: Config) -> None:
    """Reject files of negatives that are missing, or that no protocol reads, before any data are read.

    Args:
        config (recbole.config.Config): final settings.

    Raises:
        ConfigError: names the key.
    """
    for key in ("valid_negatives_file", "test_negatives_file"):
        path = config[key]
        if not path:
            continue
        if not config["protocol"]:
            raise ConfigError(f"{key}: only a protocol draws fixed negatives; set protocol, or leave {key} out")
        if not os.path.isfile(path):
            raise ConfigError(f"{key}: {path}: No such file")


def downloadable() -> set[str]:
    """The datasets that RecBole downloads where their folder is missing, from its list of addresses."""
    import recbole

    path = Path(recbole.__file__).parent / "properties" / "dataset" / "url.yaml"
    return set(re.findall(r"^([\w.-]+)\s*:", path.read_text(encoding="utf-8"), re.MULTILINE))


def _columns(path, config):
    encoding = config["encoding"] or "utf-8"
    try:
        with open(path, encoding=encoding) as source:
            head = source.readline().rstrip("\r\n")
    except UnicodeError:
        raise ConfigError(f"encoding: {path}, line 1 is not valid {encoding}") from None
    kinds = {}
    for cell in head.split(config["field_separator"]):
        field, separator, kind = cell.partition(":")
        if not separator or kind not in _TYPES:
            raise ConfigError(
                f"{path}, line 1: {cell!r} is not 'field:type' with type token, token_seq, float or float_seq "
                f"(field_separator is {config['field_separator']!r})"
            )
        kinds[field] = kind
    return kinds


def _check_interactions(path, config):
    if not os.path.isfile(path):
        there = [entry for entry in os.listdir(os.path.dirname(path)) if entry.endswith(".inter")]
        raise ConfigError(
            f"{path}: atomic file not found. The folder holds {', '.join(sorted(there)) or 'no .inter file'}; "
            "file and folder must have the dataset's name."
        )
    present = _columns(path, config)
    needed = {config["USER_ID_FIELD"]: "USER_ID_FIELD", config["ITEM_ID_FIELD"]: "ITEM_ID_FIELD"}
    if config["benchmark_filename"]:
        needed[config["ITEM_ID_FIELD"] + config["LIST_SUFFIX"]] = "ITEM_ID_FIELD + LIST_SUFFIX, the history"
    elif config["MODEL_TYPE"].name == "SEQUENTIAL" or config["eval_args"]["order"] == "TO":
        needed[config["TIME_FIELD"]] = "TIME_FIELD: set it to the column of times, by which a history is read"
    for field, key in needed.items():
        if field not in present:
            raise ConfigError(
                f"{path}: no column {field!r} ({key}).{did_you_mean(field, present)} Columns: {', '.join(present)}"
            )
    _check_loaded_columns(path, "inter", config, needed)


def _check_loaded_columns(path, source, config, needed=()):
    wanted = (config["load_col"] or {}).get(source)
    if not wanted:
        return
    if not os.path.isfile(path):
        raise ConfigError(f"load_col.{source}: names columns of {path}, which does not exist")
    if wanted == "*":
        return
    present = _columns(path, config)
    for field in wanted:
        if field not in present:
            raise ConfigError(
                f"load_col.{source}: {path} has no column {field!r}.{did_you_mean(field, present)} "
                f"Columns: {', '.join(present)}"
            )
    for field in needed:
        if field not in wanted:
            raise ConfigError(f"load_col.{source}: {field!r} is needed ({needed[field]}), add it")
