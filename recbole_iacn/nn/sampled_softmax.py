"""Sampled softmax over the batch's own targets and a few uniform negatives."""

from typing import Any

import torch
from torch import Tensor


def expected_log_count(frequency: Tensor, ids: Tensor, num_targets: int, num_negatives: int = 0) -> Tensor:
    """Log of the expected number of times that an item is among the candidates of one batch.

    Candidates are the batch's P targets, drawn by the items' frequency, and N items drawn uniformly:
    ``log Q_c = log(P * f_c / sum(f) + N / items)``. Row 0 is padding and takes no part.

    Args:
        frequency (torch.Tensor): number of times that each item is a target in the training data, shape (items + 1,).
        ids (torch.LongTensor): the requested items, any shape: a batch needs only those of its candidates, and there
            may be millions of items.
        num_targets (int): P.
        num_negatives (int): N.

    Returns:
        torch.Tensor: ``ids``' shape; ``-inf`` where an item cannot be drawn.
    """
    share = frequency[ids] / frequency[1:].sum().clamp_min(1)
    counts = num_targets * share + num_negatives / max(len(frequency) - 1, 1)
    return counts.masked_fill(ids == 0, 0).log()


def sampled_softmax_loss(users: Tensor, candidates: Tensor, candidate_ids: Tensor, log_q: Tensor) -> Tensor:
    """``-log P(e_t | i_u)`` over sampled candidates, averaged over the rows.

    All rows share the candidates: their own targets, and what follows these (targets of other processes, uniform
    negatives). Each score is corrected by the candidate's sampling probability, ``v^T e_c - log Q_c``, so that frequent
    items are not penalised for appearing in many batches (Yi et al., RecSys '19); further candidates with the id of the
    row's own target are masked.

    Args:
        users (torch.Tensor): user vectors ``i_u``, shape (P, D).
        candidates (torch.Tensor): embedded items, the first P of them the rows' targets, shape (C, D), C >= P.
        candidate_ids (torch.LongTensor): their ids, shape (C,).
        log_q (torch.Tensor): see :func:`expected_log_count`, shape (C,).

    Returns:
        torch.Tensor: scalar; 0 (and differentiable) for P = 0.
    """
    if len(users) == 0:
        return (users.sum() + candidates.sum()) * 0.0
    duplicate = candidate_ids[: len(users)].unsqueeze(1) == candidate_ids
    duplicate.fill_diagonal_(False)
    exact = torch.promote_types(users.dtype, torch.float32)  # also under autocast: a thousand terms are summed
    with torch.autocast(users.device.type, enabled=False):
        return _OwnCandidate.apply(users.to(exact), candidates.to(exact), -log_q.to(exact), duplicate)


class _OwnCandidate(torch.autograd.Function):
    """Mean over the rows of ``-log softmax(users @ candidates.T + bias)`` at candidate i of row i.

    The matrix of scores is the largest tensor of the task. It becomes its own softmax in place, and the backward pass
    is two products; composed of PyTorch's functions, it would keep three such matrices.
    """

    @staticmethod
    def forward(ctx: Any, users: Tensor, candidates: Tensor, bias: Tensor, masked: Tensor) -> Tensor:
        scores = torch.addmm(bias, users, candidates.T).masked_fill_(masked, -torch.inf)
        own = scores.diagonal().clone()
        top = scores.amax(dim=1, keepdim=True)
        # Shares below e^-80 have no effect, but on a CPU subnormal numbers are many times slower.
        shares = scores.sub_(top).clamp_(min=-80).exp_()
        total = shares.sum(dim=1, keepdim=True)
        ctx.save_for_backward(users, candidates, shares.div_(total))
        return ((total.log() + top).squeeze(1) - own).mean()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None, None]:
        users, candidates, shares = ctx.saved_tensors
        scale = gradient / len(users)
        of_users = shares @ candidates - candidates[: len(users)]
        of_candidates = shares.T @ users
        of_candidates[: len(users)] -= users
        return of_users * scale, of_candidates * scale, None, None
