"""DIN's activation unit and its weighted sum, over pairs of a query and a key, in blocks that a cache holds.

A batch has tens of thousands of pairs, and each of PyTorch's operations on all of them reads and writes megabytes. Here
a block of pairs passes through all operations before the next one begins, forward and backward; only the activations
are kept, and what was gathered is gathered again.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from recbole_iacn.nn.lookup import take

aten = torch.ops.aten
BLOCK = 2048  # pairs


def hidden_of_pairs(
    of_query: Tensor,
    of_key: Tensor,
    query: Tensor,
    key: Tensor,
    row: Tensor,
    item: Tensor,
    of_product: Tensor,
    weight: Tensor,
    bias: Tensor,
) -> Tensor:
    """``sigmoid(W2 h + b2)`` with ``h = sigmoid(a_q + b_k + W (q * k))`` for pairs of a query q and a key k.

    Source: Zhou et al. (DIN), KDD '18, figure 2, with the first layer's weights for [q, k, q - k, q * k] put together.

    Args:
        of_query (torch.Tensor): a, what the first layer adds for each query, shape (B, W).
        of_key (torch.Tensor): b, what it adds for each key, shape (U, W).
        query (torch.Tensor): shape (B, H).
        key (torch.Tensor): shape (U, H).
        row, item (torch.LongTensor): which query and which key each pair has, shape (pairs,).
        of_product (torch.Tensor): W, the first layer's weights for q * k, shape (W, H).
        weight, bias (torch.Tensor): of the second layer, shapes (V, W) and (V,).

    Returns:
        torch.Tensor: shape (pairs, V).
    """
    parts = (of_query, of_key, query, key, of_product, weight, bias)
    if _in_blocks(query):
        return _Unit.apply(*parts, row, item)
    hidden = take(of_query, row) + take(of_key, item)
    hidden = torch.addmm(hidden, take(query, row) * take(key, item), of_product.T).sigmoid()
    return torch.nn.functional.linear(hidden, weight, bias).sigmoid()


def weighted_sum(weights: Tensor, key: Tensor, row: Tensor, item: Tensor, rows: int) -> Tensor:
    """The sum of each query's keys, weighted; zeros for a query without pairs.

    Args:
        weights (torch.Tensor): of the pairs, shape (pairs,).
        key (torch.Tensor): shape (U, H).
        row, item (torch.LongTensor): as in :func:`hidden_of_pairs`.
        rows (int): B.

    Returns:
        torch.Tensor: shape (B, H).
    """
    if _in_blocks(weights):
        return _WeightedSum.apply(weights, key, row, item, rows)
    weighted = weights.unsqueeze(1) * take(key, item)
    return weighted.new_zeros(rows, key.shape[1]).index_add(0, row, weighted)


def _in_blocks(tensor: Tensor) -> bool:
    return tensor.device.type == "cpu" and not torch.is_autocast_enabled("cpu") and not torch.compiler.is_compiling()


class _Unit(torch.autograd.Function):
    """:func:`hidden_of_pairs` in blocks, with its gradient."""

    @staticmethod
    def forward(
        ctx: Any,
        of_query: Tensor,
        of_key: Tensor,
        query: Tensor,
        key: Tensor,
        of_product: Tensor,
        weight: Tensor,
        bias: Tensor,
        row: Tensor,
        item: Tensor,
    ) -> Tensor:
        first = query.new_empty(len(row), len(of_product))
        second = query.new_empty(len(row), len(weight))
        for now in _blocks(len(row)):
            q, k, hidden = row[now], item[now], first[now]
            torch.index_select(of_query, 0, q, out=hidden)
            hidden.add_(of_key.index_select(0, k))
            product = query.index_select(0, q).mul_(key.index_select(0, k))
            hidden.addmm_(product, of_product.T).sigmoid_()
            torch.addmm(bias, hidden, weight.T, out=second[now]).sigmoid_()
        ctx.save_for_backward(of_query, of_key, query, key, of_product, weight, bias, row, item, first, second)
        return second

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        *parts, row, item, first, second = ctx.saved_tensors
        _, _, query, key, of_product, weight, _ = parts
        gradients = tuple(torch.zeros_like(part) for part in parts)
        to_of_query, to_of_key, to_query, to_key, to_of_product, to_weight, to_bias = gradients
        for now in _blocks(len(row)):
            q, k, hidden = row[now], item[now], first[now]
            outer = aten.sigmoid_backward(gradient[now], second[now])
            to_weight.addmm_(outer.T, hidden)
            to_bias += outer.sum(dim=0)
            inner = outer @ weight
            aten.sigmoid_backward.grad_input(inner, hidden, grad_input=inner)
            to_of_query.index_add_(0, q, inner)
            to_of_key.index_add_(0, k, inner)
            its_query, its_key = query.index_select(0, q), key.index_select(0, k)
            to_of_product.addmm_(inner.T, its_query * its_key)
            of_pair = inner @ of_product
            to_query.index_add_(0, q, its_key.mul_(of_pair))
            to_key.index_add_(0, k, its_query.mul_(of_pair))
        return *gradients, None, None


class _WeightedSum(torch.autograd.Function):
    """:func:`weighted_sum` in blocks, with its gradient."""

    @staticmethod
    def forward(ctx: Any, weights: Tensor, key: Tensor, row: Tensor, item: Tensor, rows: int) -> Tensor:
        total = key.new_zeros(rows, key.shape[1])
        for now in _blocks(len(row)):
            total.index_add_(0, row[now], key.index_select(0, item[now]).mul_(weights[now].unsqueeze(1)))
        ctx.save_for_backward(weights, key, row, item)
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        weights, key, row, item = ctx.saved_tensors
        to_weights, to_key = torch.empty_like(weights), torch.zeros_like(key)
        for now in _blocks(len(row)):
            of_row = gradient.index_select(0, row[now])
            torch.sum(key.index_select(0, item[now]).mul_(of_row), dim=1, out=to_weights[now])
            to_key.index_add_(0, item[now], of_row.mul_(weights[now].unsqueeze(1)))
        return to_weights, to_key, None, None, None


def _blocks(pairs: int) -> list[slice]:
    return [slice(begin, min(begin + BLOCK, pairs)) for begin in range(0, pairs, BLOCK)]
