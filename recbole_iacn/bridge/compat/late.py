"""Packages that RecBole imports long before it calls them, and mostly never does."""

import contextlib
import importlib
import sys
import types
from pathlib import Path

from recbole_iacn.bridge.registry import SEQUENTIAL, is_registered_file
from recbole_iacn.bridge.wrapping import wrap

# In the order in which RecBole asks them.
_FOLDERS = (
    "general_recommender",
    "context_aware_recommender",
    SEQUENTIAL,
    "knowledge_aware_recommender",
    "exlib_recommender",
)


@contextlib.contextmanager
def standing_in(modules):
    """While active, an import of these names finds these modules; what was there before is there again afterwards.

    Args:
        modules (dict of str to types.ModuleType): by full name.
    """
    kept = {name: sys.modules[name] for name in modules if name in sys.modules}
    sys.modules.update(modules)
    try:
        yield
    finally:
        # Other code must get the real ones.
        for name in modules:
            sys.modules.pop(name, None)
        sys.modules.update(kept)


def patch_metrics():
    """Import scikit-learn, and SciPy's statistics with it, when AUC, MAE or RMSE are first calculated by RecBole's own
    classes."""
    names = ("auc", "mean_absolute_error", "mean_squared_error")
    with standing_in({"sklearn.metrics": _callable_later("sklearn.metrics", names)}):
        yield


def patch_writer():
    """Import TensorBoard for the first writer, which ``log_tensorboard: True`` asks for."""
    with standing_in({"torch.utils.tensorboard": _callable_later("torch.utils.tensorboard", ["SummaryWriter"])}):
        yield


def patch_look_up(module):
    """Import a model from the folder of RecBole that has it. The look-up asks one folder after another, and to ask is
    to import all models in it: the first one's need scikit-learn.

    Args:
        module: ``recbole.utils.utils``.
    """

    @wrap(module, "get_model")
    def get_model(original, name):
        file = name.lower()
        if is_registered_file(file):
            folder = SEQUENTIAL
        else:
            models = Path(module.__file__).parent.parent / "model"
            folder = next((one for one in _FOLDERS if (models / one / f"{file}.py").is_file()), None)
        if folder is None:  # a typing error, which the original reports
            return original(name)
        return getattr(importlib.import_module(f"recbole.model.{folder}.{file}"), name)


def _callable_later(name, functions):
    """A module of that name, whose functions import the real one when they are called."""
    module = types.ModuleType(name)
    for function in functions:
        setattr(module, function, _later(name, function))
    return module


def _later(name, function):
    def call(*args, **kwargs):
        return getattr(importlib.import_module(name), function)(*args, **kwargs)

    call.__name__ = call.__qualname__ = function
    return call
