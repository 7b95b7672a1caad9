"""Bayesian personalised ranking against many negatives that the rows share."""

import torch
from torch import Tensor
from torch.nn.functional import softplus


def bpr_loss(users: Tensor, candidates: Tensor, candidate_ids: Tensor, drawn: int = 0) -> Tensor:
    """``-log sigmoid(v . e+ - v . e-)``, averaged over a row's negatives, then over the rows.

    The negatives of a row are the drawn items, or with none drawn the other rows' targets; those with the id of the
    row's own target are masked. A row without any has a loss of 0. Nothing is corrected by the candidates' sampling
    probabilities: with the other rows' targets, frequent items are negatives more often.

    Source: Rendle et al., UAI '09, with the negatives of a batch as in Hidasi and Karatzoglou, CIKM '18.

    Args:
        users (torch.Tensor): user vectors, shape (P, D).
        candidates (torch.Tensor): embedded items, the first P of them the rows' targets, the last ``drawn`` of them
            drawn, shape (C, D), C >= P + drawn.
        candidate_ids (torch.LongTensor): their ids, shape (C,).
        drawn (int): how many were drawn. Defaults to 0: the negatives are the other rows' targets.

    Returns:
        torch.Tensor: scalar; 0 (and differentiable) for P = 0.
    """
    rows = len(users)
    if rows == 0:
        return (users.sum() + candidates.sum()) * 0.0
    exact = torch.promote_types(users.dtype, torch.float32)  # also under autocast: a thousand terms are summed
    with torch.autocast(users.device.type, enabled=False):
        users, candidates = users.to(exact), candidates.to(exact)
        first = len(candidates) - drawn if drawn else 0
        own = (users * candidates[:rows]).sum(dim=1, keepdim=True)
        gaps = own - users @ candidates[first:].T
        other = candidate_ids[:rows].unsqueeze(1) != candidate_ids[first:]
        losses = softplus(-gaps).masked_fill(~other, 0)
        return (losses.sum(dim=1) / other.sum(dim=1).clamp_min(1)).mean()
