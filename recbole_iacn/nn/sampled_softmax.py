"""Sampled softmax over the batch's own targets and a few uniform negatives."""

import torch
from torch import Tensor

from recbole_iacn.nn.lookup import take
from recbole_iacn.nn.shared_softmax import shared_softmax_loss


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
        candidates (torch.Tensor): embedded items, the first P of them the rows' targets, shape (C, D), C >= P; the
            same vector wherever the same id stands.
        candidate_ids (torch.LongTensor): their ids, shape (C,).
        log_q (torch.Tensor): see :func:`expected_log_count`, shape (C,).

    Returns:
        torch.Tensor: scalar; 0 (and differentiable) for P = 0.
    """
    rows = len(users)
    distinct, place, counts = candidate_ids.unique(return_inverse=True, return_counts=True)
    first = torch.empty_like(distinct).scatter_(0, place, torch.arange(len(place), device=place.device))
    # An item that is n of the candidates is one, with n times its share: fewer scores, and one column to leave out.
    bias = counts.to(log_q.dtype).log() - log_q[first]
    return shared_softmax_loss(users, candidates[:rows], take(candidates, first), place[:rows], -log_q[:rows], bias)
