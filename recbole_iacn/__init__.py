"""recbole_iacn: interest-aware item embeddings for RecBole's click-through-rate models.

Importing the package makes RecBole know its models, by name, and run on today's NumPy, pandas and PyTorch. It imports
neither RecBole nor PyTorch itself.
"""

import importlib

from recbole_iacn.bridge import compat, registry
from recbole_iacn.errors import ConfigError
from recbole_iacn.names import FAMILY, SUFFIX, click_models
from recbole_iacn.version import __version__

# What is public, and where it lives; each is imported when it is asked for.
_PUBLIC = {
    "Training": "recbole_iacn.building",
    "build": "recbole_iacn.building",
    "interest_aware": "recbole_iacn.model.click.backbones",
    "register": "recbole_iacn.bridge.registry",
    "run": "recbole_iacn.quick_start",
}
__all__ = ["ConfigError", "__version__", *_PUBLIC]

compat.install()
registry.install()


def __getattr__(name):
    if name in _PUBLIC:
        return getattr(importlib.import_module(_PUBLIC[name]), name)
    if name in FAMILY or name.endswith(SUFFIX):
        return registry.own_class(name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted([*__all__, *FAMILY, *(name + SUFFIX for name in click_models())])
