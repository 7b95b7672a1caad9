"""Re4's backward flows: losses that look from each interest back at the behaviours that it reads.

A behaviour *represents* an interest that pays it more than an equal share of its attention: ``A_lk > 1 / |history|``.

Shapes: interests V (B, K, D) and their mask (B, K), behaviours X (B, L, D) and their mask (B, L), attention A
(B, L, K), which adds up to 1 over L.

Source: Zhang et al. (Re4), WWW '22, in the form of the authors' code. What differs is in ``docs/differs.md``.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from recbole_iacn.nn.by_length import groups_by_length

TEMPERATURE = 0.02  # the authors'
_LEAST = 1e-12  # of an attention weight, whose logarithm is taken


def representatives(attention: Tensor, active: Tensor, mask: Tensor) -> Tensor:
    """Which behaviours represent which of the user's own interests.

    Args:
        attention (torch.Tensor): A, shape (B, L, K).
        active (torch.BoolTensor): True for the user's own interests, shape (B, K).
        mask (torch.BoolTensor): True where a behaviour is real, shape (B, L).

    Returns:
        torch.BoolTensor: shape (B, K, L); none for a history of one, whose share is all there is.
    """
    share = 1 / mask.sum(dim=1).clamp_min(1)
    return (attention.transpose(1, 2) > share.view(-1, 1, 1)) & active.unsqueeze(2) & mask.unsqueeze(1)


def recontrast_loss(
    interests: Tensor,
    active: Tensor,
    behaviors: Tensor,
    mask: Tensor,
    represents: Tensor,
    temperature: float = TEMPERATURE,
) -> Tensor:
    """Re-contrast: an interest is nearer to what represents it than to the user's other behaviours and interests, and
    to the behaviours of the row before it in the batch, which is mostly another user's.

    ``-log(exp(s_kl) / (sum_l' exp(s_kl') + sum_{k' != k} exp(s_kk') + sum_j exp(s_kj)))``, s the cosine divided by the
    temperature, averaged over all pairs (k, l) of which l represents k. In several processes the other user is one of
    the same process's.

    Args:
        interests, active, behaviors, mask: see the module's description.
        represents (torch.BoolTensor): of :func:`representatives`, shape (B, K, L).
        temperature (float): divides the cosines. Defaults to 0.02.

    Returns:
        torch.Tensor: scalar; 0 where nothing represents anything.
    """
    v, x = nn.functional.normalize(interests, dim=2), nn.functional.normalize(behaviors, dim=2)
    own = _scores(v, x, mask, temperature)
    alike = torch.eye(v.shape[1], dtype=torch.bool, device=v.device)
    others = _least_but(_scores(v, v, active, temperature), ~alike)
    parts = [own, others]
    if len(v) > 1:  # a row alone has no other user
        parts.append(_scores(v, x.roll(1, 0), mask.roll(1, 0), temperature))
    total = torch.cat(parts, dim=2).logsumexp(dim=2, keepdim=True)
    return _mean(total - own, represents)


def reattend_loss(interests: Tensor, active: Tensor, behaviors: Tensor, mask: Tensor, attention: Tensor) -> Tensor:
    """Re-attend: an interest reads its behaviours as the recommendation would score them.

    The cross entropy ``-sum_l p_kl log A_lk`` with ``p_k = softmax_l(v_k . x_l)``, averaged over the users' own
    interests; its gradient reaches both sides.

    Args:
        interests, active, behaviors, mask, attention: see the module's description.

    Returns:
        torch.Tensor: scalar, at least 0.
    """
    real = mask.unsqueeze(1)
    scores = _least_but(_wide(interests @ behaviors.transpose(1, 2)), real)
    read = _wide(attention).transpose(1, 2).clamp_min(_LEAST).log()
    entropy = -(scores.softmax(dim=2) * read).masked_fill(~real, 0).sum(dim=2)
    return _mean(entropy, active & mask.any(dim=1, keepdim=True))


class Reconstruction(nn.Module):
    """Re-construct: what represents an interest can be told from the interest alone.

    A vector becomes L of them, ``C = U v`` of shape (L, D); the l-th behaviour is read from these by attention,
    ``softmax_j(W_2 tanh(W_1 C_j)) C W``, over the places of the history.

    Args:
        embedding_size (int): D.
        max_length (int): L.
    """

    def __init__(self, embedding_size: int, max_length: int) -> None:
        super().__init__()
        self.size, self.length = embedding_size, max_length
        self.spread = nn.Linear(embedding_size, embedding_size * max_length)
        self.hidden = nn.Linear(embedding_size, embedding_size, bias=False)
        self.scores = nn.Linear(embedding_size, max_length, bias=False)
        self.values = nn.Linear(embedding_size, embedding_size, bias=False)

    def forward(self, interests: Tensor, mask: Tensor) -> Tensor:
        """Behaviours as each interest has them.

        Args:
            interests (torch.Tensor): V, shape (B, K, D).
            mask (torch.BoolTensor): True where a behaviour is real, shape (B, L'), L' at most L.

        Returns:
            torch.Tensor: shape (B, K, L', D).
        """
        length = mask.shape[1]
        used = length * self.size
        several = nn.functional.linear(interests, self.spread.weight[:used], self.spread.bias[:used])
        several = several.unflatten(2, (length, self.size))
        scores = nn.functional.linear(self.hidden(several).tanh(), self.scores.weight[:length])
        scores = scores.transpose(2, 3)  # (B, K, l, j)
        scores = _least_but(scores, mask[:, None, None])
        return scores.softmax(dim=3) @ self.values(several)

    def loss(self, interests: Tensor, behaviors: Tensor, mask: Tensor, represents: Tensor) -> Tensor:
        """The squared error, averaged over D and over all pairs (k, l) of which l represents k.

        Args:
            interests, behaviors, mask: see the module's description.
            represents (torch.BoolTensor): of :func:`representatives`, shape (B, K, L).

        Returns:
            torch.Tensor: scalar; 0 where nothing represents anything.
        """
        groups = groups_by_length(mask) if mask.device.type == "cpu" else []
        if len(groups) < 2:
            return self._error(interests, behaviors, mask, represents) / represents.sum().clamp_min(1)
        parts = [
            self._error(interests[rows], behaviors[rows, :length], mask[rows, :length], represents[rows, :, :length])
            for rows, length in groups
        ]
        return torch.stack(parts).sum() / represents.sum().clamp_min(1)

    def _error(self, interests: Tensor, behaviors: Tensor, mask: Tensor, represents: Tensor) -> Tensor:
        """The sum over the pairs."""
        error = _wide(self(interests, mask) - behaviors.unsqueeze(1)).square().mean(dim=3)
        return error.masked_fill(~represents, 0).sum()


def _scores(vectors: Tensor, others: Tensor, there: Tensor, temperature: float) -> Tensor:
    """Cosines of unit vectors, divided by the temperature; the least number where there is none."""
    return _least_but(_wide(vectors @ others.transpose(1, 2)) / temperature, there.unsqueeze(1))


def _least_but(values: Tensor, there: Tensor) -> Tensor:
    """The least number where there is none: finite, so that the gradient of an empty history is."""
    return values.masked_fill(~there, torch.finfo(values.dtype).min)


def _wide(values: Tensor) -> Tensor:
    """In 16 bits neither the logarithm of a small weight nor a sum of exponentials would be what it is."""
    return values.float() if values.dtype in (torch.float16, torch.bfloat16) else values


def _mean(values: Tensor, where: Tensor) -> Tensor:
    return values.masked_fill(~where, 0).sum() / where.sum().clamp_min(1)
