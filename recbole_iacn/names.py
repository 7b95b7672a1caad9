"""The names of this package's models: ``<Backbone>_IaCN``, and the multi-interest family."""

import functools
from pathlib import Path

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

remembered: dict[str, type] = {}  # classes of the user's, by name


def remember(model_class: type) -> None:
    """Let RecBole find a class of the user's by its name, in this process."""
    remembered[model_class.__name__] = model_class


def backbone(name: str) -> str | None:
    """The backbone's name of ``<Backbone>_IaCN``; None if ``name`` is no such name.

    Args:
        name (str): a model name.
    """
    base = name.removesuffix(SUFFIX)
    if base == name:
        return None
    return base if name in remembered or base in recbole_models() else None


def is_ours(name: str) -> bool:
    """Whether this package has a model of that name.

    Args:
        name (str): a model name.
    """
    return name in FAMILY or backbone(name) is not None


def recbole_folder() -> Path:
    """Where RecBole is installed."""
    import recbole

    return Path(recbole.__file__).parent


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
