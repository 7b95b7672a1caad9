"""The names of models: this package's ``<Backbone>_IaCN`` and multi-interest family, RecBole's, and the user's own."""

import functools
import importlib.util
from pathlib import Path

from recbole_iacn.errors import ConfigError

SUFFIX = "_IaCN"

# The multi-interest family: name -> the module that has the class.
FAMILY = {
    "YouTubeDNN": "recbole_iacn.model.retrieval.multi_interest",
    "MIND": "recbole_iacn.model.retrieval.multi_interest",
    "ComiRec": "recbole_iacn.model.retrieval.multi_interest",
    "ComiRecPlus": "recbole_iacn.model.retrieval.multi_interest",
    "TiSASRec": "recbole_iacn.model.retrieval.tisasrec",
    "TiMiRec": "recbole_iacn.model.retrieval.timirec",
    "TiMiRecPlus": "recbole_iacn.model.retrieval.timirec",
}

registered: dict[str, type] = {}  # classes of the user's, by name


def remember(model_class: type) -> None:
    """Let RecBole find a class of the user's by its name, in this process.

    A class that is defined again, as by a notebook's cell, takes the earlier one's place.

    Args:
        model_class (type): a model.

    Raises:
        ConfigError: the name is another model's.
    """
    name = model_class.__name__
    holder = registered.get(name)
    if holder is not None and _place(holder) != _place(model_class):
        raise ConfigError(f"register: the name {name} is taken by {'.'.join(_place(holder))}; rename the class")
    if name in recbole_models() or name in FAMILY or name.removesuffix(SUFFIX) in click_models():
        owner = "RecBole's" if name in recbole_models() else "this package's"
        raise ConfigError(f"register: the name {name} is taken by {owner} model; rename the class")
    registered[name] = model_class


def _place(model_class: type) -> tuple[str, str]:
    return model_class.__module__, model_class.__qualname__


def backbone(name: str) -> str | None:
    """The backbone's name of ``<Backbone>_IaCN``; None if ``name`` is not such a name.

    Args:
        name (str): a model name.
    """
    base = name.removesuffix(SUFFIX)
    if base == name:
        return None
    return base if name in registered or base in recbole_models() else None


def is_ours(name: str) -> bool:
    """Whether a model of that name is one of this package, or derived from one: it brings its dataset and trainer.

    Args:
        name (str): a model name.
    """
    if name in registered:
        return hasattr(registered[name], "dataset_class")
    return name in FAMILY or backbone(name) is not None


def recbole_folder() -> Path:
    """Where RecBole is installed, found without importing it."""
    return Path(importlib.util.find_spec("recbole").origin).parent


@functools.cache
def click_models() -> tuple[str, ...]:
    """Names of RecBole's click-through-rate models: DIN, DIEN and the context-aware ones."""
    context_aware = recbole_folder() / "model" / "context_aware_recommender"
    return tuple(
        name for name in recbole_models() if name in ("DIN", "DIEN") or (context_aware / f"{name.lower()}.py").is_file()
    )


@functools.cache
def recbole_models() -> tuple[str, ...]:
    """Names of RecBole's own models, read from its YAML files, so that no model has to be imported."""
    return tuple(sorted(path.stem for path in (recbole_folder() / "properties" / "model").glob("*.yaml")))
