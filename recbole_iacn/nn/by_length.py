"""Short and long histories apart: a batch is padded to its longest history, and most are short."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

_A_CALL = 512  # positions that take about as long as one more call
_WORTH = 0.75  # of the positions: the rest must be saved, or rows are copied for too little


def extract_by_length(
    extractor: nn.Module, call: Callable[..., tuple[Tensor, ...]], behaviors: Tensor, mask: Tensor
) -> tuple[Tensor, ...]:
    """Call an extractor on short and long histories apart, on a CPU, where the work grows with the positions.

    Without dropout it is equal to one call on all of them but for the order in which floating-point numbers are added;
    dropout draws other numbers. An extractor whose ``by_row`` is not True, because a row may depend on the others of
    the batch, is called once.

    Args:
        extractor (torch.nn.Module): says with ``by_row`` whether its rows may be apart.
        call (Callable): from behaviours and mask to tensors whose first dimension is that of the rows, of which the
            third, if there is one, has the positions as its second dimension.
        behaviors (torch.Tensor): embedded histories, padded on the right, shape (B, L, D).
        mask (torch.BoolTensor): True where a behaviour is real, shape (B, L).

    Returns:
        tuple: what ``call`` returns; 0 at the padding of a third tensor.
    """
    groups = groups_by_length(mask) if getattr(extractor, "by_row", False) and behaviors.device.type == "cpu" else []
    if len(groups) < 2:
        return call(behaviors, mask)
    crops = _Crops.apply(behaviors, groups)
    parts = [call(crop, mask[rows, :length]) for crop, (rows, length) in zip(crops, groups)]
    place = torch.cat([rows for rows, _ in groups]).argsort()
    heads, *tails = zip(*(part[:2] for part in parts)), *zip(*(part[2:] for part in parts))
    padded = [[nn.functional.pad(one, (0, 0, 0, mask.shape[1] - one.shape[1])) for one in tail] for tail in tails]
    return tuple(torch.cat(list(some)).index_select(0, place) for some in (*heads, *padded))


def groups_by_length(mask: Tensor) -> list[tuple[Tensor, int]]:
    """Rows by the length of their histories: those longer than a half, a quarter, and so on, of the longest one.

    A group that would save less padding than its call costs stays with the next longer ones; and all are one group if
    together they would not save a quarter of the positions.

    Args:
        mask (torch.BoolTensor): True where a behaviour is real, padded on the right, shape (B, L).

    Returns:
        list of tuple: row numbers (torch.LongTensor), and a length that none of them exceeds.
    """
    lengths, order = mask.sum(dim=1).sort(descending=True, stable=True)
    counted = lengths.tolist()
    shorter, begun, groups = max(counted, default=0) // 2, 0, []
    while shorter:
        end = int((lengths > shorter).sum())
        if end < len(counted) and (len(counted) - end) * (counted[begun] - counted[end]) >= _A_CALL:
            groups.append((order[begun:end], counted[begun]))
            begun = end
        shorter //= 2
    groups.append((order[begun:], max(counted[begun:], default=0)))
    computed = sum(len(rows) * length for rows, length in groups)
    return groups if computed <= _WORTH * mask.numel() else [(order, mask.shape[1])]


class _Crops(torch.autograd.Function):
    """``behaviors[rows, :length]`` for each group; slices would each have a gradient of the whole batch's size."""

    @staticmethod
    def forward(ctx: Any, behaviors: Tensor, groups: list[tuple[Tensor, int]]) -> tuple[Tensor, ...]:
        ctx.groups, ctx.shape = groups, behaviors.shape
        return tuple(behaviors[:, :length].index_select(0, rows) for rows, length in groups)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        whole = gradients[0].new_zeros(ctx.shape)
        for (rows, length), gradient in zip(ctx.groups, gradients):
            whole[:, :length].index_copy_(0, rows, gradient)
        return whole, None
