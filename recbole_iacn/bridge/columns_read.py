"""Which columns a model reads, as far as it can be known: of this package's models and of RecBole's own."""

from __future__ import annotations

import logging
from typing import Any

from recbole_iacn.checks.idle_settings import draws_all_items, without_effect
from recbole_iacn.checks.unread import columns_in_use, unread

# RecBole's models that read ids alone, and what a setting names.
_OF_IDS = ("GENERAL", "SEQUENTIAL")
_NAMED_BY = ("selected_features", "item_attribute")


def report_unread(config: Any, dataset: Any, model: Any) -> None:
    """Log a line if columns are loaded that the model does not read, and one if settings are given that change nothing
    beside the others, or that cost much for none.

    Args:
        config (recbole.config.Config): final settings.
        dataset (recbole.data.dataset.Dataset): the data.
        model (recbole.model.abstract_recommender.AbstractRecommender): the model.
    """
    given = config.external_config_dict
    for line in (without_effect(config, type(model), given), draws_all_items(config, given, dataset.item_num - 1)):
        if line:
            logging.getLogger(__name__).warning(line)
    read = columns_read(config, model)
    if read is None:
        return
    profile = (config["iacn_user_profile"] or ()) if "iacn" in getattr(model, "tasks", ()) else ()
    joins = getattr(model, "joins_fields", None) is False
    line = unread(config["model"], _loaded(config, dataset), read | columns_in_use(config), profile, joins)
    if line:
        logging.getLogger(__name__).warning(line)


def columns_read(config: Any, model: Any) -> set[str] | None:
    """The columns that a model reads for its scores, besides ids.

    Args:
        config (recbole.config.Config): final settings.
        model (recbole.model.abstract_recommender.AbstractRecommender): the model.

    Returns:
        set of str or None: None if that cannot be known, as of a class of the user's, whose code may read any.
    """
    from recbole.model.abstract_recommender import ContextRecommender

    if not getattr(type(model), "backbone", type(model)).__module__.startswith(("recbole.", "recbole_iacn.")):
        return None
    if isinstance(model, ContextRecommender):
        names = [model.token_field_names, model.token_seq_field_names]
        return {name for of in (*names, model.float_field_names, model.float_seq_field_names) for name in of}
    if hasattr(model, "embedding_layer") and hasattr(model.embedding_layer, "float_seq_field_names"):
        return _of_din_or_dien(model)
    if config["MODEL_TYPE"].name not in _OF_IDS:
        return None
    named = [config[key] for key in _NAMED_BY if config[key]]
    return {name for one in named for name in (one if isinstance(one, list) else [one])}


def _of_din_or_dien(model):
    layer, joins = model.embedding_layer, getattr(model, "joins_fields", False)
    users = joins or getattr(model, "reads_users", hasattr(model, "interest_evolution"))  # stock DIEN reads them
    kinds = (layer.token_field_names, layer.token_seq_field_names, layer.float_field_names, layer.float_seq_field_names)
    read = {name for of in kinds for side in (["item", "user"] if users else ["item"]) for name in of[side]}
    return read | set(model.context.names if joins else ())


def _loaded(config, dataset):
    """Table to its columns of the files; without the histories, negatives and aliases that are added to them."""
    tables: dict[str, list[str]] = {"inter": [], "item": [], "user": []}
    added = getattr(dataset, "hidden_fields", frozenset()) | getattr(dataset, "auxiliary_fields", frozenset())
    for name, source in dataset.field2source.items():
        table = getattr(source, "value", source).removesuffix("_id")
        drawn = name.removeprefix(config["NEG_PREFIX"]) != name
        if table in tables and name not in added and not drawn and not name.endswith(config["LIST_SUFFIX"]):
            tables[table].append(name)
    return tables
