"""Causal transformer blocks with gated residual connections, computed at real positions only."""

import torch
from torch import Tensor, nn

from recbole_iacn.nn.transformer import RealPositions, attention_weights, split_heads


class GatedBlock(nn.Module):
    """``x <- x + sigmoid(G x) * A(norm(x))``, twice: A is causal self-attention, then a feed-forward network with a
    gated unit, ``W_o (silu(W_a x) * W_b x)``.

    How far a key lies behind its query enters by a number per distance and head that is added to the attention's
    products. Nothing is added to the behaviours, so a state is the same whatever stands behind it in a row.

    Source: Borisyuk et al. (LiGR), 2025, in the form of Tikhonovich et al. (eSASRec), RecSys '25; gated unit: Shazeer
    (SwiGLU), 2020; distances: Raffel et al. (T5), JMLR '20, section 2.1, here one number for each.

    Args:
        embedding_size (int): D.
        max_length (int): maximum history length.
        heads (int): number of attention heads. Defaults to 1.
        widening (int): width of the feed-forward network, in multiples of D. Defaults to 4.
        dropout (float): dropout rate of the attention weights, of the unit, and of both branches. Defaults to 0.

    Raises:
        ValueError: D is not a multiple of the heads.
    """

    def __init__(
        self, embedding_size: int, max_length: int, heads: int = 1, widening: int = 4, dropout: float = 0.0
    ) -> None:
        super().__init__()
        if embedding_size % heads:
            raise ValueError(f"embedding_size must be a multiple of heads, got {embedding_size} and {heads}")
        self.heads = heads
        inner = widening * embedding_size
        self.projection = nn.Linear(embedding_size, 3 * embedding_size)
        self.output = nn.Linear(embedding_size, embedding_size)
        self.distance = nn.Parameter(torch.zeros(heads, max_length))
        self.unit, self.back = nn.Linear(embedding_size, 2 * inner), nn.Linear(inner, embedding_size)
        self.attention_gate, self.forward_gate = (nn.Linear(embedding_size, embedding_size) for _ in range(2))
        self.attention_norm, self.forward_norm = (nn.LayerNorm(embedding_size, eps=1e-8) for _ in range(2))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, real: RealPositions, seen: Tensor) -> Tensor:
        """Mix the behaviours.

        Args:
            x (torch.Tensor): at real positions, shape (P, D).
            real (RealPositions): where these are.
            seen (torch.BoolTensor): which positions each may see, shape (B, 1, L, L).

        Returns:
            torch.Tensor: shape (P, D).
        """
        mixed = self.output(self._attend(self.attention_norm(x), real, seen))
        x = x + self.attention_gate(x).sigmoid() * self.dropout(mixed)
        gate, value = self.unit(self.forward_norm(x)).chunk(2, dim=1)
        unit = self.dropout(nn.functional.silu(gate) * value)
        return x + self.forward_gate(x).sigmoid() * self.dropout(self.back(unit))

    def _attend(self, x: Tensor, real: RealPositions, seen: Tensor) -> Tensor:
        query, key, value = (split_heads(part, self.heads) for part in real.pad(self.projection(x)).chunk(3, dim=2))
        place = torch.arange(query.shape[2], device=x.device)
        behind = (place.unsqueeze(1) - place).clamp(0, self.distance.shape[1] - 1)
        products = query @ key.transpose(2, 3) / query.shape[3] ** 0.5 + self.distance[:, behind]
        weights = self.dropout(attention_weights(products, seen))
        return real.pack((weights @ value).transpose(1, 2).flatten(2))


class GatedStates(nn.Module):
    """Dropout, gated blocks, a norm: the state after each behaviour; the last one is the user's only interest.

    Args:
        embedding_size (int): D.
        max_length (int): maximum history length.
        layers, heads, widening, dropout: of the blocks, see :class:`GatedBlock`.
    """

    positions = RealPositions  # or one that keeps padding, for an export

    def __init__(
        self, embedding_size: int, max_length: int, layers: int, heads: int, widening: int, dropout: float
    ) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(
            GatedBlock(embedding_size, max_length, heads, widening, dropout) for _ in range(layers)
        )
        self.norm = nn.LayerNorm(embedding_size, eps=1e-8)

    def states(self, behaviors: Tensor, mask: Tensor) -> Tensor:
        """The state after each behaviour.

        Args:
            behaviors (torch.Tensor): shape (B, L, D), oldest first, padded on the right.
            mask (torch.BoolTensor): True where a behaviour is real, shape (B, L).

        Returns:
            torch.Tensor: shape (B, L, D), zero at padding.
        """
        real = self.positions(mask)
        before = torch.ones(mask.shape[1], mask.shape[1], dtype=torch.bool, device=mask.device).tril()
        x, seen = self.dropout(real.pack(behaviors)), before & mask[:, None, None, :]
        for block in self.blocks:
            x = block(x, real, seen)
        return real.pad(self.norm(x))

    def forward(self, behaviors: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """The last state of each history, shape (B, 1, D), and its mask (B, 1), all True; zeros for an empty one."""
        last = (mask.sum(dim=1) - 1).clamp_min(0)
        state = self.states(behaviors, mask)[torch.arange(len(mask), device=mask.device), last]
        return state.unsqueeze(1), mask.new_ones(len(mask), 1)
