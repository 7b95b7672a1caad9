"""How far apart are a user's interests, and how many of them count?"""

import torch
from torch import Tensor

_SHORTEST = 1e-6  # vectors below this length have no direction


def pair_cosine(interests: Tensor, active: Tensor) -> Tensor:
    """The mean cosine of two of a user's interests.

    Args:
        interests (torch.Tensor): V, shape (B, K, D).
        active (torch.BoolTensor): True for the user's own interests, shape (B, K).

    Returns:
        torch.Tensor: in [-1, 1], 0 for a user with fewer than two interests; shape (B,).
    """
    lengths = torch.linalg.vector_norm(interests, dim=2, keepdim=True).clamp_min(_SHORTEST)
    units = interests / lengths * active.unsqueeze(2)
    count = active.sum(dim=1)
    # The cosines of all pairs add up to |sum of the units|^2, less those of an interest with itself.
    pairs = units.sum(dim=1).square().sum(dim=1) - units.square().sum(dim=(1, 2))
    return pairs / (count * (count - 1)).clamp_min(1)


def effective_number(couplings: Tensor, mask: Tensor) -> Tensor:
    """The effective number of a user's interests: ``exp(H(s))`` of their shares s of the history.

    Source: Hill, Ecology 54 (1973): the diversity of order 1.

    Args:
        couplings (torch.Tensor): how much each behaviour belongs to each interest, shape (B, L, K); they add up to 1
            over K at each real position, and are 0 at padding.
        mask (torch.BoolTensor): True where a behaviour is real, shape (B, L).

    Returns:
        torch.Tensor: from 1 to K, shape (B,); 1 for an empty history.
    """
    shares = couplings.sum(dim=1) / mask.sum(dim=1, keepdim=True).clamp_min(1)
    return (-torch.xlogy(shares, shares).sum(dim=1)).exp()
