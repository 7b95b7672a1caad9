"""Settings of the auxiliary task that are given and have no effect: not an error, but said once."""

from __future__ import annotations

import inspect
from collections.abc import Collection
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


def without_effect(config: Any, given: Collection[str]) -> str | None:
    """What to say of settings of the task that change nothing beside the others.

    Args:
        config (Mapping): final settings of a model with the task.
        given (collection of str): the settings that the user gave.

    Returns:
        str or None: one line; None if all of them have an effect.
    """
    name = config["iacn_extractor"] or "routing"
    distilled = config["iacn_target"] == "distilled"
    parts, said = [], set()
    reasons = [(f"iacn_extractor: {name}", _unread_by(name, distilled))]
    if _has_one(name, config["iacn_interests"]):
        reasons.append(("one interest", (*_OF_SEVERAL, *_OF_ROUTING, *_OF_DISTILLATION)))
    if not distilled:
        reasons.append(("iacn_target: label", _OF_DISTILLATION))
    elif (config["iacn_relationship"] or "none") == "none":  # its score is by label-aware attention, too
        reasons.append(("iacn_target: distilled", _OF_SEVERAL[:2]))
    if config["iacn_attention"] == "hard":
        reasons.append(("iacn_attention: hard", ("iacn_power",)))
    for reason, keys in reasons:
        idle = [key for key in keys if key in given and key not in said]
        if idle:
            parts.append(f"{', '.join(idle)} with {reason}")
            said.update(idle)
    return f"Settings without effect: {'; '.join(parts)}" if parts else None


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
