"""Numbers too small for full precision count as zero while a model trains.

Adam's coupled weight decay shrinks a weight that nothing else moves by a constant factor per step, until it is below
1.2e-38: a denormal number, which a processor computes with in microcode. A product of such matrices takes over a
hundred times as long. In TiMiRec's second stage on MovieLens most of an epoch was spent so, once the weights of its GRU
had come there.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch


@contextlib.contextmanager
def denormals_as_zero() -> Iterator[None]:
    """Let this thread take denormal numbers for zero, and give zero for them, until the block ends.

    It concerns the CPU alone, and there the calling thread and those that it starts: of a pool of threads that has
    computed before, the others keep their way. Where a processor cannot, nothing changes.
    """
    before = _are_zero()
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)


def _are_zero() -> bool:
    """Whether they count as zero now; PyTorch can set that, and not tell."""
    return not (torch.full((1,), 2.0**-140, dtype=torch.float32) * 1.0).item()
