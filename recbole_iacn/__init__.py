"""recbole_iacn: interest-aware item embeddings for RecBole's click-through-rate models.

Importing the package makes RecBole know its models, by name, and run on today's NumPy, pandas and PyTorch. It imports
neither RecBole nor PyTorch itself.
"""

from typing import TYPE_CHECKING, Any

from recbole_iacn.bridge import compat, registry
from recbole_iacn.errors import ConfigError
from recbole_iacn.names import SUFFIX
from recbole_iacn.version import __version__

if TYPE_CHECKING:  # a checker knows what __getattr__ imports when it is asked for
    from recbole_iacn.model.click.backbones import interest_aware
    from recbole_iacn.quick_start import run

__all__ = ["ConfigError", "__version__", "interest_aware", "run"]

compat.install()
registry.install()


def __getattr__(name: str) -> Any:
    if name == "run":
        from recbole_iacn.quick_start import run

        return run
    if name == "interest_aware":
        from recbole_iacn.model.click.backbones import interest_aware

        return interest_aware
    if name.endswith(SUFFIX):
        from recbole_iacn.model.click.backbones import model_class

        return model_class(name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
