"""Penalties on interests that are not what they should be, as terms of a loss: each reads a single behaviour, or all
point the same way."""

from torch import Tensor

from recbole_iacn.nn.spread import pair_cosine

_LEAST = 1e-12  # of the sum of an interest's couplings

PENALTIES = ("routing", "cosine")


def attention_of_couplings(couplings: Tensor) -> Tensor:
    """How much each interest reads of each behaviour, from how much a behaviour belongs to each interest.

    Args:
        couplings (torch.Tensor): shape (B, L, K).

    Returns:
        torch.Tensor: each interest's couplings divided by their sum, shape (B, L, K); zeros for an interest without.
    """
    return couplings / couplings.sum(dim=1, keepdim=True).clamp_min(_LEAST)


def routing_penalty(attention: Tensor, active: Tensor, mask: Tensor) -> Tensor:
    """``|diag(Cov(A))|^2``, averaged over the rows: how far each interest is from reading all behaviours alike.

    With ``A'`` the attention less its mean over the user's behaviours it is ``sum_k (sum_l A'_lk^2)^2``: 0 where each
    interest is the mean behaviour, ``K (1 - 1 / |history|)^2`` where each reads a single one, which is called routing
    collapse.

    Source: Xie et al. (REMI), RecSys '23, section 3.3. The published code sums over the batch, divides by the square of
    the embedding size, and also counts padding in the mean; here the mean over rows keeps the weight's meaning.

    Args:
        attention (torch.Tensor): A, shape (B, L, K); adds up to 1 over L, and is 0 at padding.
        active (torch.BoolTensor): True for the user's own interests, shape (B, K).
        mask (torch.BoolTensor): True where a behaviour is real, shape (B, L).

    Returns:
        torch.Tensor: scalar, at least 0.
    """
    real = mask.unsqueeze(2).to(attention.dtype)
    length = real.sum(dim=1, keepdim=True).clamp_min(1)
    apart = (attention - attention.sum(dim=1, keepdim=True) / length) * real
    return (apart.square().sum(dim=1) * active).square().sum(dim=1).mean()


def cosine_penalty(interests: Tensor, active: Tensor) -> Tensor:
    """The mean cosine of two of a user's interests, averaged over the rows; 0 for a user with fewer than two.

    Source: Li et al. (multi-head attention with disagreement regularization), EMNLP '18, equation 8 (disagreement on
    outputs), without an interest's cosine with itself, which is constant.

    Args:
        interests (torch.Tensor): V, shape (B, K, D).
        active (torch.BoolTensor): True for the user's own interests, shape (B, K).

    Returns:
        torch.Tensor: scalar in [-1, 1].
    """
    return pair_cosine(interests, active).mean()
