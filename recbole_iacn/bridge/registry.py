"""Makes RecBole know this package's models: the answers to RecBole's look-ups.

RecBole finds everything by name: the module ``recbole.model.<kind>.<name>``, the attribute ``<Name>Dataset`` of
``recbole.data.dataset``, ``<Name>Trainer`` of ``recbole.trainer``, the file ``properties/model/<Name>.yaml``, and
the loaders by a function. Each of these questions gets an answer here for our names, and RecBole's own for all others.
"""

import importlib
import importlib.abc
import importlib.util
import sys

from recbole_iacn.errors import ConfigError, did_you_mean
from recbole_iacn.names import FAMILY, SUFFIX, click_models, is_ours, recbole_models, registered, remember

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
    """The class behind a name of ours, or of a class that was registered.

    Raises:
        AttributeError: neither.
        ConfigError: the backbone can't be made interest-aware; says why.
    """
    if name in registered:
        return registered[name]
    if name in FAMILY:
        return getattr(importlib.import_module(FAMILY[name]), name)
    from recbole_iacn.model.click.backbones import model_class

    return model_class(name)


def find_model(model):
    """Find a model by its name; register a class that is given.

    Args:
        model (str or type): name or class.

    Returns:
        type or None: the class; None for the name of a model of RecBole's.

    Raises:
        ConfigError: there is no such model, or the class can't be registered.
    """
    if not isinstance(model, str):
        return register(model)
    if is_ours(model) or model in registered:
        return own_class(model)
    known = [*(name + SUFFIX for name in click_models()), *FAMILY, *registered, *recbole_models()]
    if model not in known:
        raise ConfigError(f"model: there is no {model!r}.{did_you_mean(model, known)}")
    return None


def register(model_class):
    """Make RecBole know a model class of one's own, by its name, in this process. :func:`recbole_iacn.run` and
    :func:`recbole_iacn.build` do so for any class that they are given.

    The class inherits what its nearest ancestor has, this package's or RecBole's: default settings, dataset, trainer.
    Its attributes ``settings`` (a group of settings that it adds), ``dataset_class`` and ``trainer_class`` (a class, or
    its dotted name) say otherwise.

    Args:
        model_class (type): derived from a model of RecBole's or of this package.

    Returns:
        type: the same, so that it serves as a decorator.

    Raises:
        ConfigError: it is not a RecBole model; it is context-aware without history and task; its name is taken, or one
            of its settings is.

    Example:
        >>> from recbole_iacn.model.retrieval.multi_interest import ComiRec
        >>> @register
        ... class MyComiRec(ComiRec):
        ...     pass
    """
    from recbole.model.abstract_recommender import AbstractRecommender
    from recbole.utils import ModelType

    if not isinstance(model_class, type) or not issubclass(model_class, AbstractRecommender):
        raise ConfigError(
            f"register: {getattr(model_class, '__name__', model_class)!s} is not a RecBole model class; derive it from "
            "recbole.model.abstract_recommender or from a model"
        )
    name = model_class.__name__
    if model_class.__module__.startswith(("recbole.", "recbole_iacn.")) or registered.get(name) is model_class:
        return model_class
    if getattr(model_class, "type", None) == ModelType.CONTEXT:
        raise ConfigError(
            f"register: {name} is context-aware and reads no history; give recbole_iacn.interest_aware({name}), whose "
            "iacn_mode: off is the plain model"
        )
    own = vars(model_class).get("settings")
    if own is not None:
        from recbole_iacn import settings

        settings.add(own, f"model {name!r}")
    remember(model_class)
    return model_class


def _names_by_file():
    return {name.lower() for name in [*FAMILY, *registered, *(name + SUFFIX for name in recbole_models())]}


def _attribute(module, suffix):
    """Let ``module``, RecBole's with all datasets or trainers, answer for ``<our model><suffix>``, too."""

    def answer(name):
        model = name.removesuffix(suffix)
        if name.endswith(suffix) and (is_ours(model) or model in registered):
            found = _of_class(own_class(model), module, suffix)
            if found is not None:
                return found
        raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")

    module.__getattr__ = answer


def _of_class(model_class, module, suffix):
    """What a model class, or its nearest ancestor that says, goes with; None if RecBole is to choose by type."""
    for base in model_class.__mro__:
        own = vars(base).get(f"{suffix.lower()}_class")
        if isinstance(own, str):
            source, _, attribute = own.rpartition(".")
            return getattr(importlib.import_module(source), attribute)
        own = own or vars(module).get(base.__name__ + suffix)
        if own is not None:
            return own
    return None


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
    _attribute(module, "Dataset")


def patch_trainer_names(module):
    """Answer for ``<our model>Trainer``.

    Args:
        module: ``recbole.trainer``.
    """
    _attribute(module, "Trainer")
