"""Dynamic routing from behaviours to interests."""

import torch
from torch import Tensor, nn

ROUNDINGS = ("ceil", "floor")
_SHARPNESS = 10  # of the first couplings where the routing settles: a cosine that is .1 larger counts e times as much


def squash(vectors: Tensor, dim: int = -1) -> Tensor:
    """Shrink each vector to a length in [0, 1) and keep its direction.

    ``squash(s) = |s|^2 / (1 + |s|^2) * s / |s|`` (Sabour et al., NIPS '17, equation 1). It is computed as
    ``s * |s| / (1 + |s|^2)``, which is finite and differentiable at ``s = 0``, where the printed form is 0/0.

    Args:
        vectors (torch.Tensor): any shape.
        dim (int): the dimension that holds a vector. Defaults to the last.

    Returns:
        torch.Tensor: same shape.
    """
    norm = torch.linalg.vector_norm(vectors, dim=dim, keepdim=True)
    return vectors * (norm / (1 + norm.square()))


def interest_count(lengths: Tensor, num_interests: int, rounding: str | None = "ceil") -> Tensor:
    """Number of interests of a user, from the number of behaviours.

    ``K_u = max(1, min(K, round(log2 |history|)))``. The IaCN paper (section 3.2) rounds up; MIND (CIKM '19,
    equation 9) prints a plain log2, for which ``floor`` is the other reading. Exact at powers of two.

    Args:
        lengths (torch.Tensor): number of real behaviours, integers, shape (B,).
        num_interests (int): K, the upper limit.
        rounding (str, optional): ``ceil`` or ``floor``; None gives every user K.

    Returns:
        torch.Tensor: K_u, int64, shape (B,).
    """
    if rounding is None:
        return torch.full_like(lengths, num_interests)
    powers = 2 ** torch.arange(min(num_interests, 62) + 1, device=lengths.device)  # int64 has no more of them
    # Counts the powers of two below (ceil) or up to (floor) a length: no rounding error of log2. (bucketize does the
    # same, but ONNX has no such operation.)
    lengths = lengths.unsqueeze(-1)
    longer = lengths >= powers if rounding == "floor" else lengths > powers
    exponent = longer.sum(dim=-1)
    return (exponent - int(rounding == "floor")).clamp(1, num_interests)


def own_interests(mask: Tensor, num_interests: int, rounding: str | None = "ceil") -> Tensor:
    """Which interests a user has: the first :func:`interest_count`.

    Args:
        mask (torch.BoolTensor): True where a behaviour is real, shape (B, L).
        num_interests (int): K.
        rounding (str, optional): as in :func:`interest_count`.

    Returns:
        torch.BoolTensor: shape (B, K).
    """
    counts = interest_count(mask.sum(dim=1), num_interests, rounding)
    return torch.arange(num_interests, device=counts.device) < counts.unsqueeze(1)


def check_rounding(rounding: str | None) -> None:
    """Reject what is not a rounding of :func:`interest_count`.

    Raises:
        ValueError: it is none of them.
    """
    if rounding is not None and rounding not in ROUNDINGS:
        raise ValueError(f"rounding must be one of {ROUNDINGS} or None, got {rounding!r}")


class BehaviorToInterestRouting(nn.Module):
    """Group a user's behaviours into K interest capsules by dynamic routing.

    One bilinear map M is shared by all pairs of behaviour and interest. In every iteration

    - ``a_ij = softmax_j(b_ij)``: each behaviour i divides itself among the **interests** j;
    - ``u_j = squash(sum_i a_ij M e_i)``;
    - ``b_ij <- b_ij + u_j^T M e_i``.

    The logits ``b_ij`` start from a Gaussian draw, one value per (position, interest), that is never
    trained and is saved with the model: with equal starts all capsules would stay equal. Gradients flow through
    the last iteration only. Padding has no influence; interests beyond a user's own count are zero vectors.

    Source: Li et al. (MIND), CIKM '19, algorithm 1; Jaiswal & Xiong (IaCN), RecSys '23, equation 2. Unlike both
    papers' text, the logits accumulate over iterations as in Sabour et al., NIPS '17, procedure 1.

    Args:
        embedding_size (int): D.
        num_interests (int): K.
        max_length (int): maximum history length.
        iterations (int): routing iterations. Defaults to 3.
        logit_std (float): standard deviation of the initial logits. Defaults to 0.3, which breaks the tie and
            lets the agreement of behaviours and interests decide; with 1 they still dominate after three iterations.
        rounding (str, optional): ``ceil``, ``floor`` or None, see :func:`interest_count`.
        map_scale (float): M starts as this multiple of the identity. Defaults to 40. Embeddings start near zero,
            where squash is flat (``|u| ~ |s|^2``): with a start of 1 the task hardly learns in its first epochs.
    """

    by_row = True
    initial_logits: Tensor

    def __init__(
        self,
        embedding_size: int,
        num_interests: int,
        max_length: int,
        iterations: int = 3,
        logit_std: float = 0.3,
        rounding: str | None = "ceil",
        map_scale: float = 40.0,
    ) -> None:
        super().__init__()
        for name, value in (("num_interests", num_interests), ("iterations", iterations), ("max_length", max_length)):
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        check_rounding(rounding)
        self.num_interests = num_interests
        self.iterations = iterations
        self.rounding = rounding
        self.bilinear = nn.Parameter(torch.eye(embedding_size) * map_scale)
        self.register_buffer("initial_logits", torch.randn(max_length, num_interests) * logit_std)

    def forward(self, behaviors: Tensor, mask: Tensor, return_couplings: bool = False) -> tuple[Tensor, ...]:
        """Route behaviours to interests.

        Args:
            behaviors (torch.Tensor): embedded history, shape (B, L, D), L up to ``max_length``.
            mask (torch.BoolTensor): True where a behaviour is real, shape (B, L).
            return_couplings (bool): also return the couplings of the last iteration.

        Returns:
            tuple: interests (B, K, D); interest mask (B, K), True for the first K_u;
            and, if asked for, couplings ``a_ij`` (B, L, K), zero on padding.

        Raises:
            ValueError: if the history is longer than ``max_length``.
        """
        length = behaviors.shape[1]
        if length > len(self.initial_logits):
            raise ValueError(f"history of length {length}, but max_length is {len(self.initial_logits)}")
        mapped = behaviors @ self.bilinear.T
        found = self._route(mapped, mask, self.initial_logits[:length].T.to(mapped.dtype), self.iterations)
        return found if return_couplings else found[:2]

    def settled(self, behaviors: Tensor, mask: Tensor, iterations: int) -> tuple[Tensor, Tensor, Tensor]:
        """Route until behaviours have found their interests, from starts that lie apart.

        The first interest starts at the newest behaviour, and each further one at the behaviour that is least similar
        to all starts before it (farthest-first traversal; Gonzalez, Theoretical Computer Science 38, 1985); the logits
        start from ten times the cosines with these, in place of the draw. Nothing is random, and the order of the older
        behaviours does not matter.

        Args:
            behaviors, mask: as in :meth:`forward`.
            iterations (int): of the routing.

        Returns:
            tuple: interests (B, K, D), interest mask (B, K) and couplings (B, L, K).
        """
        mapped = behaviors @ self.bilinear.T
        return self._route(
            mapped, mask, _SHARPNESS * _cosines_with_starts(mapped, mask, self.num_interests), iterations
        )

    def _route(self, mapped: Tensor, mask: Tensor, logits: Tensor, iterations: int) -> tuple[Tensor, Tensor, Tensor]:
        counts = interest_count(mask.sum(dim=1), self.num_interests, self.rounding)
        active = torch.arange(self.num_interests, device=counts.device) < counts.unsqueeze(1)
        # (B, K, L): a softmax over the interests is many times faster where they are not the innermost dimension.
        logits = logits.masked_fill(~active.unsqueeze(2), -torch.inf)
        real = mask.unsqueeze(1).to(mapped.dtype)
        for remaining in reversed(range(iterations)):
            routed = mapped.detach() if remaining else mapped
            couplings = logits.softmax(dim=1) * real
            interests = squash(couplings @ routed)
            if remaining:
                logits = logits + interests @ routed.transpose(1, 2)
        return interests, active, couplings.transpose(1, 2)


def _cosines_with_starts(vectors: Tensor, mask: Tensor, count: int) -> Tensor:
    """Cosines of behaviours with ``count`` of them that lie apart, shape (B, count, L)."""
    rows = torch.arange(len(vectors), device=vectors.device)
    directions = nn.functional.normalize(vectors, dim=2)
    cosines = directions @ directions.transpose(1, 2)
    chosen = [cosines[rows, (mask.sum(dim=1) - 1).clamp_min(0)]]
    nearest = chosen[0]
    for _ in range(1, count):
        chosen.append(cosines[rows, nearest.masked_fill(~mask, torch.inf).argmin(dim=1)])
        nearest = torch.maximum(nearest, chosen[-1])
    return torch.stack(chosen, dim=1)
