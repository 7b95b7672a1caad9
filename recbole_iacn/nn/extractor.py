"""From a history to K interests: the extractors of the multi-interest family.

Every extractor is called with embedded behaviours (B, L, D) and their mask (B, L), histories oldest first and padded on
the right, and returns interests (B, K, D) and the mask of those that the user has (B, K). With
``return_couplings=True`` it also returns how much each behaviour belongs to each interest, (B, L, K): this adds up to 1
over K at each real position, and is 0 at padding. Where ``by_row`` is True nothing of a row depends on the other rows
of the batch (:mod:`recbole_iacn.nn.by_length`). The same holds for
:class:`recbole_iacn.nn.capsule.BehaviorToInterestRouting`.
"""

import torch
from torch import Tensor, nn

from recbole_iacn.nn.capsule import check_rounding, own_interests, squash


def positions_from_now(mask: Tensor) -> Tensor:
    """Position of each behaviour, counted from the newest: 1 for the newest, 2 for the one before; 0 at padding.

    Args:
        mask (torch.BoolTensor): True where a behaviour is real, shape (B, L).

    Returns:
        torch.LongTensor: shape (B, L).
    """
    place = torch.arange(mask.shape[1], device=mask.device)
    return (mask.sum(dim=1, keepdim=True) - place) * mask


def _every(interests: Tensor) -> tuple[Tensor, Tensor]:
    return interests, interests.new_ones(interests.shape[:2], dtype=torch.bool)


class MeanInterest(nn.Module):
    """One interest, an affine map of the mean behaviour: ``v = W mean(X) + b``.

    Source: Covington et al. (YouTubeDNN), RecSys '16, section 3, as the TiMiRec paper runs it.

    Args:
        embedding_size (int): D.
    """

    def __init__(self, embedding_size: int) -> None:
        super().__init__()
        self.output = nn.Linear(embedding_size, embedding_size)

    def forward(self, behaviors: Tensor, mask: Tensor, return_couplings: bool = False) -> tuple[Tensor, ...]:
        """Extract; see the module's description.

        Returns:
            tuple: interests (B, 1, D) and interest mask (B, 1); couplings of 1, if asked for.
        """
        real = mask.unsqueeze(2).to(behaviors.dtype)
        mean = (behaviors * real).sum(dim=1) / real.sum(dim=1).clamp_min(1)
        found = _every(self.output(mean).unsqueeze(1))
        return (*found, real) if return_couplings else found

    def states(self, behaviors: Tensor, mask: Tensor) -> Tensor:
        """The interest after each place of a history: that of the behaviours up to it.

        Args:
            behaviors (torch.Tensor): shape (B, L, D).
            mask (torch.BoolTensor): True where a behaviour is real, shape (B, L).

        Returns:
            torch.Tensor: shape (B, L, D).
        """
        real = mask.unsqueeze(2).to(behaviors.dtype)
        return self.output((behaviors * real).cumsum(dim=1) / real.cumsum(dim=1).clamp_min(1))


class SelfAttentiveInterests(nn.Module):
    """K interests, each a weighted mean of the behaviours: ``A = softmax_L(W2 tanh(W1 (X + P)))``, ``V = A^T X``.

    P are embeddings of positions, counted from the newest behaviour. They may be left out, or also enter the mean:
    ``V = A^T (X + P)``. A ``block`` may mix the behaviours first (ComiRec+, TiMiRec+); its attention uses P likewise.

    Source: Cen et al. (ComiRec-SA), KDD '20, section 3.2; positions and block: Wang et al. (TiMiRec), CIKM '22.

    Args:
        embedding_size (int): D.
        num_interests (int): K.
        max_length (int): maximum history length.
        attention_size (int): width of the hidden layer. Defaults to 8.
        positions (str): where P is added: ``attention``, for the weights only; ``values``, also in the mean; ``none``,
            nowhere. Defaults to ``attention``.
        block (torch.nn.Module, optional): called with X, shape (B, L, D), the mask and P, or with X + P, the mask and
            None.
        rounding (str, optional): how a user's own number of interests follows from the length of the history, see
            :func:`recbole_iacn.nn.capsule.interest_count`. Defaults to None: every user has K.

    Raises:
        ValueError: ``positions`` is not one of these.
    """

    by_row = True

    def __init__(
        self,
        embedding_size: int,
        num_interests: int,
        max_length: int,
        attention_size: int = 8,
        positions: str = "attention",
        block: nn.Module | None = None,
        rounding: str | None = None,
    ) -> None:
        super().__init__()
        check_rounding(rounding)
        if positions not in ("attention", "values", "none"):
            raise ValueError(f"positions must be attention, values or none, got {positions!r}")
        self.position_embedding = None if positions == "none" else nn.Embedding(max_length + 1, embedding_size)
        self.hidden = nn.Linear(embedding_size, attention_size)
        self.scores = nn.Linear(attention_size, num_interests)
        self.positions = positions
        self.block = block
        self.rounding = rounding

    def forward(
        self, behaviors: Tensor, mask: Tensor, return_couplings: bool = False, return_attention: bool = False
    ) -> tuple[Tensor, ...]:
        """Extract; see the module's description.

        Returns:
            tuple: interests (B, K, D) and interest mask (B, K), all True without ``rounding``; if asked for, couplings:
            the weights A of a behaviour in the means of the user's own interests, divided by their sum; or the
            attention A itself, which adds up to 1 over L, and is 0 for an interest that the user does not have.
        """
        places = None if self.position_embedding is None else self.position_embedding(positions_from_now(mask))
        if places is not None and self.positions == "values":
            behaviors, places = behaviors + places, None
        if self.block is not None:
            behaviors = self.block(behaviors, mask, places)
        scores = self.scores(self.hidden(behaviors if places is None else behaviors + places).tanh())
        scores = scores.masked_fill(~mask.unsqueeze(2), torch.finfo(scores.dtype).min)  # finite for an empty history
        attention = scores.softmax(dim=1)
        if self.rounding is None:
            active = mask.new_ones(len(mask), scores.shape[2])
        else:
            active = own_interests(mask, scores.shape[2], self.rounding)
            attention = attention * active.unsqueeze(1)
        interests = attention.transpose(1, 2) @ behaviors
        if return_attention:
            return interests, active, attention * mask.unsqueeze(2)
        if not return_couplings:
            return interests, active
        # By logarithms, since the weights of an old behaviour may all be smaller than the smallest number.
        weights = scores.log_softmax(dim=1).masked_fill(~active.unsqueeze(1), -torch.inf)
        return interests, active, weights.softmax(dim=2) * mask.unsqueeze(2)


class PositionalRouting(nn.Module):
    """K interests by dynamic routing, with a separate linear map for each pair of position and interest.

    Logits start from zero; the maps distinguish the interests. In every iteration ``a = softmax_K(b)``,
    ``u_j = squash(sum_i a_ij e_ij)``, ``b_ij <- b_ij + u_j . e_ij`` with ``e_ij = W_ij e_i``; gradients flow through
    the last one only.

    Source: Cen et al. (ComiRec-DR), KDD '20, section 3.2 and algorithm 1, with the maps of its published code.

    Args:
        embedding_size (int): D.
        num_interests (int): K.
        max_length (int): maximum history length.
        iterations (int): routing iterations. Defaults to 3.
        rounding (str, optional): as for :class:`SelfAttentiveInterests`. Defaults to None.
    """

    by_row = True

    def __init__(
        self,
        embedding_size: int,
        num_interests: int,
        max_length: int,
        iterations: int = 3,
        rounding: str | None = None,
    ) -> None:
        super().__init__()
        check_rounding(rounding)
        self.rounding = rounding
        self.maps = nn.Parameter(torch.empty(max_length, num_interests, embedding_size, embedding_size))
        nn.init.normal_(self.maps, std=embedding_size**-0.5)
        self.iterations = iterations

    def forward(self, behaviors: Tensor, mask: Tensor, return_couplings: bool = False) -> tuple[Tensor, ...]:
        """Extract; see the module's description.

        Returns:
            tuple: interests (B, K, D) and interest mask (B, K), all True without ``rounding``; the couplings of the
            last iteration, if asked for.
        """
        active = own_interests(mask, self.maps.shape[1], self.rounding)
        # Positions are counted from the newest, so that a behaviour keeps its map as the padding changes.
        aligned, real = _newest_first(behaviors, mask)
        mapped = torch.einsum("bld,lkde->bkle", aligned, self.maps[: aligned.shape[1]])
        real = real.unsqueeze(1).to(mapped.dtype)
        logits = mapped.new_zeros(mapped.shape[:3]).masked_fill(~active.unsqueeze(2), -torch.inf)
        for remaining in reversed(range(self.iterations)):
            routed = mapped.detach() if remaining else mapped
            couplings = logits.softmax(dim=1) * real
            interests = squash(torch.einsum("bkl,bkle->bke", couplings, routed))
            if remaining:
                logits = logits + torch.einsum("bke,bkle->bkl", interests, routed)
        if return_couplings:
            return interests, active, _newest_first(couplings.transpose(1, 2), mask)[0] * mask.unsqueeze(2)
        return interests, active


def _newest_first(behaviors: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """The behaviours of each row in reverse order, padding still on the right."""
    place = torch.arange(mask.shape[1], device=mask.device)
    source = (mask.sum(dim=1, keepdim=True) - 1 - place).clamp_min(0)
    real = place < mask.sum(dim=1, keepdim=True)
    return behaviors.gather(1, source.unsqueeze(2).expand_as(behaviors)), real
