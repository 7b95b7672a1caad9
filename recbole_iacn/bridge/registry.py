"""Makes RecBole know this package's models: the answers to RecBole's look-ups.

RecBole finds everything by name: the module ``recbole.model.<kind>.<name>``, the attribute ``<Name>Dataset`` of
``recbole.data.dataset``, ``<Name>Trainer`` of ``recbole.trainer``, the file ``properties/model/<Name>.yaml``, and
the loaders by a function. Each of these questions gets an answer here for our names, and RecBole's own for all others.
"""

import importlib
import importlib.abc
import importlib.util
import sys

from recbole_iacn.names import FAMILY, SUFFIX, backbone, recbole_models, remembered

_KIND = "recbole.model.sequential_recommender"


class _ModelFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Serves ``recbole.model.sequential_recommender.<name>`` as a module that holds our model of that name.

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
        module.__getattr__ = own_class


def own_class(name):
    """The class behind one of our names.

    Raises:
        AttributeError: not one of ours.
        ConfigError: the backbone can't be made interest-aware; says why.
    """
    if name in FAMILY:
        return getattr(importlib.import_module(FAMILY[name]), name)
    from recbole_iacn.model.click.backbones import model_class

    return model_class(name)


def _names_by_file():
    return {name.lower() for name in [*FAMILY, *remembered, *(name + SUFFIX for name in recbole_models())]}


def _attribute(module, suffix, chosen):
    """Let ``module`` answer for ``<our model><suffix>``, without importing anything before it is asked."""

    def answer(name):
        where = chosen(name.removesuffix(suffix)) if name.endswith(suffix) else None
        if where is None:
            raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")
        source, attribute = where
        return getattr(importlib.import_module(source), attribute)

    module.__getattr__ = answer


def _dataset(model):
    """Module and class of a model's data set; None if it is not ours."""
    if model == "TiSASRec":
        return "recbole_iacn.data.history", "TimedHistoryDataset"
    if model in FAMILY:
        return "recbole_iacn.data.history", "HistoryDataset"
    return ("recbole_iacn.data.dataset", "InterestAwareDataset") if backbone(model) else None


def _trainer(model):
    """Module and class of a model's trainer; None if it is not ours."""
    if model.startswith("TiMiRec"):
        return "recbole_iacn.training.two_stages", "TiMiRecTrainer"
    return ("recbole_iacn.training.trainer", "IaCNTrainer") if model in FAMILY or backbone(model) else None


def patch_models(package):
    """Let RecBole find our models beside its own sequential ones.

    Args:
        package: ``recbole.model.sequential_recommender``; its modules are looked up after it is imported.
    """
    if not any(isinstance(finder, _ModelFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _ModelFinder())


def patch_dataset_names(module):
    """Answer for ``<our model>Dataset``.

    Args:
        module: ``recbole.data.dataset``.
    """
    _attribute(module, "Dataset", _dataset)


def patch_trainer_names(module):
    """Answer for ``<our model>Trainer``.

    Args:
        module: ``recbole.trainer``.
    """
    _attribute(module, "Trainer", _trainer)
