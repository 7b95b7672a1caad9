"""Extractors of one's own, for the settings ``extractor`` (ComiRec) and ``iacn_extractor`` (the auxiliary task)."""

from __future__ import annotations

import inspect

from torch import nn

from recbole_iacn.errors import ConfigError
from recbole_iacn.names import extractors


def add_extractor(name: str, extractor: type[nn.Module]) -> type[nn.Module]:
    """Register an extractor of one's own under a name for settings, in this process.

    Args:
        name: its name in settings.
        extractor: a module that is made by ``extractor(embedding_size, num_interests, max_length)`` and called with
            embedded behaviours (B, L, D), histories oldest first and padded on the right, and their mask (B, L). It
            returns interests (B, K, D) and the mask of those that the user has (B, K).

    Returns:
        The extractor.

    Raises:
        ConfigError: it is not a module class of three arguments, or the name is taken.
    """
    if not isinstance(extractor, type) or not issubclass(extractor, nn.Module):
        raise ConfigError(f"add_extractor: {extractor!r} is not a subclass of torch.nn.Module")
    try:
        inspect.signature(extractor).bind(1, 1, 1)
    except TypeError as error:
        raise ConfigError(
            f"add_extractor: {extractor.__name__}(embedding_size, num_interests, max_length) must make one: {error}"
        ) from None
    extractors.add(name, extractor)
    return extractor
