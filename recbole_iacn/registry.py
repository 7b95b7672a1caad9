"""Makes RecBole know this package's models. The one place that touches RecBole's look-ups.

RecBole finds everything by name: the module ``recbole.model.<kind>.<name>``, the attribute ``<Name>Dataset`` of
``recbole.data.dataset``, ``<Name>Trainer`` of ``recbole.trainer``, the file ``properties/model/<Name>.yaml``, and
the loaders by a function. Each of these questions gets an answer here for our names, and RecBole's own for all others.
"""

import importlib
import importlib.abc
import importlib.util
import sys

from recbole_iacn.imports import around_import
from recbole_iacn.names import SUFFIX, backbone, remembered
from recbole_iacn.resources import recbole_models

_KIND = "recbole.model.sequential_recommender"


# RecBole's module -> the function of the package ``bridge`` that wraps what it must there.
_TAUGHT = {
    "recbole.config.configurator": "config.teach_config",
    "recbole.data.dataset.dataset": "data.read_fast",
    "recbole.data.dataset.sequential_dataset": "data.sort_exactly",
    "recbole.data.dataloader.abstract_dataloader": "data.keep_ranges",
    "recbole.data.interaction": "running.pin_interactions",
    "recbole.utils.logger": "running.log_once",
    "recbole.utils.utils": "running.make_folders",
    "recbole.data.utils": "data.teach_loaders",
}


class _ModelFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Serves ``recbole.model.sequential_recommender.<backbone>_iacn`` as a module that holds ``<Backbone>_IaCN``.

    The class keeps its own ``__module__``, so it can be pickled and its source found.
    """

    def find_spec(self, fullname, path=None, target=None):
        kind, _, file_name = fullname.rpartition(".")
        if kind == _KIND and file_name in _names_by_file():
            return importlib.util.spec_from_loader(fullname, self)
        return None

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        from recbole_iacn.model.backbones import model_class

        module.__getattr__ = model_class


def _names_by_file():
    return {name.lower() for name in [*remembered, *(name + SUFFIX for name in recbole_models())]}


def _attribute(module, suffix, where):
    """Let ``module`` answer for ``<our model><suffix>``, without importing anything before it is asked."""
    source, attribute = where

    def answer(name):
        if name.endswith(suffix) and backbone(name.removesuffix(suffix)):
            return getattr(importlib.import_module(source), attribute)
        raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")

    module.__getattr__ = answer


def install():
    """Register everything. Imports nothing of RecBole; may be called again."""
    if any(isinstance(finder, _ModelFinder) for finder in sys.meta_path):
        return
    sys.meta_path.insert(0, _ModelFinder())

    for module, teach in _TAUGHT.items():
        _around(module, teach)

    @around_import("recbole.data.dataset")
    def _():
        module = yield
        _attribute(module, "Dataset", ("recbole_iacn.data.dataset", "InterestAwareDataset"))

    @around_import("recbole.trainer")
    def _():
        module = yield
        _attribute(module, "Trainer", ("recbole_iacn.trainer", "IaCNTrainer"))


def _around(name, teach):
    @around_import(name)
    def _():
        module = yield
        place, _, function = teach.partition(".")
        getattr(importlib.import_module(f"recbole_iacn.bridge.{place}"), function)(module)
