"""The target interest: which of a user's interests the next item belongs to, and learning to foresee it."""

import torch
from torch import nn


def target_interest(interests, active, target, temperature):
    """How much each interest is the one that the target belongs to.

    ``p = softmax(cos(V_k, e) / T)`` over the user's own interests.
    Source: Wang et al. (TiMiRec), CIKM '22, equation 12.

    Args:
        interests (torch.Tensor): V, shape (B, K, D).
        active (torch.BoolTensor): True for the user's own interests, shape (B, K).
        target (torch.Tensor): item that was clicked next, shape (B, D).
        temperature (float): T > 0.

    Returns:
        torch.Tensor: probabilities, shape (B, K).
    """
    likeness = nn.functional.cosine_similarity(interests, target.unsqueeze(1), dim=-1)
    return (likeness / temperature).masked_fill(~active, -torch.inf).softmax(dim=-1)


def distillation_loss(teacher, logits, active, temperature):
    """``T^2 KL(p || softmax(z / T))``, the mean over the rows.

    The weight T^2 keeps the size of the gradient as T changes (Hinton et al., 2015).
    Source: Wang et al. (TiMiRec), CIKM '22, equation 13.

    Args:
        teacher (torch.Tensor): p, shape (B, K); detached, unless the teacher is to learn from its student.
        logits (torch.Tensor): z of the student, shape (B, K).
        active (torch.BoolTensor): True for the user's own interests, shape (B, K).
        temperature (float): T > 0.

    Returns:
        torch.Tensor: scalar, at least 0.
    """
    student = (logits / temperature).masked_fill(~active, -torch.inf).log_softmax(dim=-1)
    # An interest that the user has not is 0 on both sides; the clamp keeps the slope of x log x finite there.
    told = teacher * teacher.clamp_min(torch.finfo(teacher.dtype).tiny).log()
    terms = told - teacher * student.masked_fill(~active, 0.0)
    return temperature**2 * terms.sum(dim=-1).mean()
