"""The names of models: this package's ``<Backbone>_IaCN`` and multi-interest family, RecBole's, and the user's own."""

import functools
import importlib
import importlib.util
from pathlib import Path
from typing import Any

from recbole_iacn.errors import ConfigError

SUFFIX = "_IaCN"

# The multi-interest family: name -> the module that has the class.
FAMILY = {
    "YouTubeDNN": "recbole_iacn.model.retrieval.multi_interest",
    "MIND": "recbole_iacn.model.retrieval.multi_interest",
    "ComiRec": "recbole_iacn.model.retrieval.multi_interest",
    "ComiRecPlus": "recbole_iacn.model.retrieval.multi_interest",
    "REMI": "recbole_iacn.model.retrieval.multi_interest",
    "Re4": "recbole_iacn.model.retrieval.re4",
    "TiSASRec": "recbole_iacn.model.retrieval.tisasrec",
    "ESASRec": "recbole_iacn.model.retrieval.esasrec",
    "TiMiRec": "recbole_iacn.model.retrieval.timirec",
    "TiMiRecPlus": "recbole_iacn.model.retrieval.timirec",
}

ONE_INTEREST = frozenset({"YouTubeDNN", "TiSASRec", "ESASRec"})  # of the family, whatever num_interests is

# The floors, which count and learn nothing: what a trained model has to beat.
FLOORS = {
    "Popularity": "recbole_iacn.model.floors",
    "ItemNeighbours": "recbole_iacn.model.floors",
}

# This package's models that have a name of their own, rather than a backbone's.
OWN = {**FAMILY, **FLOORS}

# Models of RecBole whose file of defaults has another name.
_DEFAULTS = {"LightGBM": "lightgbm", "XGBoost": "xgboost"}

registered: dict[str, type] = {}  # the user's own classes, by name


class Named(dict):
    """A table of what a setting may name: name to class, or to where the class is defined. The user may add to it.

    Args:
        what (str): the function that adds to it, for messages.
        builtin (dict): what is there from the start.
    """

    def __init__(self, what: str, builtin: dict) -> None:
        super().__init__(builtin)
        self.what, self.builtin = what, frozenset(builtin)

    def add(self, name: str, value: object) -> None:
        """Add an entry of the user's; a class that is defined again, as by a notebook's cell, replaces the earlier one.

        Raises:
            ConfigError: as :meth:`check`.
        """
        self.check(name, value)
        self[name] = value

    def find(self, name: str) -> Any:
        """What a name stands for; of a class of this package, its module is imported now.

        Args:
            name (str): one of the table.
        """
        value = self[name]
        if not isinstance(value, str):
            return value
        module, _, attribute = value.rpartition(".")
        return getattr(importlib.import_module(module), attribute)

    def check(self, name: str, value: object) -> None:
        """Reject a name that cannot be added.

        Raises:
            ConfigError: the name is taken, or is not an identifier.
        """
        holder = self.get(name)
        if name in self.builtin and holder != value:
            raise ConfigError(f"{self.what}: the name {name!r} is taken by recbole_iacn; choose another")
        if isinstance(holder, type) and _place(holder) != _place(value):
            raise ConfigError(f"{self.what}: the name {name!r} is taken ({_place(holder)}); choose another")
        if not isinstance(name, str) or not name.isidentifier():
            raise ConfigError(f"{self.what}: the name must be an identifier, such as my_own, got {name!r}")


tasks = Named("add_task", {"iacn": "recbole_iacn.model.click.capsule_task.CapsuleTask"})
# Extractors of the auxiliary task (`iacn_extractor`). One class per name; all are made of the same arguments.
TASK_EXTRACTORS = {
    "routing": "recbole_iacn.nn.capsule.BehaviorToInterestRouting",
    "mean": "recbole_iacn.nn.mapped.MappedMean",
    "last": "recbole_iacn.nn.mapped.MappedNewest",
    "attention": "recbole_iacn.nn.mapped.MappedAttention",
    "block": "recbole_iacn.nn.mapped.MappedBlock",
    "recurrent": "recbole_iacn.nn.mapped.MappedState",
}

# Those of ComiRec (`extractor`). Its others are models: MIND routes, YouTubeDNN has the mean, ComiRecPlus the block.
FAMILY_EXTRACTORS = {
    "sa": "recbole_iacn.nn.extractor.SelfAttentiveInterests",
    "dr": "recbole_iacn.nn.extractor.PositionalRouting",
}
extractors = Named("add_extractor", {**TASK_EXTRACTORS, **FAMILY_EXTRACTORS})


def remember(model_class: type) -> None:
    """Make a class of the user's known to RecBole by its name, in this process.

    A class that is defined again, as by a notebook's cell, replaces the earlier one.

    Args:
        model_class (type): a model.

    Raises:
        ConfigError: the name is another model's.
    """
    check_name(model_class)
    registered[model_class.__name__] = model_class


def check_name(model_class: type) -> None:
    """Reject a class whose name is another model's. RecBole looks names up in lower case, so case does not count.

    Args:
        model_class (type): a model.

    Raises:
        ConfigError: names whose the name is.
    """
    name = model_class.__name__
    holder = next((held for known, held in registered.items() if known.lower() == name.lower()), None)
    if holder is not None and _place(holder) != _place(model_class):
        raise ConfigError(f"register: the name {name} is taken by {_place(holder)}; rename the class")
    of_recbole = {known.lower() for known in recbole_models()}
    own = {known.lower() for known in (*OWN, *(known + SUFFIX for known in click_models()))}
    if name.lower() in of_recbole | own:
        owner = "RecBole's" if name.lower() in of_recbole else "this package's"
        raise ConfigError(f"register: the name {name} is taken by {owner} model; rename the class")


def _place(value: Any) -> str:
    """Where a class is defined; any other value as text."""
    return f"{value.__module__}.{value.__qualname__}" if isinstance(value, type) else str(value)


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
    """Whether a model of that name is one of this package, or derived from one, with its own dataset and trainer.

    Args:
        name (str): a model name.
    """
    if name in registered:
        return hasattr(registered[name], "dataset_class")
    return name in OWN or backbone(name) is not None


def reads_empty_histories(model: str) -> bool:
    """Whether a model gives a history of length 0 a meaning.

    Args:
        model (str): its name.
    """
    return is_ours(model) or model in ("DIN", "DIEN")


def recbole_folder() -> Path:
    """Where RecBole is installed, found without importing it."""
    spec = importlib.util.find_spec("recbole")
    if spec is None or spec.origin is None:
        raise ImportError("recbole_iacn needs RecBole: pip install recbole==1.2.1")
    return Path(spec.origin).parent


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
    files = (recbole_folder() / "properties" / "model").glob("*.yaml")
    named_otherwise = {file: model for model, file in _DEFAULTS.items()}
    return tuple(
        sorted([*(named_otherwise.get(path.stem, path.stem) for path in files), "Random"])
    )  # Random has no file


def defaults_name(model: str) -> str:
    """The name of RecBole's file of defaults for one of its models.

    Args:
        model (str): the model's name.
    """
    return _DEFAULTS.get(model, model)
