"""Settings: which exist, what they may be, and reading them from a file."""

import contextlib
import functools
import inspect
import os
import re
from pathlib import Path

import yaml

from recbole_iacn.errors import ConfigError, did_you_mean

_KEY_READ = re.compile(r"""config(?:_dict)?\s*(?:\[|\.get\()\s*["'](\w+)["']""")
_KEY_IN_YAML = re.compile(r"^(\w+)\s*:", re.MULTILINE)

# Keys that RecBole reads through variables, or that belong to its command line.
_OTHER_KEYS = {"model", "dataset", "config_files", "config_file", "nproc", "ip", "port", "world_size", "group_offset"}

# Ours for every model, RecBole's own included; those of interest-aware models stand in properties/.
_OWN_KEYS = {
    "protocol",
    "history_dataset",
    "last_state_only",
    "eval_negatives",
    "mask_history",
    "valid_negatives_file",
    "test_negatives_file",
    "log_tensorboard",
}

_LEARNERS = ("adam", "adamw", "sgd", "adagrad", "rmsprop", "sparse_adam")

# For which null says something of its own, or what absent says.
_NULLABLE = {"sparse_embedding_rows", "pin_memory", "amp_dtype", "torch_compile", "tf32"}
_NULLABLE |= {"eval_negatives", "mask_history"}

# (key, test, what it must be); a key that is absent is not tested.
_RANGES = [
    ("iacn_mode", lambda v: v in ("off", "width", "full"), "off, width or full"),
    ("iacn_lambda", lambda v: _number(v) and v >= 0, "a number >= 0"),
    ("iacn_delta", lambda v: _number(v) and 0 <= v <= 1, "a number in [0, 1]"),
    ("iacn_interests", lambda v: _integer(v) and v >= 1, "an integer >= 1"),
    ("iacn_interest_rounding", lambda v: v in ("ceil", "floor"), "ceil or floor"),
    ("iacn_routing_iterations", lambda v: _integer(v) and v >= 1, "an integer >= 1"),
    ("iacn_logit_std", lambda v: _number(v) and v > 0, "a number > 0 (equal starts leave all capsules equal)"),
    ("iacn_map_scale", lambda v: _number(v) and v > 0, "a number > 0"),
    ("iacn_temperature", lambda v: _number(v) and v > 0, "a number > 0"),
    ("iacn_attention", lambda v: v in ("pow", "scale", "hard"), "pow, scale or hard"),
    ("iacn_power", lambda v: _number(v) and v >= 0, "a number >= 0"),
    ("iacn_target", lambda v: v in ("label", "distilled"), "label or distilled"),
    ("iacn_distillation_weight", lambda v: _number(v) and v >= 0, "a number >= 0"),
    ("iacn_distillation_temperature", lambda v: _number(v) and v > 0, "a number > 0"),
    ("iacn_distillation_warmup", lambda v: _integer(v) and v >= 0, "an integer >= 0"),
    ("iacn_negatives", lambda v: _integer(v) and v >= 0, "an integer >= 0"),
    ("iacn_item_features", lambda v: v == "all" or _names(v), "all or a list of column names"),
    ("iacn_user_profile", lambda v: _names(v), "a list of column names"),
    ("sparse_embedding_rows", lambda v: _integer(v) and v >= 0, "an integer >= 0, or ~ for never"),
    ("amp_dtype", lambda v: v in ("bfloat16", "float16"), "bfloat16 or float16"),
    ("pin_memory", lambda v: isinstance(v, bool), "True, False, or ~ for on a GPU"),
    ("torch_compile", lambda v: isinstance(v, bool | str), "True, False or the name of a backend"),
    ("tf32", lambda v: isinstance(v, bool), "True or False"),
    ("eval_negatives", lambda v: _integer(v) and v >= 1, "an integer >= 1"),
    ("mask_history", lambda v: isinstance(v, bool), "True or False"),
    ("num_interests", lambda v: _integer(v) and v >= 1, "an integer >= 1"),
    ("routing_iterations", lambda v: _integer(v) and v >= 1, "an integer >= 1"),
    ("routing_logit_std", lambda v: _number(v) and v > 0, "a number > 0 (equal starts leave all capsules equal)"),
    ("routing_map_scale", lambda v: _number(v) and v > 0, "a number > 0"),
    ("interest_rounding", lambda v: v in ("ceil", "floor"), "ceil or floor"),
    ("label_attention", lambda v: v in ("pow", "scale", "hard"), "pow, scale or hard"),
    ("label_power", lambda v: _number(v) and v >= 0, "a number >= 0"),
    ("h_layer", lambda v: isinstance(v, bool), "True or False"),
    ("attention_size", lambda v: _integer(v) and v >= 1, "an integer >= 1"),
    ("interest_positions", lambda v: v in ("attention", "values", "none"), "attention, values or none"),
    ("time_span", lambda v: _integer(v) and v >= 1, "an integer >= 1"),
    ("distillation_temperature", lambda v: _number(v) and v > 0, "a number > 0"),
    ("distillation_weight", lambda v: _number(v) and v >= 0, "a number >= 0"),
    ("stop_gradient", lambda v: isinstance(v, bool), "True or False"),
    ("predictor_layers", lambda v: v in (1, 2), "1 or 2"),
    ("stages", lambda v: v in ("two", "joint", "extractor_twice"), "two, joint or extractor_twice"),
    ("embedding_size", lambda v: _integer(v) and v >= 1, "an integer >= 1"),
    ("dropout_prob", lambda v: _number(v) and 0 <= v < 1, "a number in [0, 1)"),
    ("n_layers", lambda v: _integer(v) and v >= 1, "an integer >= 1"),
    ("n_heads", lambda v: _integer(v) and v >= 1, "an integer >= 1"),
    ("learner", lambda v: str(v).lower() in _LEARNERS, "one of adam, adamw, sgd, adagrad, rmsprop, sparse_adam"),
    ("MAX_ITEM_LIST_LENGTH", lambda v: _integer(v) and v >= 1, "an integer >= 1"),
]


def _number(value):
    return isinstance(value, int | float) and not isinstance(value, bool)


def _integer(value):
    return isinstance(value, int) and not isinstance(value, bool)


def _names(value):
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


@functools.cache
def _recbole_keys():
    import recbole

    root = Path(recbole.__file__).parent
    keys = set(_OTHER_KEYS)
    for source in root.rglob("*.py"):
        keys.update(_KEY_READ.findall(source.read_text(encoding="utf-8")))
    for defaults in (root / "properties").rglob("*.yaml"):
        if "url" not in defaults.name:  # lists of data sets, not settings
            keys.update(_KEY_IN_YAML.findall(defaults.read_text(encoding="utf-8")))
    from recbole.utils import argument_list

    for group in ("general", "training", "evaluation", "dataset"):
        keys.update(getattr(argument_list, f"{group}_arguments"))
    return frozenset(keys)


def known_keys(model_class=None):
    """Every setting that RecBole, this package or ``model_class`` reads.

    RecBole has no list of its settings: they are gathered from its code and its YAML files, so that the answer is
    true for the version at hand.
    """
    from recbole_iacn.checks.properties import own_properties

    keys = set(_recbole_keys())
    keys.update(key for path in own_properties() for key in _KEY_IN_YAML.findall(path.read_text(encoding="utf-8")))
    keys.update(_OWN_KEYS)
    for base in inspect.getmro(model_class) if model_class else ():
        module = inspect.getmodule(base)
        if module and not base.__module__.startswith(("recbole.", "torch", "builtins")):
            with contextlib.suppress(OSError, TypeError):  # no source, as in a session at the prompt
                keys.update(_KEY_READ.findall(inspect.getsource(module)))
    return keys


def check_keys(given, where, model_class=None):
    """Refuse a misspelt setting.

    Args:
        given (Iterable[str]): keys that the user set.
        where (str): where they stand, for the message.
        model_class (type, optional): a model that may read keys of its own.

    Raises:
        ConfigError: names the key and the nearest known ones.
    """
    known = known_keys(model_class)
    for key in given:
        if key not in known:
            raise ConfigError(f"{key}: no such setting ({where}).{did_you_mean(key, known)}")


def check_ranges(config):
    """Refuse a value outside its range.

    Args:
        config (Mapping): final settings.

    Raises:
        ConfigError: names the key, the value and what it must be.
    """
    for key, allowed, meaning in _RANGES:
        value = config.get(key)
        if key not in config or (value is None and key in _NULLABLE):
            continue
        if not allowed(value):
            raise ConfigError(f"{key}: must be {meaning}, got {value!r}")
    size, heads = config.get("embedding_size"), config.get("n_heads")
    if heads and size and size % heads:
        raise ConfigError(f"n_heads: must divide embedding_size ({size}), got {heads}")


def check_backend(config):
    """Refuse a backend of ``torch_compile`` that PyTorch does not know.

    Args:
        config (Mapping): final settings.

    Raises:
        ConfigError: names the nearest.
    """
    name = config.get("torch_compile")
    if isinstance(name, str):
        import torch

        known = torch.compiler.list_backends(exclude_tags=())
        if name not in known:
            raise ConfigError(f"torch_compile: there is no backend {name!r}.{did_you_mean(name, known)}")


def read_config_file(path):
    """Read a YAML file of settings.

    Args:
        path (str): the file.

    Returns:
        dict: key to value.

    Raises:
        ConfigError: names the file, if it is missing or not a mapping.
    """
    if not os.path.isfile(path):
        folder = os.path.dirname(path) or "."
        there = os.listdir(folder) if os.path.isdir(folder) else []
        raise ConfigError(f"config file {path}: not found.{did_you_mean(os.path.basename(path), there)}")
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        raise ConfigError(f"config file {path}: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise ConfigError(f"config file {path}: must hold 'key: value' lines, found a {type(content).__name__}")
    return content
