"""The names of this package's models: ``<Backbone>_IaCN``, and the multi-interest family."""

from recbole_iacn.resources import recbole_models

SUFFIX = "_IaCN"

# The multi-interest family: name -> the module that has the class.
FAMILY = {
    "YouTubeDNN": "recbole_iacn.model.multi_interest",
    "MIND": "recbole_iacn.model.multi_interest",
    "ComiRec": "recbole_iacn.model.multi_interest",
    "ComiRecPlus": "recbole_iacn.model.multi_interest",
    "TiSASRec": "recbole_iacn.model.tisasrec",
    "TiMiRec": "recbole_iacn.model.timirec",
    "TiMiRecPlus": "recbole_iacn.model.timirec",
}

remembered = {}  # classes of the user's, by name


def remember(model_class):
    """Let RecBole find a class of the user's by its name, in this process."""
    remembered[model_class.__name__] = model_class


def backbone(name):
    """The backbone's name of ``<Backbone>_IaCN``; None if ``name`` is no such name.

    Args:
        name (str): a model name.
    """
    base = name.removesuffix(SUFFIX)
    if base == name:
        return None
    return base if name in remembered or base in recbole_models() else None


def is_ours(name):
    """Whether this package has a model of that name.

    Args:
        name (str): a model name.
    """
    return name in FAMILY or backbone(name) is not None
