"""Look-ups in tables, with gradients that a CPU accumulates fast, and lists of ids without padding.

The gradient of ``embedding`` iterates over all ids once for every part of the table; that of ``index_select`` adds each
row directly, which is 1.6 to 5 times as fast for the sizes here (``benchmarks/README.md``). On a GPU the former sums in
a fixed order, so that runs are reproducible; the latter does not.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding, embedding_bag

_ODD = 0x9E3779B97F4A7C15 - 2**64  # the golden ratio in 64 bits, as a signed number


def take(rows: Tensor, index: Tensor) -> Tensor:
    """Rows by index.

    Args:
        rows (torch.Tensor): shape (U, D).
        index (torch.LongTensor): any shape.

    Returns:
        torch.Tensor: shape (\\*index.shape, D).
    """
    if rows.is_cuda:
        return embedding(index, rows)
    return rows.index_select(0, index.flatten()).view(*index.shape, rows.shape[1])


def look_up(ids: Tensor, table: nn.Embedding) -> Tensor:
    """Rows of an embedding table, with a sparse gradient if the table has sparse gradients.

    Args:
        ids (torch.LongTensor): any shape.
        table (torch.nn.Embedding): the table.

    Returns:
        torch.Tensor: shape (\\*ids.shape, D).
    """
    return embedding(ids, table.weight, sparse=True) if table.sparse else take(table.weight, ids)


def distinct_rows(ids: Tensor) -> tuple[Tensor, Tensor]:
    """Which rows of ids differ: a batch has each history several times, once per candidate.

    Rows are compared by a number each, and then in whole; ``unique`` over rows sorts them and is many times slower.

    Args:
        ids (torch.LongTensor): shape (B, L).

    Returns:
        tuple: a row of each kind (U,), and of which kind each row is (B,): ``ids[kinds][place]`` equals ``ids``.
    """
    multipliers = torch.full((ids.shape[1],), _ODD, device=ids.device).cumprod(0)  # its powers, modulo 2^64
    kinds, place = (ids * multipliers).sum(dim=1).unique(return_inverse=True)
    rows = torch.arange(len(ids), device=ids.device)
    kinds = torch.empty_like(kinds).scatter_(0, place, rows)
    return (kinds, place) if torch.equal(ids[kinds][place], ids) else (rows, rows)


class Bags(NamedTuple):
    """Lists of ids, concatenated.

    Attributes:
        ids (torch.LongTensor): the ids of the first list, then of the second …, without padding.
        lengths (torch.LongTensor): length of each list, shape (U,).
    """

    ids: Tensor
    lengths: Tensor

    @classmethod
    def of(cls, padded: Tensor) -> "Bags":
        """From lists with 0 at padding, shape (U, C)."""
        real = padded != 0
        return cls(padded[real], real.sum(dim=1))

    def select(self, starts: Tensor, lists: Tensor) -> "Bags":
        """Some of the lists, by index; ``starts`` is where each begins in ``ids``."""
        lengths = self.lengths[lists]
        ends = lengths.cumsum(0)
        shift = torch.repeat_interleave(starts[lists] - (ends - lengths), lengths)
        return Bags(self.ids[shift + torch.arange(len(shift), device=shift.device)], lengths)

    def mean(self, rows: Tensor, sparse: bool = False) -> Tensor:
        """Mean of the rows that each list names, zeros where it is empty.

        Args:
            rows (torch.Tensor): shape (V, D).
            sparse (bool): whether the gradient of ``rows`` is sparse.

        Returns:
            torch.Tensor: shape (U, D).
        """
        if sparse or rows.is_cuda:
            return embedding_bag(self.ids, rows, self.lengths.cumsum(0) - self.lengths, mode="mean", sparse=sparse)
        return _Mean.apply(rows, self.ids, self.lengths)


class _Mean(torch.autograd.Function):
    """``embedding_bag`` with a fast gradient; PyTorch's is slow for the same reason as that of ``embedding``."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, ids: Tensor, lengths: Tensor) -> Tensor:
        ctx.save_for_backward(ids, lengths)
        ctx.count = len(rows)
        return embedding_bag(ids, rows, lengths.cumsum(0) - lengths, mode="mean")

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        ids, lengths = ctx.saved_tensors
        shares = gradient / lengths.clamp_min(1).unsqueeze(1)
        result = gradient.new_zeros(ctx.count, gradient.shape[1])
        return result.index_add_(0, ids, shares.repeat_interleave(lengths, dim=0, output_size=len(ids))), None, None


class Lists:
    """A column of lists of ids, stored without its padding, from which the lists of some items are taken.

    Args:
        padded (torch.LongTensor): 0 at padding, shape (items, C).
    """

    def __init__(self, padded: Tensor) -> None:
        self.bags = Bags.of(padded)
        self.starts = self.bags.lengths.cumsum(0) - self.bags.lengths

    def __getitem__(self, items: Tensor) -> Bags:
        return self.bags.select(self.starts, items)
