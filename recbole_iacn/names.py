"""The names of interest-aware models: ``<Backbone>_IaCN``."""

from recbole_iacn.resources import recbole_models

SUFFIX = "_IaCN"

remembered = {}  # classes of the user's, by name


def remember(model_class):
    """Let RecBole find a class of the user's by its name, in this process."""
    remembered[model_class.__name__] = model_class


def backbone(name):
    """The backbone's name of ``<Backbone>_IaCN``; None if ``name`` is none of ours.

    Args:
        name (str): a model name.
    """
    base = name.removesuffix(SUFFIX)
    if base == name:
        return None
    return base if name in remembered or base in recbole_models() else None
