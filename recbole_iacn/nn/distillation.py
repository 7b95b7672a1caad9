"""The target interest, which is the one that the next item belongs to, and its prediction."""

import math

import torch
from torch import Tensor, nn


class InterestForesight(nn.Module):
    """Predicts the next interest from a state of the user, equivariant to the order of the interests.

    Capsules that start from random logits have no fixed order, so that a linear map from the state to K outputs could
    learn nothing. Here ``z_k = s^T M sg(V_k) / sqrt(D)``, where sg stops the gradient: permuted interests have permuted
    logits.

    Args:
        state_size (int): width of s.
        embedding_size (int): D.
        map_scale (float): scale of the initial M. Defaults to 1.
    """

    def __init__(self, state_size: int, embedding_size: int, map_scale: float = 1.0) -> None:
        super().__init__()
        self.bilinear = nn.Linear(state_size, embedding_size, bias=False)
        nn.init.normal_(self.bilinear.weight, std=map_scale * state_size**-0.5)

    def forward(self, state: Tensor, interests: Tensor) -> Tensor:
        """Predict the logits.

        Args:
            state (torch.Tensor): s, shape (B, state_size).
            interests (torch.Tensor): V, shape (B, K, D); receives no gradient.

        Returns:
            torch.Tensor: logits z, shape (B, K).
        """
        query = self.bilinear(state) / interests.shape[2] ** 0.5
        return (interests.detach() @ query.unsqueeze(2)).squeeze(2)


def target_interest(interests: Tensor, active: Tensor, target: Tensor, temperature: float) -> Tensor:
    """The probability of each interest to be the one that the target belongs to.

    ``p = softmax(cos(V_k, e) / T)`` over the user's own interests.
    Source: Wang et al. (TiMiRec), CIKM '22, equation 12.

    Args:
        interests (torch.Tensor): V, shape (B, K, D).
        active (torch.BoolTensor): True for the user's own interests, shape (B, K).
        target (torch.Tensor): the item that was clicked next, shape (B, D).
        temperature (float): T > 0.

    Returns:
        torch.Tensor: probabilities, shape (B, K); zeros for a user without interests.
    """
    similarity = nn.functional.cosine_similarity(interests, target.unsqueeze(1), dim=-1)
    lowest = torch.finfo(similarity.dtype).min  # finite, so that a user without interests has no nan
    return (similarity / temperature).masked_fill(~active, lowest).softmax(dim=-1) * active


def distillation_loss(teacher: Tensor, logits: Tensor, active: Tensor, temperature: float) -> Tensor:
    """``T^2 KL(p || softmax(z / T))``, averaged over the rows.

    The weight T^2 keeps the size of the gradient as T changes (Hinton et al., 2015).
    Source: Wang et al. (TiMiRec), CIKM '22, equation 13.

    Args:
        teacher (torch.Tensor): p, shape (B, K); detach it, unless the teacher is to learn from its student.
        logits (torch.Tensor): z of the student, shape (B, K).
        active (torch.BoolTensor): True for the user's own interests, shape (B, K).
        temperature (float): T > 0.

    Returns:
        torch.Tensor: scalar, at least 0; 0 (and differentiable) for B = 0.
    """
    student = (logits / temperature).masked_fill(~active, -torch.inf).log_softmax(dim=-1)
    # An interest that the user does not have is 0 on both sides; the clamp keeps the slope of x log x finite there.
    own = teacher * teacher.clamp_min(torch.finfo(teacher.dtype).tiny).log()
    terms = own - teacher * student.masked_fill(~active, 0.0)
    return temperature**2 * terms.sum() / max(len(terms), 1)


def divergence(one: Tensor, other: Tensor) -> Tensor:
    """Jensen-Shannon divergence of two distributions over interests, in nats; TiMiRec paper, figure 2.

    Args:
        one, other (torch.Tensor): probabilities, shape (B, K).

    Returns:
        torch.Tensor: in [0, log 2], shape (B,).
    """
    middle = (one + other) / 2
    parts = [part.xlogy(part) - part.xlogy(middle) for part in (one, other)]
    return (torch.stack(parts).sum(dim=-1) / 2).sum(dim=0).clamp(0, math.log(2))  # rounding may leave the interval
