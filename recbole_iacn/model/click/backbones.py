"""Makes a click-through-rate model interest-aware, by one rule for all of them."""

from __future__ import annotations

import functools
from typing import Any

from recbole.model.abstract_recommender import ContextRecommender
from recbole.model.context_aware_recommender.ffm import FFM
from recbole.model.context_aware_recommender.lr import LR
from recbole.model.sequential_recommender.dien import DIEN
from recbole.model.sequential_recommender.din import DIN
from recbole.utils import get_model

from recbole_iacn.errors import ConfigError
from recbole_iacn.model.click.context import HistoryContext
from recbole_iacn.model.click.dien import EvolvingItems, PackedEvolution
from recbole_iacn.model.click.din import PackedScore, SequenceItems
from recbole_iacn.model.click.ffm import FieldAwareItems
from recbole_iacn.model.click.interest_aware import InterestAware
from recbole_iacn.names import SUFFIX, backbone, check_name, click_models, registered, remember
from recbole_iacn.settings.table import add_of

# Backbones that the rule does not cover, and why.
_UNABLE = {LR: "LR has one weight per feature and no item embedding that E_auxiliary could extend"}


@functools.cache
def interest_aware(model: type) -> type[InterestAware]:
    """The interest-aware version of a CTR model, under the name ``<model>_IaCN``.

    Args:
        model (type): RecBole's DIN or DIEN, one of RecBole's context-aware models, or a subclass of yours.

    Returns:
        type: a RecBole model. From now on RecBole knows it by name as well; a process that loads its checkpoint must
        have created it before, as it must have imported ``model``.

    Raises:
        ConfigError: the model has no item embedding to extend; gives the reason.

    Example:
        >>> from recbole.model.context_aware_recommender.deepfm import DeepFM
        >>> class MyModel(DeepFM):
        ...     pass
        >>> interest_aware(MyModel).__name__
        'MyModel_IaCN'
    """
    if not isinstance(model, type):
        raise ConfigError(f"interest_aware: takes a model class, got {model!r}")
    if issubclass(model, InterestAware):
        return model
    bases = _bases(model)
    own = model.__module__.startswith("recbole.")
    name = model.__name__ + SUFFIX
    made: Any = type(name, bases, {"__doc__": f"{model.__name__} with interest-aware item embeddings."})
    made.__module__, made.backbone = __name__ if own else model.__module__, model
    if not own:
        check_name(made)
        add_of(made)
        remember(made)
    return made


def _bases(model):
    name = model.__name__
    if model in _UNABLE:
        raise ConfigError(f"{name}{SUFFIX}: {_UNABLE[model]}")
    if issubclass(model, DIEN):
        packed = [PackedEvolution] if _scores_as(model, DIEN) else []
        return InterestAware, *packed, EvolvingItems, model
    if issubclass(model, DIN):
        packed = [PackedScore] if _scores_as(model, DIN) else []
        return InterestAware, *packed, SequenceItems, model
    if issubclass(model, FFM):
        return InterestAware, FieldAwareItems, model, HistoryContext
    if issubclass(model, ContextRecommender):
        return InterestAware, model, HistoryContext
    raise ConfigError(
        f"{name}{SUFFIX}: {name} is not a click-through-rate model; the rule takes DIN, DIEN, RecBole's "
        "context-aware models and their subclasses"
    )


def _scores_as(model, stock):
    return model.forward is stock.forward and model.predict is stock.predict


def model_class(name: str) -> type:
    """The class behind one of our names.

    Raises:
        AttributeError: not one of ours.
        ConfigError: the backbone cannot be made interest-aware; gives the reason.
    """
    if name in registered:
        return registered[name]
    base = backbone(name)
    if base is None:
        raise AttributeError(f"there is no model {name!r}")
    if base not in click_models():
        raise ConfigError(f"{name}: {base} is not a click-through-rate model; there are {', '.join(click_models())}")
    return interest_aware(get_model(base))


def __getattr__(name: str) -> Any:
    # Makes the rule's classes picklable: pickle finds them in the module that they name.
    if name.endswith(SUFFIX):
        return model_class(name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
