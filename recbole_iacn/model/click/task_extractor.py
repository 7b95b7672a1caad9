"""The extractor of the auxiliary task, by its name in ``iacn_extractor``."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from torch import nn

from recbole_iacn.checks.task_settings import EXTRACTOR_OPTIONS
from recbole_iacn.names import extractors

if TYPE_CHECKING:
    from recbole.config import Config

    from recbole_iacn.model.click.interest_aware import InterestAware


def task_extractor(config: Config, model: InterestAware) -> nn.Module:
    """Make the extractor that ``iacn_extractor`` names.

    One of this package's is also given those of :data:`EXTRACTOR_OPTIONS` that it takes; a user's is made of its three
    sizes alone (:func:`recbole_iacn.add_extractor`).

    Args:
        config: the run's settings.
        model: the model that is being built.
    """
    name = config["iacn_extractor"] or "routing"
    made, sizes = extractors.find(name), (model.embedding_size, config["iacn_interests"], model.max_seq_length)
    if name not in extractors.builtin:
        return made(*sizes)
    taken = inspect.signature(made).parameters
    return made(*sizes, **{option: config[key] for key, option in EXTRACTOR_OPTIONS.items() if option in taken})
