"""Extractors of the auxiliary task beside routing: ``V = M · extract(X)``, with one map M as in the routing.

They are made of the same sizes, called in the same way and return the same as
:class:`recbole_iacn.nn.capsule.BehaviorToInterestRouting`: behaviours (B, L, D) and their mask (B, L) to interests
(B, K, D), the mask of those that the user has (B, K), and, if asked for, couplings (B, L, K). An empty history has
zero vectors. M has no bias and starts at ``map_scale`` times the identity, for the same reason: embeddings start at a
size of .01, and their plain products could not tell a thousand candidates apart.
"""

import torch
from torch import Tensor, nn

from recbole_iacn.nn.extractor import SelfAttentiveInterests
from recbole_iacn.nn.recurrence import TimeMajor, recur
from recbole_iacn.nn.transformer import TransformerBlock

MAP_SCALE = 40.0
_BLOCK_START = 0.01  # size of a transformer block's output at the start: that of embeddings, which M is made for


class MappedInterest(nn.Module):
    """One interest, ``v = M · summary(X)``; a subclass defines the summary of a history.

    Every behaviour belongs to the one interest, so couplings are 1 at real positions.

    Args:
        embedding_size (int): D.
        num_interests (int): without effect: there is one.
        max_length (int): maximum history length; without effect, except where a subclass has weights per position.
        map_scale (float): M starts as this multiple of the identity. Defaults to 40.
    """

    num_interests = 1

    def __init__(self, embedding_size: int, num_interests: int, max_length: int, map_scale: float = MAP_SCALE) -> None:
        super().__init__()
        self.bilinear = nn.Parameter(torch.eye(embedding_size) * map_scale)

    def forward(self, behaviors: Tensor, mask: Tensor, return_couplings: bool = False) -> tuple[Tensor, ...]:
        """Extract; see the module's description.

        Args:
            behaviors (torch.Tensor): embedded history, oldest first, padded on the right, shape (B, L, D).
            mask (torch.BoolTensor): True where a behaviour is real, shape (B, L).
            return_couplings (bool): also return couplings.

        Returns:
            tuple: interest (B, 1, D) and its mask (B, 1), all True; couplings (B, L, 1), if asked for.
        """
        interests = (self.summary(behaviors, mask) @ self.bilinear.T).unsqueeze(1)
        active = mask.new_ones(len(mask), 1)
        if return_couplings:
            return interests, active, mask.unsqueeze(2).to(behaviors.dtype)
        return interests, active

    def summary(self, behaviors: Tensor, mask: Tensor) -> Tensor:
        """A history as one vector, shape (B, D); zeros for an empty one."""
        raise NotImplementedError


class MappedMean(MappedInterest):
    """``v = M · mean(X)``: the control without interests. The order of the behaviours does not matter."""

    def summary(self, behaviors: Tensor, mask: Tensor) -> Tensor:
        real = mask.unsqueeze(1).to(behaviors.dtype)
        return (real @ behaviors).squeeze(1) / real.sum(dim=2).clamp_min(1)


class MappedNewest(MappedInterest):
    """``v = M · x`` of the newest behaviour."""

    def summary(self, behaviors: Tensor, mask: Tensor) -> Tensor:
        place = (mask.sum(dim=1) - 1).clamp_min(0)
        newest = behaviors.gather(1, place[:, None, None].expand(-1, 1, behaviors.shape[2])).squeeze(1)
        return newest.masked_fill(~mask[:, :1], 0)


class MappedState(MappedInterest):
    """``v = M · h``, with the last state h of a gated recurrent unit over the behaviours.

    At the start its candidate state is ``tanh`` of the behaviour itself and its biases are 0, so that h begins as a
    weighted sum of the behaviours, in which each step back counts half as much. PyTorch's own start adds biases of up
    to 1/sqrt(D) to behaviours of a size of .01: all users would begin with one vector.

    Source: Cho et al., EMNLP '14 (the unit); Hidasi et al. (GRU4Rec), ICLR '16 (as a user's vector).
    """

    def __init__(self, embedding_size: int, num_interests: int, max_length: int, map_scale: float = MAP_SCALE) -> None:
        super().__init__(embedding_size, num_interests, max_length, map_scale)
        self.gru = nn.GRU(embedding_size, embedding_size, batch_first=True)
        of_input, of_state, *biases = self.gru.all_weights[0]
        with torch.no_grad():
            nn.init.eye_(of_input[2 * embedding_size :])
            nn.init.zeros_(of_state[2 * embedding_size :])
            for bias in biases:
                nn.init.zeros_(bias)

    def summary(self, behaviors: Tensor, mask: Tensor) -> Tensor:
        positions = TimeMajor(mask.sum(dim=1), mask.shape[1])
        of_input, of_state, input_bias, state_bias = self.gru.all_weights[0]
        x = nn.functional.linear(positions.pack(behaviors), of_input, input_bias)
        return positions.final(recur(x, positions.sizes, of_state, state_bias, 1.0, -1.0))


class MappedAttention(nn.Module):
    """K interests by self-attention, mapped: ``V = A^T X M^T``, see :class:`SelfAttentiveInterests`.

    Positions, counted from the newest behaviour, enter the weights A only.

    Args:
        embedding_size (int): D.
        num_interests (int): K.
        max_length (int): maximum history length.
        map_scale (float): M starts as this multiple of the identity. Defaults to 40.
        rounding (str, optional): ``ceil``, ``floor`` or None: how many interests a user has, see
            :func:`interest_count`. Defaults to ``ceil``.
        positions (str): as in :class:`SelfAttentiveInterests`. Defaults to ``attention``.
    """

    def __init__(
        self,
        embedding_size: int,
        num_interests: int,
        max_length: int,
        map_scale: float = MAP_SCALE,
        rounding: str | None = "ceil",
        positions: str = "attention",
    ) -> None:
        super().__init__()
        self.attentive = SelfAttentiveInterests(
            embedding_size,
            num_interests,
            max_length,
            positions=positions,
            block=self.make_block(embedding_size),
            rounding=rounding,
        )
        self.bilinear = nn.Parameter(torch.eye(embedding_size) * map_scale)

    def make_block(self, embedding_size: int) -> nn.Module | None:
        """What mixes the behaviours before they are attended to; nothing here."""
        return None

    def forward(
        self, behaviors: Tensor, mask: Tensor, return_couplings: bool = False, return_attention: bool = False
    ) -> tuple[Tensor, ...]:
        """Extract; see the module's description.

        Args:
            behaviors, mask, return_couplings: as in :meth:`MappedInterest.forward`.
            return_attention (bool): return the attention A instead of couplings.

        Returns:
            tuple: as of :meth:`SelfAttentiveInterests.forward`; zero vectors for an empty history.
        """
        interests, *others = self.attentive(behaviors, mask, return_couplings, return_attention)
        return (interests.masked_fill(~mask[:, :1, None], 0) @ self.bilinear.T, *others)


class MappedBlock(MappedAttention):
    """As :class:`MappedAttention`, with a bidirectional transformer block before the attention.

    The block ends in a normalisation, whose output is 1 in size; it starts at that of embeddings. Its queries, keys and
    values have no bias at the start, which would exceed the behaviours.

    Source: Wang et al. (TiMiRec), CIKM '22, table 2, "ComiRec+".
    """

    def make_block(self, embedding_size: int) -> nn.Module:
        block = TransformerBlock(embedding_size)
        nn.init.zeros_(block.projection.bias)
        nn.init.constant_(block.forward_norm.weight, _BLOCK_START)
        return block
