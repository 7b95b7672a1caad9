"""Checks of settings: which exist, and their values. They are defined in :mod:`recbole_iacn.settings`."""

import contextlib
import inspect
import re
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any

from recbole_iacn.errors import ConfigError, did_you_mean
from recbole_iacn.names import SUFFIX
from recbole_iacn.settings.recbole_keys import KEY_READ, recbole_keys
from recbole_iacn.settings.sources import command_line, read_config_file, values_of
from recbole_iacn.system.trust import HOW

# How many processes, and where; inside the settings nobody would read it.
_OF_RUN = {"nproc", "world_size", "ip", "port", "group_offset"}

_SURROGATES = re.compile("[\ud800-\udfff]")  # which stand for bytes that are not UTF-8
# What RecBole's Config or the run derives; a value of the user's would be overwritten, or end in a traceback.
_DERIVED = {
    *("MODEL_TYPE", "MODEL_INPUT_TYPE", "eval_type", "device", "single_spec", "local_rank", "offset"),
    *("valid_neg_sample_args", "test_neg_sample_args", "feature_num"),
    *("MASK_INDEX", "MASK_ITEM_SEQ", "POS_ITEMS", "NEG_ITEMS"),
}


def known_keys(model_class=None):
    """Every setting that RecBole, this package, ``model_class`` or a group of the user's has."""
    from recbole_iacn.settings import table

    keys = {*recbole_keys(), *table.keys()}
    return keys | _keys_in_source(model_class)


def _keys_in_source(model_class):
    """Keys that the modules of a class of the user's read."""
    keys = set()
    for base in inspect.getmro(model_class) if model_class else ():
        module = inspect.getmodule(base)
        if module and not base.__module__.startswith(("recbole.", "recbole_iacn.", "torch", "builtins")):
            with contextlib.suppress(OSError, TypeError):  # no source, as in a session at the prompt
                keys.update(KEY_READ.findall(inspect.getsource(module)))
    return keys


def check_keys(given, where, model_class=None, others=()):
    """Reject a misspelt setting.

    Args:
        given (Iterable[str]): keys that the user set.
        where (str): where they were set, for the message.
        model_class (type, optional): a model that may read keys of its own.
        others (Iterable[str]): names that are no settings but may have been meant, such as flags. Defaults to none.

    Raises:
        ConfigError: names the key and the nearest known ones.
    """
    known = known_keys(model_class)
    if where != "config_dict":
        check_trust(given, where)
    for key in given:
        if key not in known:
            raise ConfigError(f"{key}: no such setting ({where}).{did_you_mean(key, [*known, *others])}")


def check_trust(given, where):
    """Reject the setting ``trust`` in a file, which may be a stranger's.

    Args:
        given (Container[str]): the keys of the file.
        where (str): its name, for the message.

    Raises:
        ConfigError: it is there.
    """
    if "trust" in given:
        raise ConfigError(f"trust: is for who runs to say, and not for a file ({where}); leave it out there. {HOW}")


def check_given(model, config_file_list=None, config_dict=None):
    """Reject misspelt settings and wrong values, before RecBole's Config reads any of them.

    Args:
        model (str or type): the model's name or class.
        config_file_list (list of str, optional): YAML files.
        config_dict (dict, optional): settings.

    Raises:
        ConfigError: one line; names the key, and for a misspelt one the file.
    """
    model_class = model if isinstance(model, type) else None
    given = {}
    for path in config_file_list or []:
        content = read_config_file(path)
        check_keys(content, path, model_class)
        given.update(content)
    check_keys(config_dict or {}, "config_dict", model_class)
    given.update(values_of(config_dict or {}))
    given.update(command_line())
    for key in given:
        if key in _DERIVED:
            raise ConfigError(f"{key}: cannot be set, the run derives it; leave it out")
        if key in _OF_RUN:
            raise ConfigError(f"{key}: is an argument of run, and a flag of the command, not a setting; give it there")
    check_values(given, model)


def check_values(settings, model):
    """Reject a value of the wrong type or outside its range.

    Args:
        settings (Mapping): key to value, as given or final; keys without a definition are not checked.
        model (str or type): the model's name or class.

    Raises:
        ConfigError: names the key, what it must be, and the value.
    """
    from recbole_iacn.settings import table

    names = [base.__name__ for base in inspect.getmro(model)] if isinstance(model, type) else [str(model)]
    names += [name.removesuffix(SUFFIX) for name in names]
    for key, value in settings.items():
        if not _is_text(value):
            raise ConfigError(f"{key}: holds a NUL character, or bytes that are not valid UTF-8, got {value!r}")
        setting = table.setting(key, names)
        if setting:
            _check_value(setting, value, model)
        elif not _is_data(value):
            raise ConfigError(
                f"{key}: must be text, a number, True, False, ~, or a list or dict of these, "
                f"got a {type(value).__name__}"
            )


def _check_value(setting, value, model):
    """A message names what the model itself takes, if it takes less than others do."""
    from recbole_iacn.settings import table

    try:
        setting.check(value)
    except ConfigError:
        own = table.own_setting(setting.key, model) if isinstance(model, type) else None
        if own:
            own.check(value)
        raise


def _is_data(value):
    """Whether a value can stand in a YAML file and in a checkpoint."""
    if isinstance(value, dict):
        return all(_is_data(one) for pair in value.items() for one in pair)
    if isinstance(value, list | tuple | set):
        return all(map(_is_data, value))
    return value is None or isinstance(value, str | int | float | bool | Enum) or hasattr(value, "item")


def _is_text(value):
    """Whether all text in a value can be printed, stored and be a file's name."""
    if isinstance(value, dict):
        return all(_is_text(one) for pair in value.items() for one in pair)
    if isinstance(value, list | tuple | set):
        return all(map(_is_text, value))
    return not isinstance(value, str) or ("\0" not in value and not _SURROGATES.search(value))


def check_readers(given: Mapping[str, Any], model_class: type, groups: Iterable[type]) -> None:
    """Reject a setting that the model does not read: what it was to change would stay as it is, without a word.

    Args:
        given (Mapping): what the user gave.
        model_class (type): the model.
        groups (iterable of type): the groups of settings that it reads, beside RecBole's and those of every model.

    Raises:
        ConfigError: names the key, and who reads it.
    """
    from recbole_iacn.settings import table

    read = {key for group in groups for key in table.keys_of(group)} | _keys_in_source(model_class)
    for key in given:
        readers = table.homes(key)
        if readers and key not in read:
            raise ConfigError(
                f"{key}: {model_class.__name__} does not read it; it is for {', '.join(readers)}; leave it out"
            )


def check_backend(config):
    """Reject a backend of ``torch_compile`` that PyTorch does not know.

    Args:
        config (Mapping): final settings.

    Raises:
        ConfigError: names the nearest known backend.
    """
    name = config.get("torch_compile")
    if isinstance(name, str):
        import torch

        known = torch.compiler.list_backends(exclude_tags=())
        if name not in known:
            raise ConfigError(f"torch_compile: there is no backend {name!r}.{did_you_mean(name, known)}")
