"""A softmax over a row's own target and candidates that all rows share: a few negatives, or all items.

The scores of a batch are the largest tensor of a ranking loss: with whole histories as rows there are tens of thousands
of targets, and a catalogue may have millions of items. Here they never exist as a whole. A block of rows is scored,
becomes its own softmax in place, and leaves its part of the gradients behind, which so are ready before the backward
pass begins; nothing is computed twice. The idea is that of the fused linear cross-entropy of language models (Hsu et
al., Liger Kernel, 2024).
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

_CACHED, _ON_GPU = 1 << 19, 1 << 26  # scores of a block, on a CPU and elsewhere
_ALIGNED = 16  # numbers
_LEAST = -80.0  # shares below e^-80 have no effect, but on a CPU subnormal numbers are many times slower


def shared_softmax_loss(
    users: Tensor,
    own: Tensor,
    candidates: Tensor,
    column: Tensor,
    own_bias: Tensor | None = None,
    bias: Tensor | None = None,
    hardness: float = 0.0,
) -> Tensor:
    """``-log(exp(s+) / (exp(s+) + sum_c exp(s_c)))``, averaged over the rows, with ``s+ = v . e+`` and
    ``s_c = v . e_c``.

    With a hardness β each of a row's N candidates weighs by how much the user vector is drawn to it: the sum becomes
    ``N sum_c exp((1 + β) s_c) / sum_c exp(β s_c)``. A bias ``b = -log Q`` stands for 1 / Q items: ``sum_c exp(b_c)``
    takes the place of N, and both sums have the factor ``exp(b_c)``; β changes nothing where all scores are equal.

    With all items but the row's own target as candidates, and β = 0, this is the full softmax.

    Source: Jean et al., ACL '15, section 3 (the biases are ``-log Q``); Xie et al. (REMI), RecSys '23, section 3.2
    (hardness: interest-aware hard negatives, there without biases).

    Args:
        users (torch.Tensor): user vectors v, shape (P, D).
        own (torch.Tensor): embeddings of the rows' targets, shape (P, D).
        candidates (torch.Tensor): embeddings of the candidates, shape (C, D).
        column (torch.LongTensor): which candidate is the row's own target, and does not count; -1 for none, shape (P,).
        own_bias (torch.Tensor, optional): what is added to ``s+``, shape (P,).
        bias (torch.Tensor, optional): what is added to ``s_c``, shape (C,).
        hardness (float): β, at least 0. Defaults to 0.

    Returns:
        torch.Tensor: scalar; 0 (and differentiable) for P = 0. A row without another candidate has a loss of 0.
    """
    if not len(users):
        return (users.sum() + own.sum() + candidates.sum()) * 0.0
    exact = torch.promote_types(users.dtype, torch.float32)  # also under autocast: a thousand terms are summed
    with torch.autocast(users.device.type, enabled=False):
        users, own, candidates = (vectors.to(exact) for vectors in (users, own, candidates))
        own_scores = (users * own).sum(dim=1)
        if own_bias is not None:
            own_scores = own_scores + own_bias.to(exact)
        bias = None if bias is None else bias.to(exact)
        return _AboveCandidates.apply(users, own_scores, candidates, column, bias, hardness)


class _AboveCandidates(torch.autograd.Function):
    """Mean over the rows of ``log(exp(s+) + Z) - s+``, where Z is the sum over the candidates; s+ is given."""

    @staticmethod
    def forward(
        ctx: Any,
        users: Tensor,
        own_scores: Tensor,
        candidates: Tensor,
        column: Tensor,
        bias: Tensor | None,
        hardness: float,
    ) -> Tensor:
        of_users, of_candidates = torch.empty_like(users), torch.zeros_like(candidates)
        of_own, total = torch.empty_like(own_scores), users.new_zeros(())
        block = max((_CACHED if users.device.type == "cpu" else _ON_GPU) // max(len(candidates), 1), 1)
        transposed, room = candidates.T, _room(users, min(block, len(users)), len(candidates))
        for begin in range(0, len(users), block):
            now = slice(begin, begin + block)
            scores = room[: len(users[now])]
            torch.mm(users[now], transposed, out=scores)
            _leave_out(scores, column[now])
            loss, of_own[now], of_scores = _block(scores, own_scores[now], bias, hardness)
            total += loss
            torch.mm(of_scores, candidates, out=of_users[now])
            of_candidates.addmm_(of_scores.T, users[now])
        ctx.save_for_backward(of_users, of_own, of_candidates)
        ctx.rows = len(users)
        return total / len(users)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        scale = gradient / ctx.rows
        of_users, of_own, of_candidates = (part * scale for part in ctx.saved_tensors)
        return of_users, of_own, of_candidates, None, None, None


def _room(like: Tensor, rows: int, columns: int) -> Tensor:
    """Memory for a block of scores. Rows begin at multiples of 64 bytes, since MKL is half as fast elsewhere."""
    return like.new_empty(rows, -(-columns // _ALIGNED) * _ALIGNED)[:, :columns]


def _leave_out(scores: Tensor, column: Tensor) -> None:
    """Set each row's own column to minus infinity."""
    place = column.clamp_min(0).unsqueeze(1)
    scores.scatter_(1, place, scores.gather(1, place).masked_fill_((column >= 0).unsqueeze(1), -torch.inf))


def _block(scores: Tensor, own: Tensor, bias: Tensor | None, hardness: float) -> tuple[Tensor, Tensor, Tensor]:
    """The sum of the losses of some rows, and its gradients: of s+ (R,), and of the scores (R, C), in their place."""
    if hardness:
        others, of_others = _hard(scores, bias, hardness)
    else:
        if bias is not None:
            scores += bias
        highest = scores.amax(dim=1)
        of_others = scores.sub_(_finite(highest).unsqueeze(1)).clamp_(min=_LEAST).exp_()
        total = of_others.sum(dim=1)
        others = highest + total.log()  # one exp for the sum and its gradient, unlike torch.logsumexp
    loss = torch.nn.functional.softplus(others - own)
    wrong = torch.sigmoid(others - own)  # the share of the candidates
    return loss.sum(), -wrong, of_others.mul_((wrong if hardness else wrong / total).unsqueeze(1))


def _hard(scores: Tensor, bias: Tensor | None, hardness: float) -> tuple[Tensor, Tensor]:
    """``log(sum exp(b) * sum exp((1 + β) s + b) / sum exp(β s + b))`` of each row, and its gradient."""
    weight = scores.new_zeros(scores.shape[1]) if bias is None else bias
    number = weight.expand_as(scores).masked_fill(scores == -torch.inf, -torch.inf).logsumexp(dim=1)
    parts = [factor * scores + weight for factor in (1 + hardness, hardness)]
    sharp, soft = (part.logsumexp(dim=1) for part in parts)
    shares = [
        part.sub_(_finite(total).unsqueeze(1)).clamp_(min=_LEAST).exp_() for part, total in zip(parts, (sharp, soft))
    ]
    value = torch.where(number.isfinite(), number + sharp - soft, -torch.inf)
    return value, shares[0].mul_(1 + hardness).sub_(shares[1], alpha=hardness)


def _finite(totals: Tensor) -> Tensor:
    """0 in place of minus infinity, which a row without candidates has."""
    return totals.masked_fill(totals == -torch.inf, 0)
