"""Registers this package's models, and custom ones, with RecBole.

RecBole finds everything by name: the module ``recbole.model.<kind>.<name>``, the attribute ``<Name>Dataset`` of
``recbole.data.dataset``, ``<Name>Trainer`` of ``recbole.trainer``, the file ``properties/model/<Name>.yaml``, and
the loaders by a function. For registered names each of these look-ups is answered here, for all others by RecBole.
"""

import importlib
import importlib.abc
import importlib.util
import sys
from typing import Any, TypeVar

from recbole_iacn.errors import ConfigError, did_you_mean
from recbole_iacn.names import OWN, SUFFIX, check_name, click_models, is_ours, recbole_models, registered, remember

_Model = TypeVar("_Model", bound=Any)
SEQUENTIAL = "sequential_recommender"  # the folder of RecBole's models in which it finds these
_KIND = f"recbole.model.{SEQUENTIAL}"


class _ModelFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Serves ``recbole.model.sequential_recommender.<name>`` as a module that contains our model of that name.

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


def is_registered_file(file_name):
    """Whether RecBole finds one of this package's models, or a registered one, by this name of a file."""
    return file_name in _names_by_file()


def own_class(name):
    """The class of one of this package's models, or of a registered one, by its name.

    Raises:
        AttributeError: there is no such model.
        ConfigError: the backbone cannot be made interest-aware; the message gives the reason.
    """
    if name in registered:
        return registered[name]
    if name in OWN:
        return getattr(importlib.import_module(OWN[name]), name)
    from recbole_iacn.model.click.backbones import model_class

    return model_class(name)


def find_model(model):
    """Find a model by its name, or register a class.

    Args:
        model (str or type): the model's name or class.

    Returns:
        type or None: the class; None for the name of one of RecBole's models.

    Raises:
        ConfigError: there is no such model, or the class cannot be registered.
    """
    if not isinstance(model, str):
        return register(model)
    if is_ours(model) or model in registered:
        return own_class(model)
    known = [*(name + SUFFIX for name in click_models()), *OWN, *registered, *recbole_models()]
    if model not in known:
        raise ConfigError(f"model: there is no {model!r}.{did_you_mean(model, known)}")
    return None


def register(model_class: type[_Model]) -> type[_Model]:
    """Register a custom model class with RecBole, by its name, in this process. :func:`recbole_iacn.run` and
    :func:`recbole_iacn.build` register every class that they are given.

    The class inherits default settings, dataset and trainer of its nearest ancestor, this package's or RecBole's. Its
    attributes ``settings`` (a group of settings that it adds), ``dataset_class`` and ``trainer_class`` (a class, or its
    dotted name) override them.

    Args:
        model_class (type): a class derived from a model of RecBole or of this package.

    Returns:
        type: the class itself, so that the function can be used as a decorator.

    Raises:
        ConfigError: the class is not a RecBole model, or is context-aware and reads no history; or its name or one of
            its settings is taken.

    Example:
        >>> from recbole_iacn.model.retrieval.multi_interest import ComiRec
        >>> @register
        ... class MyComiRec(ComiRec):
        ...     pass
    """
    from recbole.model.abstract_recommender import AbstractRecommender
    from recbole.utils import ModelType

    from recbole_iacn.settings.table import add_of

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
    check_name(model_class)
    add_of(model_class)
    remember(model_class)
    return model_class


def check_parts(model_class: type) -> None:
    """Reject a class whose dataset or trainer cannot be found, before the data are read.

    Args:
        model_class (type): the model.

    Raises:
        ConfigError: names the attribute.
    """
    from recbole.data.dataset import Dataset
    from recbole.trainer import AbstractTrainer

    for attribute, kind in (("dataset_class", Dataset), ("trainer_class", AbstractTrainer)):
        for base in model_class.__mro__:
            own = vars(base).get(attribute)
            if own is None:
                continue
            where = f"{base.__name__}.{attribute}"
            try:
                found = _by_dotted_name(own) if isinstance(own, str) else own
            except (ImportError, AttributeError, ValueError) as error:
                raise ConfigError(
                    f"{where}: {own!r} cannot be imported ({error}); set it to a class, or to 'module.Class'"
                ) from None
            if not isinstance(found, type) or not issubclass(found, kind):
                raise ConfigError(
                    f"{where}: must be a class derived from RecBole's {kind.__name__}, got {found!r:.100}"
                )
            break


def _by_dotted_name(name):
    source, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(source), attribute)


def _names_by_file():
    return {name.lower() for name in [*OWN, *registered, *(name + SUFFIX for name in recbole_models())]}


def _attribute(module, suffix):
    """Let ``module``, RecBole's module of all datasets or trainers, also have ``<our model><suffix>``."""

    def answer(name):
        model = name.removesuffix(suffix)
        if name.endswith(suffix) and (is_ours(model) or model in registered):
            result = _of_class(own_class(model), module, suffix)
            if result is not None:
                return result
        raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")

    module.__getattr__ = answer


def _of_class(model_class, module, suffix):
    """The dataset or trainer of a model class or of its nearest ancestor that has one; None if RecBole is to choose by
    the model's type."""
    for base in model_class.__mro__:
        own = vars(base).get(f"{suffix.lower()}_class")
        if isinstance(own, str):
            return _by_dotted_name(own)
        own = own or vars(module).get(base.__name__ + suffix)
        if own is not None:
            return own
    return None


def patch_models(package):
    """Let RecBole find this package's models among its own sequential ones.

    Args:
        package: ``recbole.model.sequential_recommender``, whose modules are looked up after its import.
    """
    if not any(isinstance(finder, _ModelFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _ModelFinder())


def patch_dataset_names(module):
    """Provide ``<our model>Dataset``.

    Args:
        module: ``recbole.data.dataset``.
    """
    _attribute(module, "Dataset")


def patch_trainer_names(module):
    """Provide ``<our model>Trainer``.

    Args:
        module: ``recbole.trainer``.
    """
    _attribute(module, "Trainer")
