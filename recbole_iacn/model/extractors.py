"""Extractors of one's own, for the settings ``extractor`` (ComiRec) and ``iacn_extractor`` (the auxiliary task)."""

from __future__ import annotations

import inspect

from torch import Tensor, nn

from recbole_iacn.errors import ConfigError
from recbole_iacn.names import extractors
from recbole_iacn.nn.diversity import attention_of_couplings


def add_extractor(name: str, extractor: type[nn.Module]) -> type[nn.Module]:
    """Register an extractor of one's own under a name for settings, in this process.

    Args:
        name: its name in settings.
        extractor: a module that is made by ``extractor(embedding_size, num_interests, max_length)`` and called with
            embedded behaviours (B, L, D), histories oldest first and padded on the right, and their mask (B, L). It
            returns interests (B, K, D) and the mask of those that the user has (B, K). If its ``forward`` takes
            ``return_couplings``, it can also say which interest a behaviour belongs to (:func:`couplings_of`).

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


def couplings_of(extractor: nn.Module, behaviors: Tensor, mask: Tensor) -> Tensor:
    """How much each behaviour belongs to each interest.

    Args:
        extractor: any extractor; one that is not this package's may have one interest, or return couplings like ours
            (:mod:`recbole_iacn.nn.extractor`).
        behaviors: embedded histories, shape (B, L, D).
        mask: True where a behaviour is real, shape (B, L).

    Returns:
        Shape (B, L, K); at each real position they add up to 1 over K, and at padding they are 0.

    Raises:
        ConfigError: the extractor has several interests and does not return couplings.
    """
    if "return_couplings" in inspect.signature(extractor.forward).parameters:
        return extractor(behaviors, mask, return_couplings=True)[2]
    if extractor(behaviors, mask)[0].shape[1] == 1:
        return mask.unsqueeze(2).to(behaviors.dtype)
    raise ConfigError(
        f"extractor: {type(extractor).__name__} does not tell which interest a click belongs to; let its forward take "
        "return_couplings and return couplings (B, L, K) as a third result"
    )


def check_attention(extractor: nn.Module, what: str, otherwise: str) -> None:
    """Reject an extractor that tells neither what its interests read nor which interest a click belongs to.

    Args:
        extractor: any extractor.
        what: the setting that needs it, for the message.
        otherwise: what to set if the extractor stays as it is, for the message.

    Raises:
        ConfigError: it is one.
    """
    if not {"return_attention", "return_couplings"}.intersection(inspect.signature(extractor.forward).parameters):
        raise ConfigError(
            f"{what} needs to know which clicks an interest reads, and {type(extractor).__name__} does not tell; let "
            f"its forward take return_couplings and return couplings (B, L, K) as a third result, or {otherwise}"
        )


def with_attention(extractor: nn.Module, behaviors: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Interests, and how much each of them reads of each behaviour.

    Args:
        extractor: one that :func:`check_attention` accepts.
        behaviors: embedded histories, shape (B, L, D).
        mask: True where a behaviour is real, shape (B, L).

    Returns:
        tuple: interests (B, K, D), their mask (B, K), and attention (B, L, K), which adds up to 1 over L: an attentive
        extractor's own, otherwise :func:`recbole_iacn.nn.diversity.attention_of_couplings`.
    """
    if "return_attention" in inspect.signature(extractor.forward).parameters:
        return extractor(behaviors, mask, return_attention=True)
    interests, active, couplings = extractor(behaviors, mask, return_couplings=True)
    return interests, active, attention_of_couplings(couplings)
