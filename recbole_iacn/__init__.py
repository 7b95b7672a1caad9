"""recbole_iacn: interest-aware item embeddings for RecBole's click-through-rate models.

Importing the package makes RecBole know its models, by name, and run on today's NumPy, pandas and PyTorch. It imports
neither RecBole nor PyTorch itself.
"""

import importlib
from typing import TYPE_CHECKING, Any

from recbole_iacn.bridge import moved, patches, registry
from recbole_iacn.errors import ConfigError
from recbole_iacn.names import OWN, SUFFIX, click_models
from recbole_iacn.version import __version__

if TYPE_CHECKING:  # a checker knows what __getattr__ imports when it is asked for
    from recbole_iacn.bridge.registry import register
    from recbole_iacn.building import Training, build
    from recbole_iacn.data.protocol import Protocol, add_protocol
    from recbole_iacn.model.click.backbones import interest_aware
    from recbole_iacn.model.click.task import AuxiliaryTask, add_task
    from recbole_iacn.model.extractors import add_extractor
    from recbole_iacn.model.retrieval.base import InterestRecommender
    from recbole_iacn.quick_start import run
    from recbole_iacn.serving.recommender import Recommender, load
    from recbole_iacn.training.metrics import add_metric

# What is public, and where it lives; each is imported when it is asked for.
_PUBLIC = {
    "AuxiliaryTask": "model.click.task",
    "InterestRecommender": "model.retrieval.base",
    "Protocol": "data.protocol",
    "Recommender": "serving.recommender",
    "Training": "building",
    "add_extractor": "model.extractors",
    "add_metric": "training.metrics",
    "add_protocol": "data.protocol",
    "add_task": "model.click.task",
    "build": "building",
    "interest_aware": "model.click.backbones",
    "load": "serving.recommender",
    "register": "bridge.registry",
    "run": "quick_start",
}
__all__ = [
    "AuxiliaryTask",
    "ConfigError",
    "InterestRecommender",
    "Protocol",
    "Recommender",
    "Training",
    "__version__",
    "add_extractor",
    "add_metric",
    "add_protocol",
    "add_task",
    "build",
    "interest_aware",
    "load",
    "register",
    "run",
]

patches.install()
moved.install()


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(importlib.import_module(f"recbole_iacn.{_PUBLIC[name]}"), name)
    if name in OWN or name.endswith(SUFFIX):
        try:
            return registry.own_class(name)
        except ConfigError as error:  # a backbone that cannot be made interest-aware
            raise AttributeError(str(error)) from None
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *OWN, *(name + SUFFIX for name in click_models())])
