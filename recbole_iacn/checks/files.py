"""Checks that the atomic files contain what the settings ask for, before RecBole reads anything."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recbole_iacn.checks import columns
from recbole_iacn.data import negatives
from recbole_iacn.data.cells import AtomicFile
from recbole_iacn.errors import ConfigError, did_you_mean
from recbole_iacn.settings.sources import read_config_file
from recbole_iacn.system import disk
from recbole_iacn.system.trust import HOW, WHY

if TYPE_CHECKING:
    from recbole.config import Config


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
        _check_interactions(_inter(folder, name, part), config)
    for source in ("item", "user"):
        _check_loaded_columns(os.path.join(folder, f"{name}.{source}"), source, config)
    if parts:
        _check_parts(folder, name, parts, config)
    columns.check_columns(config, lambda path: _columns(path, config))


def loaded_columns(config: Config) -> dict[str, dict[str, str]]:
    """The columns that are loaded of each atomic file, each a name and its type; none of a file that does not exist.

    Args:
        config (recbole.config.Config): final settings.

    Returns:
        dict: by file: ``inter``, ``item``, ``user`` and further ones.
    """
    return columns.loaded(config, lambda path: _columns(path, config))


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
        try:
            disk.check_file(path)
        except ConfigError as error:
            raise ConfigError(f"{key}: {error}") from None
        negatives.check_format(path, config)


def downloadable() -> set[str]:
    """The datasets that RecBole downloads where their folder is missing, from its list of addresses."""
    import recbole

    path = Path(recbole.__file__).parent / "properties" / "dataset" / "url.yaml"
    return set(re.findall(r"^([\w.-]+)\s*:", path.read_text(encoding="utf-8"), re.MULTILINE))


def _columns(path, config):
    return AtomicFile(path, config["encoding"], config["field_separator"]).columns


def _check_interactions(path, config):
    if os.path.lexists(path):
        disk.check_file(path)
    else:
        there = [entry for entry in os.listdir(os.path.dirname(path)) if entry.endswith(".inter")]
        raise ConfigError(
            f"{path}: atomic file not found. The folder holds {', '.join(sorted(there)) or 'no .inter file'}; "
            "file and folder must have the dataset's name."
        )
    present = _columns(path, config)
    needed = {config["USER_ID_FIELD"]: "USER_ID_FIELD", config["ITEM_ID_FIELD"]: "ITEM_ID_FIELD"}
    is_sequential = config["MODEL_TYPE"].name == "SEQUENTIAL"
    if config["benchmark_filename"]:
        if is_sequential:
            history = config["ITEM_ID_FIELD"] + config["LIST_SUFFIX"]
            needed[history] = "ITEM_ID_FIELD + LIST_SUFFIX, the history"
            if config["model"] == "DIEN":
                needed[config["NEG_PREFIX"] + history] = (
                    "the history's negatives, which RecBole's DIEN learns from; write them, or take DIEN_IaCN with "
                    "iacn_mode: off, which draws them"
                )
    elif is_sequential or config["eval_args"]["order"] == "TO":
        needed[config["TIME_FIELD"]] = "TIME_FIELD: set it to the column of times, by which a history is read"
    for field, key in needed.items():
        if field not in present:
            raise ConfigError(
                f"{path}: no column {field!r} ({key}).{did_you_mean(field, present)} Columns: {', '.join(present)}"
            )
    _check_loaded_columns(path, "inter", config, needed)


def _inter(folder, name, part):
    return os.path.join(folder, f"{name}.{part}.inter" if part else f"{name}.inter")


def _check_parts(folder, name, parts, config):
    if len(parts) not in (2, 3):
        raise ConfigError(
            f"benchmark_filename: must be three parts, of training, validation and test, or two, of training and test, "
            f"got {parts}"
        )
    first = _columns(_inter(folder, name, parts[0]), config)
    wanted = (config["load_col"] or {}).get("inter", "*")
    for part in parts[1:]:
        path = _inter(folder, name, part)
        other = _columns(path, config)
        for field in first if wanted == "*" else wanted:
            if first.get(field) != other.get(field):
                raise ConfigError(
                    f"{path}, line 1: {field!r} is {_kind(other, field)}, and {_kind(first, field)} in "
                    f"{name}.{parts[0]}.inter; give all parts the same columns, or leave it out of load_col.inter"
                )
        if wanted == "*" and other.keys() - first.keys():
            field = min(other.keys() - first.keys())
            raise ConfigError(
                f"{path}, line 1: {field!r} is not a column of {name}.{parts[0]}.inter; see load_col.inter"
            )


def _kind(columns, field):
    return f"of type {columns[field]}" if field in columns else "missing"


def _check_loaded_columns(path, source, config, needed=()):
    if os.path.lexists(path):
        disk.check_file(path)
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
            raise ConfigError(
                f"load_col.{source}: {field!r} is needed ({needed[field]}), add it{_beside(config, source, field)}"
            )


def _beside(config, source, field):
    """Where the data's own settings load the column, and so were not read: how to give them."""
    path = os.path.join(config["data_path"], f"{config['dataset']}.yaml")
    try:
        loaded = read_config_file(path)["load_col"][source]
    except (ConfigError, LookupError, TypeError):  # no such file, or none that would help
        return ""
    return f", or give the settings beside the data: config_file_list=[{path!r}]" if field in loaded else ""


def check_saved(config: Any) -> None:
    """Reject a saved dataset, or saved loaders, that are named and not trusted.

    Args:
        config (Mapping): final settings.

    Raises:
        ConfigError: names the setting and the mend.
    """
    for key in ("dataset_save_path", "dataloaders_save_path"):
        if config[key] and config["trust"] is not True:
            raise ConfigError(f"{key}: {config[key]} is a pickle, and {WHY}; if it is your own, give {HOW}")
