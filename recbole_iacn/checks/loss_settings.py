"""Checks of how a ranking is learned: ``loss`` and its settings, and ``rows``."""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping
from typing import Any

from recbole_iacn.data.whole_rows import CAUSAL_MODELS, is_causal, learns_to_rank, obstacle
from recbole_iacn.errors import ConfigError
from recbole_iacn.names import is_ours
from recbole_iacn.settings import family

_SETTINGS = (
    "loss",
    "rows",
    "train_negatives",
    "train_negatives_from",
    "logq_correction",
    "hard_negatives",
    "softmax_temperature",
    "item_dropout_prob",
)


def recbole_keys_for(loss: str | None, model_class: type) -> dict[str, Any]:
    """The keys of RecBole's that a loss stands for.

    Args:
        loss (str or None): the setting; None leaves all as it is.
        model_class (type): a model that :func:`learns_to_rank`.

    Returns:
        dict: settings.
    """
    if loss is None:
        return {}
    if loss != "bpr":
        keys: dict[str, Any] = {"train_neg_sample_args": None}
    else:
        keys = {"train_neg_sample_args": family.Training.model_fields["train_neg_sample_args"].default}
    if not is_ours(model_class.__name__):
        keys["loss_type"] = "BPR" if loss == "bpr" else "CE"
    return copy.deepcopy(keys)


def check_loss(config: Mapping[str, Any], model_class: type, given: Collection[str]) -> None:
    """Reject settings of a loss for a model without one, and what does not fit together.

    Args:
        config (Mapping): final settings.
        model_class (type): the model.
        given (collection of str): the settings that the user gave.

    Raises:
        ConfigError: names the key and the mend.
    """
    name = model_class.__name__
    if not learns_to_rank(model_class):
        asked = [key for key in _SETTINGS if config.get(key) is not None]
        if asked:
            raise ConfigError(
                f"{asked[0]}: is for the multi-interest family, {' and '.join(CAUSAL_MODELS)}, not for {name}; leave "
                "it out"
            )
        return
    loss = config.get("loss")
    if loss is None:
        asked = [key for key in _SETTINGS if config.get(key) is not None]
        if is_ours(name):
            raise ConfigError(f"loss: {name} has no loss_type of RecBole's; set bpr, sampled_softmax or softmax")
        if asked:
            raise ConfigError(f"{asked[0]}: needs loss, which {name} learns by; set loss, or leave {asked[0]} out")
        return
    _check_negatives(config, loss, given)
    _check_batch(config, model_class)
    if config.get("item_dropout_prob") and not is_ours(name) and not is_causal(model_class):
        raise ConfigError(f"item_dropout_prob: {name} may embed histories in its own way; leave it out")
    wanted = {"bpr": "BPR"}.get(loss, "CE")
    if "loss_type" in given and config.get("loss_type") != wanted and not is_ours(name):
        raise ConfigError(f"loss_type: {config['loss_type']} contradicts loss {loss}; leave loss_type out")
    _check_rows(config, model_class)


def _check_negatives(config, loss, given):
    if loss != "bpr" and "train_neg_sample_args" in given and config.get("train_neg_sample_args") is not None:
        raise ConfigError(
            f"train_neg_sample_args: loss {loss} draws no negative per row; leave it out"
            + (", and set train_negatives" if loss == "sampled_softmax" else "")
        )
    if loss == "bpr" and (config.get("train_neg_sample_args") or {}).get("sample_num", 1) != 1:
        raise ConfigError(
            "train_neg_sample_args: loss bpr takes one negative; set sample_num: 1, or loss: sampled_softmax"
        )


def _check_batch(config, model_class):
    if config.get("train_negatives_from") != "batch" or config.get("train_batch_size") != 1:
        return
    if config.get("rows") == "prefixes" or obstacle(config, model_class):  # otherwise a row is a history
        raise ConfigError(
            "train_negatives_from: batch: the only item of a batch of one row is its own; set train_batch_size to 2 or "
            "more, or train_negatives_from to uniform"
        )


def _check_rows(config, model_class):
    if config.get("rows") != "histories":
        return
    reason = obstacle(config, model_class)
    if reason:
        raise ConfigError(reason)
