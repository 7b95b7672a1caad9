"""Checks of how a ranking is learned: ``loss`` and its settings, and ``rows``."""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping
from typing import Any

from recbole_iacn.data.whole_rows import CAUSAL_MODELS, is_causal, learns_to_rank, obstacle
from recbole_iacn.errors import ConfigError
from recbole_iacn.names import is_ours
from recbole_iacn.settings import family

_OF_SAMPLES = ("train_negatives", "train_negatives_from", "logq_correction", "hard_negatives")
_OF_SOFTMAX = (*_OF_SAMPLES, "softmax_temperature")
_ALL_BUT_A_FEW = 8  # draws per item: 1 in 3,000 is not drawn
_SETTINGS = ("loss", "rows", *_OF_SOFTMAX, "item_dropout_prob")
_READ_BY: dict[str, tuple[str, ...]] = {"bpr": (), "softmax": ("softmax_temperature",), "sampled_softmax": _OF_SOFTMAX}


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


def loss_without_effect(config: Any, given: Collection[str]) -> str | None:
    """What to say of settings that the run's loss does not read.

    Args:
        config (recbole.config.Config): final settings.
        given (collection of str): the settings that the user gave.

    Returns:
        str or None: one line; None if all of them have an effect.
    """
    loss = config["loss"]
    if loss is None:
        return None
    said = "; ".join(filter(None, [_idle_negatives(config, given, loss), _idle_penalty(config, given)]))
    return f"Settings without effect: {said}" if said else None


def draws_all_items(config: Any, given: Collection[str], items: int) -> str | None:
    """What to say of so many draws that a full softmax is the same, and faster.

    Args:
        config (recbole.config.Config): final settings.
        given (collection of str): the settings that the user gave.
        items (int): the number of items.

    Returns:
        str or None: one line; None if some items are left out of most batches.
    """
    uniform = (config["train_negatives_from"] or "uniform") == "uniform"
    if config["loss"] != "sampled_softmax" or not uniform or "train_negatives" not in given:
        return None
    draws = config["train_negatives"]
    if draws < _ALL_BUT_A_FEW * items:
        return None
    return f"train_negatives: {draws} draws have nearly all of the {items} items; loss: softmax has them in less time"


def _idle_penalty(config, given):
    """Of ``interest_diversity`` and its weight either does nothing without the other."""
    kind, weight = config["interest_diversity"], config["interest_diversity_weight"]
    if "interest_diversity_weight" in given and weight and kind in (None, "none"):
        return "interest_diversity_weight without interest_diversity"
    if "interest_diversity" in given and kind not in (None, "none") and not weight:
        return "interest_diversity with interest_diversity_weight: 0"
    return None


def _idle_negatives(config, given, loss):
    idle = [key for key in _OF_SOFTMAX if key in given and key not in _READ_BY[loss]]
    if config["hard_negatives"] and loss != "sampled_softmax" and "hard_negatives" not in idle:
        idle.append("hard_negatives")  # of REMI, which has them unless told otherwise
    reason = f"loss: {loss}"
    if (
        loss == "sampled_softmax"
        and "logq_correction" in given
        and (config["train_negatives_from"] or "uniform") == "uniform"
    ):
        idle, reason = ["logq_correction"], "train_negatives_from: uniform, which draws all items equally"
    return f"{', '.join(idle)} with {reason}" if idle else None
