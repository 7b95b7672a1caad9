"""The layers that the fast path of training packs, on padded rows: no size depends on a value, no gradient is needed.

Shapes: B rows, L places of a history, N candidates, H the width of an item.
"""

from __future__ import annotations

import copy
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding, linear
from torch.overrides import TorchFunctionMode

from recbole_iacn.nn.transformer import RealPositions

Model = TypeVar("Model", bound=nn.Module)


def shared_copy(model: Model) -> Model:
    """A copy of a model whose parts can be changed, with the same weights and columns of items and users.

    Args:
        model: it stays as it is.
    """
    shared = {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())}
    for module in model.modules():
        for table in ("item_feat", "user_feat"):
            columns = getattr(getattr(module, table, None), "interaction", {})
            shared.update((id(tensor), tensor) for tensor in columns.values())
    return copy.deepcopy(model, shared).eval()


def mean_of_real(vectors: Tensor, real: Tensor) -> Tensor:
    """Mean over the real places.

    Args:
        vectors: shape (…, C, D).
        real: True where a place is real, shape (…, C).

    Returns:
        Shape (…, D); zeros where no place is real.
    """
    weights = real.to(vectors.dtype).unsqueeze(-1)
    return (vectors * weights).sum(dim=-2) / weights.sum(dim=-2).clamp_min(1)


def mean_of_ids(ids: Tensor, table: nn.Embedding) -> Tensor:
    """Mean vector of lists of ids.

    Args:
        ids: 0 at padding, shape (…, C).
        table: where they are embedded.

    Returns:
        Shape (…, D); zeros where a list is empty.
    """
    return mean_of_real(embedding(ids, table.weight), ids != 0)


def constant(table: Tensor) -> nn.Parameter:
    """A table that a graph has, computed once."""
    return nn.Parameter(table.detach().contiguous(), requires_grad=False)


def attention(layer: Any, queries: Tensor, keys: Tensor, real: Tensor) -> Tensor:
    """The weights of DIN's and DIEN's attention, of all candidates of a row at once.

    Args:
        layer (PackedSequenceAttention): its weights, and whether they add up to 1.
        queries: shape (B, N, H).
        keys: shape (B, L, H).
        real: shape (B, L).

    Returns:
        Shape (B, N, L); 0 at padding.
    """
    first, rest, of_query, of_key, of_product = layer.split(keys.shape[-1])
    queries, keys, real = queries.unsqueeze(2), keys.unsqueeze(1), real.unsqueeze(1)
    hidden = linear(queries, of_query, first.bias) + linear(keys, of_key) + linear(queries * keys, of_product)
    for one in rest:
        hidden = one(hidden)
    scores = layer.dense(hidden).squeeze(-1) / keys.shape[-1] ** 0.5
    if layer.softmax_stag:
        scores = scores.masked_fill(~real, torch.finfo(scores.dtype).min).softmax(dim=-1)
    return scores * real


def recur(x: Tensor, weight: Tensor, bias: Tensor, offset: Tensor, factor: Tensor) -> Tensor:
    """The recurrence of :func:`recbole_iacn.nn.recurrence.recur`, as a loop that a graph can have (ONNX's Scan).

    At padding the offset and the factor are 0, so that a state stays what it was: the last one is that of the last real
    place, and zeros where there is none.

    Args:
        x: projected inputs, shape (B, N, L, 3H), gates in the order r, u, n; N may be 1 where all candidates share it.
        weight, bias: of the state's projection, (3H, H) and (3H,).
        offset, factor: of the share ``u = offset + factor * sigmoid(x_u + h_u)``, shape (B, N, L, 1).

    Returns:
        The state after each place, (B, N, L, H).
    """
    from torch._higher_order_ops.scan import scan

    def step(state, now):
        x, offset, factor = now
        x_r, x_u, x_n = x.chunk(3, dim=-1)
        h_r, h_u, h_n = linear(state, weight, bias).chunk(3, dim=-1)
        candidate = torch.tanh(x_n + torch.sigmoid(x_r + h_r) * h_n)
        state = state + (offset + factor * torch.sigmoid(x_u + h_u)) * (candidate - state)
        return state, state.clone()

    by_time = tuple(part.movedim(2, 0).contiguous() for part in (x, offset, factor))
    start = x.new_zeros(*offset.shape[:2], weight.shape[1])
    return scan(step, start, by_time)[1].movedim(0, 2)


def gru_states(gru: nn.GRU, inputs: Tensor, real: Tensor) -> Tensor:
    """The states of PyTorch's GRU at all places.

    Args:
        gru: one layer.
        inputs: shape (B, N, L, H).
        real: shape (B, L).

    Returns:
        Shape (B, N, L, H); at padding the state before it.
    """
    of_input, of_state, input_bias, state_bias = gru.all_weights[0]
    share = real[:, None, :, None].to(inputs.dtype).expand(-1, inputs.shape[1], -1, -1)
    return recur(linear(inputs, of_input, input_bias), of_state, state_bias, share, -share)


class KeepsRows(TorchFunctionMode):
    """While active, ``squeeze`` leaves an axis whose size is not known, as PyTorch does unless the size is 1.

    RecBole's models squeeze a last axis that some of them do not have; ONNX would reject all rows but one.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Call ``func``, unless it is such a ``squeeze``."""
        of_axis = func in (torch.squeeze, torch.Tensor.squeeze) and len(args) > 1 and isinstance(args[1], int)
        if of_axis and isinstance(args[0].shape[args[1]], torch.SymInt):
            return args[0]
        return func(*args, **(kwargs or {}))


class EveryPosition(RealPositions):
    """In place of :class:`RealPositions`: all positions, and zeros at padding.

    Args:
        mask: True where a position is real, shape (B, L).
    """

    def __init__(self, mask: Tensor) -> None:
        self.shape, self.mask = mask.shape, mask
        self.place = torch.arange(mask.shape[0] * mask.shape[1], device=mask.device)

    def pack(self, padded: Tensor) -> Tensor:
        """(B, L, D) to (B * L, D)."""
        return padded.flatten(0, 1)

    def pad(self, packed: Tensor) -> Tensor:
        """(B * L, D) to (B, L, D), zero at padding."""
        return packed.unflatten(0, self.shape) * self.mask.unsqueeze(2)
