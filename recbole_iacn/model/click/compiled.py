"""Compiles a model's dense layers by ``torch.compile``; look-ups and the packing of rows are not compiled."""

from __future__ import annotations

from typing import Literal

import torch
from recbole.model.layers import MLPLayers
from torch import nn

from recbole_iacn.model.click.din_attention import PackedSequenceAttention
from recbole_iacn.nn import BehaviorToInterestRouting


def compile_parts(model: nn.Module, backend: Literal[True] | str) -> None:
    """Compile deep layers, attention and routing, in place; weights keep names and values.

    The whole step would break into pieces at every look-up, whose sizes depend on the data.

    Args:
        model (torch.nn.Module): an interest-aware model.
        backend (bool or str): True for PyTorch's default (inductor, which needs a C++ compiler), or another's name.
    """
    backend = "inductor" if backend is True else backend
    for module in model.modules():
        if isinstance(module, MLPLayers | BehaviorToInterestRouting):
            module.compile(backend=backend, dynamic=True)
        elif isinstance(module, PackedSequenceAttention):
            module._scores = torch.compile(module._scores, backend=backend, dynamic=True)  # type: ignore[method-assign]
