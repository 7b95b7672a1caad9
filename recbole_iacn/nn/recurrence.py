"""Gated recurrences over histories of different lengths, without their padding."""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.utils.rnn import PackedSequence

from recbole_iacn.nn.lookup import distinct_rows, take

aten = torch.ops.aten


class TimeMajor:
    """The real positions of a padded batch in order of time: all first steps, then all second ones, …, the rows with
    the longest histories first, so that the rows that continue are always the first ones.

    PyTorch's PackedSequence has the same order, but its backward pass fills a whole tensor with zeros at every step,
    and it takes no row of length 0.

    Args:
        lengths (torch.LongTensor): real positions of each row, shape (B,).
        steps (int): T, the padded length.

    Attributes:
        place (torch.LongTensor): where each position is in the flattened padded batch, shape (positions,).
        sizes (list of int): rows that take part in each step, not increasing; empty if no row has a position.
    """

    def __init__(self, lengths: Tensor, steps: int) -> None:
        order = lengths.argsort(descending=True, stable=True)
        real = torch.arange(steps, device=lengths.device).unsqueeze(1) < lengths[order]
        step, rank = real.nonzero(as_tuple=True)
        self.place = order[rank] * steps + step
        sizes = real.sum(dim=1)
        self.sizes = [size for size in sizes.tolist() if size]
        self.lengths, self.shape = lengths, (len(lengths), steps)
        self._rows = order[: sum(self.sizes[:1])]  # those with a position
        self._last = (sizes.cumsum(0) - sizes)[lengths[self._rows] - 1] + torch.arange(
            len(self._rows), device=order.device
        )

    def final(self, packed: Tensor) -> Tensor:
        """What is at each row's last position: (positions, H) to (B, H), zeros for a row without one."""
        nothing = packed.new_zeros(len(self.lengths), packed.shape[1])
        return nothing.index_copy(0, self._rows, take(packed, self._last))

    def pack(self, padded: Tensor) -> Tensor:
        """(B, T, …) to (positions, …)."""
        return take(padded.flatten(0, 1), self.place)

    def pad(self, packed: Tensor) -> Tensor:
        """(positions, H) to (B, T, H), zero at padding."""
        rows, steps = self.shape
        flat = packed.new_zeros(rows * steps, packed.shape[1])
        return flat.index_copy(0, self.place, packed).view(rows, steps, -1)

    def numbers(self) -> Tensor:
        """The number of each position in this order: (B, T), -1 at padding."""
        places = self.place.new_full((self.shape[0] * self.shape[1],), -1)
        return places.index_copy(0, self.place, torch.arange(len(self.place), device=places.device)).view(self.shape)

    def of(self, values: Tensor) -> Tensor:
        """One value per position: (B, T) to (positions,)."""
        return values.flatten()[self.place]


class Once(NamedTuple):
    """The histories of a batch, each once: a training batch has a click's history for the click and again for each of
    its negatives, an evaluation for each candidate, and what depends on nothing else is the same for all of them.

    Attributes:
        row (torch.LongTensor): a row of each history, shape (U,).
        positions (TimeMajor): of these rows.
        batch (TimeMajor): of all rows.
        number (torch.LongTensor, optional): which of the former each of the latter's positions is, time-major, shape
            (positions of the batch,); None where all rows are taken.
    """

    row: Tensor
    positions: TimeMajor
    batch: TimeMajor
    number: Tensor | None

    @classmethod
    def of(cls, history: Tensor, batch: TimeMajor) -> Once:
        """Find them; where that does not save a quarter of the rows, all are taken.

        Args:
            history (torch.LongTensor): items, with the same one at padding, shape (B, T).
            batch (TimeMajor): the real positions.
        """
        row, place = distinct_rows(history)
        if 4 * len(row) > 3 * len(history):
            return cls.all_of(batch)
        few = TimeMajor(batch.lengths[row], history.shape[1])
        return cls(row, few, batch, batch.of(few.numbers()[place]))

    @classmethod
    def all_of(cls, batch: TimeMajor) -> Once:
        """All rows, whether they differ or not."""
        return cls(torch.arange(len(batch.lengths), device=batch.lengths.device), batch, batch, None)

    def spread(self, values: Tensor) -> Tensor:
        """From these positions to those of the batch, (…, H)."""
        return values if self.number is None else take(values, self.number)


def recur(
    x: Tensor, sizes: list[int], weight: Tensor, bias: Tensor, offset: Tensor | float, factor: Tensor | float
) -> Tensor:
    """Run a gated recurrence: ``h <- h + u * (n - h)`` with the candidate ``n = tanh(x_n + r * h_n)``, the reset gate
    ``r = sigmoid(x_r + h_r)`` and the share ``u = offset + factor * sigmoid(x_u + h_u)``, where ``h_r, h_u, h_n`` is
    the projected state.

    GRU: offset 1, factor -1; AUGRU: 0 and the attention; AGRU: the attention and 0.

    Args:
        x (torch.Tensor): the projected inputs, time-major, shape (positions, 3H), gates in the order r, u, n.
        sizes (list of int): rows that take part in each step, not increasing.
        weight, bias (torch.Tensor): of the state's projection, (3H, H) and (3H,).
        offset, factor (torch.Tensor or float): shape (positions, 1), or a number for all positions.

    Returns:
        torch.Tensor: the state after each position, time-major, shape (positions, H).
    """
    with torch.autocast(x.device.type, enabled=False):  # rounding errors would accumulate over the steps
        parts = (part.to(weight.dtype) if torch.is_tensor(part) else part for part in (x, weight, bias, offset, factor))
        return _Recurrence.apply(*parts, sizes)


def run_gru(gru: nn.GRU, x: Tensor, sizes: list[int]) -> Tensor:
    """A GRU by PyTorch's own operation: on a GPU all steps are one, where :func:`recur` starts many at each.

    Args:
        gru (torch.nn.GRU): of one layer and direction.
        x (torch.Tensor): the inputs, time-major, shape (positions, D).
        sizes (list of int): rows that take part in each step, not increasing, at least one.

    Returns:
        torch.Tensor: the state after each position, time-major, shape (positions, H).
    """
    with torch.autocast(x.device.type, enabled=False):
        packed = PackedSequence(x.to(next(gru.parameters()).dtype), torch.tensor(sizes))
        return cast(Tensor, gru(packed)[0].data)


def _share(gate: Tensor, offset: Tensor | float, factor: Tensor | float) -> Tensor:
    """``offset + factor * gate``; ``addcmul`` is several times slower where its parts have different strides."""
    share = gate * factor
    return share if isinstance(offset, float) and not offset else share.add_(offset)


def _at(part: Tensor | float, now: slice) -> Tensor | float:
    return part[now] if isinstance(part, Tensor) else part


class _Recurrence(torch.autograd.Function):
    """The recurrence, with everything that does not depend on the previous step moved out of the loop; its gradient.

    The rows of a step fit into a processor's cache, so what follows from them is computed immediately and in place,
    never as a tensor of all positions. PyTorch's own gradient concatenates the gates' gradients twice at every step;
    here they are written where they belong, and the gradient of the weights is one product after the loop.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        offset: Tensor | float,
        factor: Tensor | float,
        sizes: list[int],
    ) -> Tensor:
        width = weight.shape[1]
        projected, candidates = torch.empty_like(x), x.new_empty(len(x), width)
        before, states = torch.empty_like(candidates), torch.empty_like(candidates)
        hidden, begin = x.new_zeros(sum(sizes[:1]), width), 0
        for rows in sizes:
            now, begin = slice(begin, begin + rows), begin + rows
            h = before[now].copy_(hidden[:rows])
            p = torch.addmm(bias, h, weight.T, out=projected[now])
            gates = p[:, : 2 * width].add_(x[now, : 2 * width]).sigmoid_()
            torch.mul(gates[:, :width], p[:, 2 * width :], out=candidates[now]).add_(x[now, 2 * width :]).tanh_()
            share = _share(gates[:, width:], _at(offset, now), _at(factor, now))
            hidden = torch.lerp(h, candidates[now], share, out=states[now])
        tensors = (part if isinstance(part, Tensor) else None for part in (offset, factor))
        ctx.save_for_backward(weight, projected, candidates, before, *tensors)
        ctx.sizes, ctx.given = sizes, [None if isinstance(part, Tensor) else part for part in (offset, factor)]
        return states

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        weight, projected, candidates, before, *tensors = ctx.saved_tensors
        offset, factor = (tensor if number is None else number for tensor, number in zip(tensors, ctx.given))
        width = weight.shape[1]
        # Of h_n, r, u, x_n: the first three are the projected state's, the last three the projected input's.
        gates_gradient = gradient.new_empty(len(gradient), 4 * width)
        of_offset, of_factor = (
            torch.empty_like(part) if needed else None
            for part, needed in zip((offset, factor), ctx.needs_input_grad[3:5])
        )
        n_first = weight.roll(width, dims=0)
        begin, carried = len(gradient), gradient[:0]
        for rows in reversed(ctx.sizes):
            now, begin = slice(begin - rows, begin), begin - rows
            d = gradient[now].clone()
            d[: len(carried)] += carried
            reset, gate, h_n = projected[now].chunk(3, dim=1)
            of_h_n, of_reset, of_gate, of_x_n = gates_gradient[now].chunk(4, dim=1)
            of_candidate = _share(gate, _at(offset, now), _at(factor, now)).mul_(d)
            aten.tanh_backward.grad_input(of_candidate, candidates[now], grad_input=of_x_n)
            torch.mul(of_x_n, reset, out=of_h_n)
            aten.sigmoid_backward.grad_input(of_x_n * h_n, reset, grad_input=of_reset)
            of_share = (candidates[now] - before[now]).mul_(d)
            if of_offset is not None:
                torch.sum(of_share, dim=1, keepdim=True, out=of_offset[now])
            if of_factor is not None:
                torch.sum(of_share * gate, dim=1, keepdim=True, out=of_factor[now])
            aten.sigmoid_backward.grad_input(of_share.mul_(_at(factor, now)), gate, grad_input=of_gate)
            carried = torch.addmm(d.sub_(of_candidate), gates_gradient[now, : 3 * width], n_first)
        of_state = gates_gradient[:, : 3 * width]
        of_weight, of_bias = (of_state.T @ before).roll(-width, dims=0), of_state.sum(dim=0).roll(-width)
        return gates_gradient[:, width:], of_weight, of_bias, of_offset, of_factor, None
