"""Float columns in RecBole's click models: all that are loaded are features, several of them, and lists of numbers."""

import logging

import numpy as np

from recbole_iacn.bridge.wrapping import wrap
from recbole_iacn.checks.files import loaded_columns
from recbole_iacn.data.features import float_features
from recbole_iacn.errors import ConfigError
from recbole_iacn.names import is_ours

_LARGE = 10.0  # a number beyond it dwarfs its neighbours: embeddings start at a size of .01 to .1


def complete(config):
    """Let ``numerical_features``, if empty, name every float column of items and users (:func:`float_features`), for
    the models that embed columns: this package's click models, and RecBole's under a protocol, so that they compare.

    Args:
        config (recbole.config.Config): final settings; it is changed.
    """
    if not config["numerical_features"] and _embeds_columns(config):
        config["numerical_features"] = float_features(loaded_columns(config), config)


def _embeds_columns(config):
    # A Config that was loaded from a checkpoint has no class: its settings are complete.
    names = {base.__name__ for base in getattr(config, "model_class", object).__mro__}
    return bool(is_ours(config["model"]) or config["protocol"]) and not names.isdisjoint(
        ("ContextRecommender", "DIN", "DIEN")
    )


def patch_reading(module):
    """Report numbers among the features that should be scaled.

    Args:
        module: ``recbole.data.dataset.dataset``.
    """

    @wrap(module.Dataset, "_discretization")
    def discretize(original, dataset):
        if _embeds_columns(dataset.config):
            _report_unscaled(dataset)
        original(dataset)


def _report_unscaled(dataset):
    named = [
        name for name in dataset.config["numerical_features"] if name not in (dataset.config["discretization"] or ())
    ]
    sizes = {name: _size(feat[name]) for name in named for feat in dataset.field2feats(name)}
    large = {name: size for name, size in sizes.items() if size > _LARGE}
    if large:
        found = ", ".join(f"{name} ({size:.6g})" for name, size in large.items())
        wanted = ", ".join([*(dataset.config["normalize_field"] or ()), *large])
        logging.getLogger(__name__).warning(
            f"{dataset.dataset_name}: features with large numbers, beside small embeddings: {found}; "
            f"normalize_field: [{wanted}] scales them to [0, 1]"
        )


def _size(column):
    values = column.to_numpy()
    values = np.concatenate([np.zeros(1), *values]) if values.dtype == object else values
    return float(np.nanmax(np.abs(values), initial=0.0))


def patch_several(module):
    """Give DIN's and DIEN's embedding layer a number of each float column.

    RecBole joins the pairs (number, id) of several columns to one row of numbers, where it must list them.

    Args:
        module: ``recbole.model.layers``.
    """

    @wrap(module.ContextSeqEmbAbstractLayer, "embed_float_fields")
    def embed(original, layer, float_fields, type, embed=True):
        if float_fields is not None:
            float_fields = float_fields.flatten(-2).unflatten(-1, (-1, 2))
        return original(layer, float_fields, type, embed)


def patch_towers(module):
    """Give each tower of a two-tower model the float columns of its own side, those that are features.

    RecBole counts every loaded float column of users, and takes that many from a list in which all lists of numbers
    come first: the user's tower would get items' lists.

    Args:
        module: ``recbole.model.abstract_recommender``.
    """
    import torch

    @wrap(module.ContextRecommender, "__init__")
    def init(original, model, config, dataset):
        original(model, config, dataset)
        if model.double_tower:
            users = _of_users(model)
            model.user_float_field_num, model.item_float_field_num = users.count(True), users.count(False)

    @wrap(module.ContextRecommender, "double_tower_embed_input_fields")
    def embed(original, model, interaction):
        user_sparse, user_dense, item_sparse, item_dense = original(model, interaction)
        if user_dense is not None:
            dense = torch.cat([user_dense, item_dense], dim=1)
            users = torch.tensor(_of_users(model), device=dense.device)
            user_dense, item_dense = dense[:, users], dense[:, ~users]
        return user_sparse, user_dense, item_sparse, item_dense


def _of_users(model):
    """Whether each float column belongs to users, in the order in which RecBole embeds them."""
    return [name in model.user_field_names for name in (*model.float_seq_field_names, *model.float_field_names)]


def patch_groups(module):
    """Let FwFM number its columns in the order in which they are embedded, lists of numbers included; and report a
    column that none of the groups has, of FFM's and FwFM's ``fields``.

    Args:
        module: ``recbole.model.context_aware_recommender.ffm`` or ``.fwfm``.
    """
    model_class = getattr(module, "FwFM", None) or module.FFM

    @wrap(model_class, "_get_feature2field")
    def number(original, model):
        if model_class.__name__ == "FwFM":
            lists, numbers = model.token_seq_field_names, model.float_seq_field_names
            model.feature_names = (lists, model.token_field_names, numbers, model.float_field_names)
        original(model)
        alone = [name for name, place in model.feature2id.items() if place not in model.feature2field]
        alone = [name for name in alone if name not in getattr(model, "history_fields", ())]
        if alone:
            raise ConfigError(
                f"fields: no group has {alone[0]!r}, a column that {model_class.__name__} embeds; add it to a group, "
                "or leave it out of load_col"
            )
