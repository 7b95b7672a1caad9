"""Checks of settings that name columns, against the first lines of the atomic files: is each loaded, with its type?"""

import os
from typing import Any

from recbole_iacn.checks.labelled import check_labels
from recbole_iacn.data.features import context_features
from recbole_iacn.data.labels import scores_labels
from recbole_iacn.data.times import check_time_type
from recbole_iacn.errors import ConfigError, did_you_mean
from recbole_iacn.names import is_ours

TOKENS = ("token", "token_seq")
FLOATS = ("float", "float_seq")
LISTS = ("token_seq", "float_seq")


def check_columns(config: Any, read: Any) -> None:
    """Reject settings that name columns which are not loaded, or are of another type.

    Args:
        config (recbole.config.Config): final settings.
        read (callable): path of an atomic file to its columns, a dict from name to type.

    Raises:
        ConfigError: names the setting, the column and the nearest known one.
    """
    files = loaded(config, read)
    _check_unloaded(config, files)
    _check_ids_and_times(config, files)
    every = {name: kind for columns in files.values() for name, kind in columns.items()}
    for key, kinds in (
        ("normalize_field", FLOATS),
        ("numerical_features", FLOATS),
        ("seq_len", LISTS),
        ("alias_of_user_id", TOKENS),
        ("alias_of_item_id", TOKENS),
    ):
        for name in config[key] or ():
            _check(key, name, every, kinds)
    users = {config["USER_ID_FIELD"], *(config["alias_of_user_id"] or ())}
    for name in sorted(users & {config["ITEM_ID_FIELD"], *(config["alias_of_item_id"] or ())}):
        raise ConfigError(
            f"alias_of_item_id, alias_of_user_id: {name!r} cannot hold both users and items; leave it out of one"
        )
    windowed = is_ours(config["model"]) or config["protocol"] or config["history_dataset"]
    if windowed and config["TIME_FIELD"] in config["numerical_features"]:
        raise ConfigError(
            f"numerical_features: {config['TIME_FIELD']!r} orders histories (TIME_FIELD) and cannot also be a feature"
        )
    for name in (config["LABEL_FIELD"], *(config["threshold"] or ())):
        if name in config["numerical_features"]:
            raise ConfigError(
                f"numerical_features: {name!r} is what the labels come from and cannot also be a feature; leave it out"
            )
    for name, wanted in (config["val_interval"] or {}).items():
        _check("val_interval", name, every)
        if (every[name] in FLOATS) != isinstance(wanted, str):
            right = "an interval such as '[5,inf)'" if every[name] in FLOATS else "a list of tokens"
            raise ConfigError(
                f"val_interval.{name}: must be {right} for a column of type {every[name]}, got {wanted!r}"
            )
    for name in config["threshold"] or ():
        _check("threshold", name, files["inter"], ("float",))
        if name == config["TIME_FIELD"]:
            raise ConfigError(f"threshold: {name!r} orders the rows (TIME_FIELD) and would be dropped; name another")
    for one, vectors in (config["preload_weight"] or {}).items():
        source = next((columns for columns in files.values() if one in columns), every)
        _check("preload_weight", one, every, ("token",))
        _check("preload_weight", vectors, source, FLOATS)
    check_labels(config, files["inter"])
    _check_features(config, files)
    _check_user_fields(config, files)


def loaded(config: Any, read: Any) -> dict[str, dict[str, str]]:
    """File (inter, item, user, further ones) to its columns that are loaded, as :func:`check_columns` reads them."""
    name, load, unload = config["dataset"], config["load_col"], config["unload_col"] or {}
    part = config["benchmark_filename"]
    for suffix in config["additional_feat_suffix"] or ():
        if suffix in ("inter", "item", "user"):
            raise ConfigError(f"additional_feat_suffix: {suffix} is loaded already; name further files only")
    suffixes = {"inter": f"{part[0]}.inter" if part else "inter", "item": "item", "user": "user"}
    suffixes.update({suffix: suffix for suffix in config["additional_feat_suffix"] or ()})
    files: dict[str, dict[str, str]] = {}
    for source, suffix in suffixes.items():
        path = os.path.join(config["data_path"], f"{name}.{suffix}")
        if not os.path.isfile(path):
            if source in (config["additional_feat_suffix"] or ()):
                raise ConfigError(f"additional_feat_suffix: {path}: atomic file not found")
            files[source] = {}
            continue
        columns = read(path)
        wanted = "*" if load is None else load.get(source, ())
        kept = [one for one in columns if (wanted == "*" or one in wanted) and one not in unload.get(source, ())]
        files[source] = {one: columns[one] for one in kept}
    return files


def _check_ids_and_times(config, files):
    """Users and items must be tokens and times numbers, and no column may be in two files, which RecBole mixes up."""
    users, items, name = config["USER_ID_FIELD"], config["ITEM_ID_FIELD"], config["dataset"]
    part = (config["benchmark_filename"] or [None])[0]
    inter = os.path.join(config["data_path"], f"{name}.{part}.inter" if part else f"{name}.inter")
    check_time_type(files["inter"], config["TIME_FIELD"], inter)
    for key, field in (("USER_ID_FIELD", users), ("ITEM_ID_FIELD", items)):
        for source in ("inter", "user" if field == users else "item"):
            kind = files[source].get(field, "token")
            if kind != "token":
                raise ConfigError(f"{key}: {field!r} must be of type token, and {name}.{source} types it {kind}")
    seen: dict[str, str] = {}
    for source in ("inter", "item", "user"):
        for field in files[source]:
            if field in seen and (field, source) not in ((users, "user"), (items, "item")):
                raise ConfigError(
                    f"load_col: {field!r} is loaded from {name}.{seen[field]} and from {name}.{source}; "
                    "leave it out of one of them"
                )
            seen.setdefault(field, source)


def _check_unloaded(config, files):
    for source in config["unload_col"] or ():
        if (config["load_col"] or {}).get(source, "*") != "*":
            raise ConfigError(f"unload_col.{source}: load_col names the columns of that file; leave one of them out")
    needed = {config[key]: key for key in ("USER_ID_FIELD", "ITEM_ID_FIELD", "TIME_FIELD")}
    if scores_labels(config):
        needed[config["LABEL_FIELD"]] = "LABEL_FIELD"
    for source, names in (config["unused_col"] or {}).items():
        for name in names:
            _check(f"unused_col.{source}", name, files.get(source, {}))
            if name in needed:
                raise ConfigError(f"unused_col.{source}: {name!r} is needed ({needed[name]}); leave it out")
        if source != "inter":
            raise ConfigError(
                f"unused_col.{source}: for columns of inter only; leave {names[0]!r} out of load_col.{source}"
            )


def _check_user_fields(config, files):
    """Something must join: of the user's columns the tokens, and the numbers that are features, or context."""
    named = config["numerical_features"] or files["user"]
    users = [name for name, kind in files["user"].items() if kind in TOKENS or name in named]
    if config["user_fields"] and not {*users, *context_features(files["inter"], config)} - {config["USER_ID_FIELD"]}:
        raise ConfigError(
            "user_fields: no column of the user table and no context column of the interactions is loaded, so nothing "
            "would join; see load_col.user and load_col.inter, or leave user_fields out"
        )


def _check_features(config, files):
    """Check the columns that the auxiliary task reads."""
    if "iacn_mode" not in config or config["iacn_mode"] in ("off", False):
        return
    chosen = config["iacn_item_features"]
    for key, source, names in (
        ("iacn_item_features", "item", [] if chosen == "all" else chosen),
        ("iacn_user_profile", "user", config["iacn_user_profile"]),
    ):
        known = [name for name, kind in files[source].items() if kind in TOKENS]
        for name in names or ():
            if name not in known:
                raise ConfigError(
                    f"{key}: the {source} table has no token column {name!r}.{did_you_mean(name, known)} "
                    f"Loaded columns of tokens: {', '.join(known) or 'none'}; see load_col.{source}."
                )


def _check(key, name, columns, kinds=None):
    if name not in columns:
        known = [one for one, kind in columns.items() if kinds is None or kind in kinds]
        raise ConfigError(
            f"{key}: no column {name!r} is loaded.{did_you_mean(name, known)} Loaded: {', '.join(known) or 'none'}"
        )
    if kinds and columns[name] not in kinds:
        raise ConfigError(f"{key}: {name!r} must be of type {' or '.join(kinds)}, and is of type {columns[name]}")
