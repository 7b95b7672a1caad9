"""Settings that are given and change nothing beside the others: no error, but said once."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any

from recbole_iacn.checks import task_settings
from recbole_iacn.data.whole_rows import is_causal, learns_to_rank, obstacle

# The settings that each loss reads.
_OF_SAMPLES = ("train_negatives", "train_negatives_from", "logq_correction", "hard_negatives")
_OF_SOFTMAX = (*_OF_SAMPLES, "softmax_temperature")
_READ_BY: dict[str, tuple[str, ...]] = {"bpr": (), "softmax": ("softmax_temperature",), "sampled_softmax": _OF_SOFTMAX}

# Those that tell several interests apart, and those that only some of ComiRec's extractors read.
_OF_SEVERAL = (
    "interest_rounding",
    "routing_iterations",
    "routing_logit_std",
    "label_attention",
    "label_power",
    "distillation_weight",
    "distillation_temperature",
    "stop_gradient",
    "predictor_layers",
)
_OF_EXTRACTORS = {"sa": ("attention_size", "interest_positions"), "dr": ("routing_iterations",)}
_OF_DISTILLATION = ("distillation_temperature", "stop_gradient")

_ALL_BUT_A_FEW = 8  # draws per item: 1 in 3,000 is not drawn

Reason = tuple[str, tuple[str, ...]]  # why settings have no effect, and their names


def without_effect(
    config: Any, model_class: type, given: Collection[str], searched: Collection[str] = ()
) -> str | None:
    """What to say of settings that change nothing beside the others.

    Args:
        config (recbole.config.Config): final settings.
        model_class (type): the model.
        given (collection of str): the settings that the user gave.
        searched (collection of str): settings that will have other values, too. Defaults to none.

    Returns:
        str or None: one line; None if all of them have an effect, as far as it is known.
    """
    if task_settings.has_task(config, model_class):
        reasons = list(task_settings.idle(config))
    elif config["loss"] is not None and learns_to_rank(model_class):
        reasons = [*_of_loss(config, model_class), *_of_penalty(config), *_of_model(config, model_class)]
        if config["hard_negatives"]:  # REMI has them unless told otherwise
            given = {*given, "hard_negatives"}
    else:
        return None
    parts, said = [], set()
    for reason, keys in reasons:
        idle = [key for key in keys if (key in given or key in searched) and key not in said]
        if idle and not _depends(reason, searched):
            parts.append(f"{', '.join(idle)} {reason}")
            said.update(idle)
    return f"Settings without effect: {'; '.join(parts)}" if parts else None


def _depends(reason, searched):
    """Whether a reason is a value of one of the settings that will have others."""
    names = set(re.findall(r"\w+", reason))
    if reason == "with one interest":
        names |= {"num_interests", "iacn_interests"}
    return not names.isdisjoint(searched)


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


def _of_loss(config: Any, model_class: type) -> Iterator[Reason]:
    loss = config["loss"]
    yield f"with loss: {loss}", tuple(key for key in _OF_SOFTMAX if key not in _READ_BY[loss])
    if loss != "sampled_softmax":
        return
    source = config["train_negatives_from"] or "uniform"
    if source == "uniform":
        yield "with train_negatives_from: uniform, which draws all items equally", ("logq_correction",)
    most = _most_targets(config, model_class)
    if source == "batch" and config["train_negatives"] and config["train_negatives"] >= most:
        yield f"with train_negatives_from: batch, which has at most {most} targets", ("train_negatives",)


def _most_targets(config, model_class):
    """The number of targets of a batch, at most."""
    rows = config["train_batch_size"] * max(config["nproc"] or 1, 1)
    whole = config["rows"] != "prefixes" and not obstacle(config, model_class)
    return rows * config["MAX_ITEM_LIST_LENGTH"] if whole else rows


def _of_penalty(config: Any) -> Iterator[Reason]:
    """Of ``interest_diversity`` and its weight either does nothing without the other."""
    kind, weight = config["interest_diversity"], config["interest_diversity_weight"]
    if weight and kind in (None, "none"):
        yield "without interest_diversity", ("interest_diversity_weight",)
    if kind not in (None, "none") and not weight:
        yield "with interest_diversity_weight: 0", ("interest_diversity",)


def _of_model(config: Any, model_class: type) -> Iterator[Reason]:
    """What a model of the family does not read, or reads to no effect."""
    if is_causal(model_class):
        yield "with a model of one interest", ("num_interests", *_OF_SEVERAL)
        return
    made_by = getattr(model_class, "make_extractor", _of_model)
    if not made_by.__module__.startswith("recbole_iacn."):  # a method of the user's, which may read any setting
        return
    extractor = config["extractor"]
    if config["num_interests"] == 1 and (extractor is None or extractor in _OF_EXTRACTORS):
        yield "with one interest", _OF_SEVERAL
    if extractor is not None:
        read = _OF_EXTRACTORS.get(extractor, ())
        unread = tuple(key for keys in _OF_EXTRACTORS.values() for key in keys if key not in read)
        yield f"with extractor: {extractor}", unread if read else (*unread, "interest_rounding")
    if config["recontrast_weight"] == 0:
        yield "with recontrast_weight: 0", ("recontrast_temperature",)
    if config["label_attention"] == "hard":
        yield "with label_attention: hard", ("label_power",)
    if config["stages"] == "extractor_twice":
        yield "with stages: extractor_twice", ("distillation_weight", *_OF_DISTILLATION, "predictor_layers")
    elif config["distillation_weight"] == 0:
        yield "with distillation_weight: 0", _OF_DISTILLATION
