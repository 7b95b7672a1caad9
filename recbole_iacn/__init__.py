"""recbole_iacn: interest-aware item embeddings for RecBole's click-through-rate models.

Importing the package makes RecBole know its models, by name, and run on today's NumPy, pandas and PyTorch. It imports
neither RecBole nor PyTorch itself.
"""

import importlib
from typing import TYPE_CHECKING, Any

from recbole_iacn.bridge import compat, registry
from recbole_iacn.errors import ConfigError
from recbole_iacn.names import FAMILY, SUFFIX, click_models
from recbole_iacn.version import __version__

if TYPE_CHECKING:  # a checker knows what __getattr__ imports when it is asked for
    from recbole_iacn.bridge.registry import register
    from recbole_iacn.building import Training, build
    from recbole_iacn.model.click.backbones import interest_aware
    from recbole_iacn.quick_start import run

# What is public, and where it lives; each is imported when it is asked for.
_PUBLIC = {
    "Training": "recbole_iacn.building",
    "build": "recbole_iacn.building",
    "interest_aware": "recbole_iacn.model.click.backbones",
    "register": "recbole_iacn.bridge.registry",
    "run": "recbole_iacn.quick_start",
}
__all__ = ["ConfigError", "Training", "__version__", "build", "interest_aware", "register", "run"]

compat.install()
registry.install()


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(importlib.import_module(_PUBLIC[name]), name)
    if name in FAMILY or name.endswith(SUFFIX):
        return registry.own_class(name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *FAMILY, *(name + SUFFIX for name in click_models())])
