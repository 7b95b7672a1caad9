"""Mixing the gradients of two tasks that share one embedding."""

from typing import Any

import torch
from torch import Tensor


class _ScaledGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tensor: Tensor, weight: float | Tensor) -> Tensor:
        ctx.weight = weight
        return tensor.view_as(tensor)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient * ctx.weight, None


def mix_gradient(tensor: Tensor, weight: float | Tensor) -> Tensor:
    """Return ``tensor`` unchanged in value, with its gradient multiplied by ``weight``.

    Two tasks that read one embedding E through ``mix_gradient(E, delta)`` (the main model) and
    ``mix_gradient(E, 1 - delta)`` (the auxiliary network) give E, in a single backward pass of
    ``L_main + lambda * L_aux``, the gradient ``(1 - delta) * g_aux + delta * g_main`` (Jaiswal & Xiong,
    RecSys '23, equation 3). It is one ordinary backward pass, so gradient clipping, mixed precision and
    data-parallel training work unchanged.

    Args:
        tensor (torch.Tensor): any shape.
        weight (float or torch.Tensor): in [0, 1]; 1 leaves the gradient unchanged, 0 stops it. A tensor, which
            must broadcast to ``tensor``, gives each part its own weight.

    Returns:
        torch.Tensor: same values, same shape.

    Raises:
        ValueError: if ``weight`` is a number outside [0, 1].
    """
    if isinstance(weight, torch.Tensor):
        return _ScaledGradient.apply(tensor, weight)
    if not 0.0 <= weight <= 1.0:
        raise ValueError(f"weight must lie in [0, 1], got {weight}")
    if weight == 1.0:
        return tensor
    return tensor.detach() if weight == 0.0 else _ScaledGradient.apply(tensor, weight)
