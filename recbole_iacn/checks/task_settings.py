"""Which settings of the auxiliary task have no effect beside the others."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from recbole_iacn.names import extractors

# Settings that an extractor of this package takes if its constructor has the argument.
EXTRACTOR_OPTIONS = {
    "iacn_interest_rounding": "rounding",
    "iacn_routing_iterations": "iterations",
    "iacn_logit_std": "logit_std",
    "iacn_map_scale": "map_scale",
}

_OF_SEVERAL = ("iacn_attention", "iacn_power", "iacn_interest_rounding")
_OF_ROUTING = ("iacn_routing_iterations", "iacn_settling_iterations", "iacn_logit_std")
_OF_DISTILLATION = ("iacn_distillation_weight", "iacn_distillation_temperature", "iacn_distillation_warmup")


def has_task(config: Any, model_class: type) -> bool:
    """Whether a model has the auxiliary task.

    Args:
        config (Mapping): final settings.
        model_class (type): the model.
    """
    if not hasattr(model_class, "backbone") or config["iacn_mode"] != "full":
        return False
    return "iacn" in (config["auxiliary_tasks"] or ["iacn"])


def idle(config: Any) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The settings of the task that change nothing beside the others.

    Args:
        config (Mapping): final settings of a model with the task.

    Yields:
        tuple: why, and the names of settings; a setting may come again.
    """
    name = config["iacn_extractor"] or "routing"
    distilled = config["iacn_target"] == "distilled"
    yield f"with iacn_extractor: {name}", tuple(_unread_by(name, distilled))
    if _has_one(name, config["iacn_interests"]):
        yield "with one interest", (*_OF_SEVERAL, *_OF_ROUTING, *_OF_DISTILLATION)
    if not distilled:
        yield "with iacn_target: label", _OF_DISTILLATION
    elif (config["iacn_relationship"] or "none") == "none":  # its score is by label-aware attention, too
        yield "with iacn_target: distilled", _OF_SEVERAL[:2]
    if config["iacn_attention"] == "hard":
        yield "with iacn_attention: hard", ("iacn_power",)


def _unread_by(name, distilled):
    """The settings that an extractor does not take."""
    made = extractors.find(name)
    taken = inspect.signature(made).parameters if name in extractors.builtin else ()
    unread = [key for key, option in EXTRACTOR_OPTIONS.items() if option not in taken]
    if distilled and "iacn_map_scale" in unread:  # the map of the prediction reads it
        unread.remove("iacn_map_scale")
    if getattr(made, "num_interests", None) == 1:
        unread.append("iacn_interests")
    return [*unread, *([] if hasattr(made, "settled") else ["iacn_settling_iterations"])]


def _has_one(name, count):
    """Whether an extractor of this package finds one interest; a user's may find as many as it likes."""
    return name in extractors.builtin and (count == 1 or getattr(extractors.find(name), "num_interests", None) == 1)
