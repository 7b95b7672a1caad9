"""Self-attention with the time intervals between clicks."""

import torch
from torch import Tensor, nn

from recbole_iacn.nn.extractor import positions_from_now
from recbole_iacn.nn.transformer import RealPositions, attention_weights, split_heads


def personal_intervals(seconds: Tensor, mask: Tensor, span: int) -> Tensor:
    """Time intervals between the clicks of a history, in units of its own shortest interval.

    ``r_ij = min(|t_i - t_j| // t_min, span)``, where ``t_min`` is the shortest time other than 0 between two clicks.
    Source: Li et al. (TiSASRec), WSDM '20, section 3.2.

    Args:
        seconds (torch.Tensor): time of each click, int64 or float64, in any unit and from any origin, shape (B, L). Of
            floats, a quotient that is less than 1e-6 below a whole number counts as that number, since decimal
            fractions are rounded.
        mask (torch.BoolTensor): True where a click is real, shape (B, L).
        span (int): longer intervals are clipped to this value.

    Returns:
        torch.LongTensor: shape (B, L, L); 0 at padding.
    """
    apart = (seconds.unsqueeze(2) - seconds.unsqueeze(1)).abs()
    apart = apart.masked_fill(~(mask.unsqueeze(2) & mask.unsqueeze(1)), 0)
    whole = not apart.is_floating_point()
    longest = torch.iinfo(apart.dtype).max if whole else torch.finfo(apart.dtype).max
    unit = (
        apart.masked_fill(apart == 0, longest).flatten(1).amin(dim=1)
    )  # if there is none, all are 0 whatever the unit
    unit = unit[:, None, None]
    return (apart // unit if whole else (apart / unit + 1e-6).floor().clamp_max(span).long()).clamp_max(span)


class IntervalBlock(nn.Module):
    """One causal block whose keys and values include positions and intervals, then a feed-forward network.

    ``e_ij = q_i . (k_j + r^K_ij + p^K_j) / sqrt(D)``, ``z_i = sum_j softmax(e_ij) (v_j + r^V_ij + p^V_j)``; both parts
    are added to their normalised input. The vectors r of intervals are never materialised as (B, L, L, D): queries are
    multiplied by the table of intervals first, and weights are summed per interval before they are multiplied by it.

    Source: Li et al. (TiSASRec), WSDM '20, section 3.4.

    Args:
        embedding_size (int): D.
        max_length (int): maximum history length.
        span (int): the largest interval.
        heads (int): number of attention heads. Defaults to 1.
        dropout (float): dropout rate of the attention weights and of both residual branches. Defaults to 0.

    Raises:
        ValueError: D is not a multiple of the heads.
    """

    positions = RealPositions  # or one that keeps padding, for an export

    def __init__(self, embedding_size: int, max_length: int, span: int, heads: int = 1, dropout: float = 0.0) -> None:
        super().__init__()
        if embedding_size % heads:
            raise ValueError(f"embedding_size must be a multiple of heads, got {embedding_size} and {heads}")
        self.heads = heads
        self.query, self.key, self.value = (nn.Linear(embedding_size, embedding_size) for _ in range(3))
        self.key_position, self.value_position = (nn.Embedding(max_length + 1, embedding_size) for _ in range(2))
        self.key_interval, self.value_interval = (nn.Embedding(span + 1, embedding_size) for _ in range(2))
        self.attention_norm, self.forward_norm = (nn.LayerNorm(embedding_size, eps=1e-8) for _ in range(2))
        self.forward_net = nn.Sequential(
            nn.Linear(embedding_size, embedding_size),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(embedding_size, embedding_size),
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, behaviors: Tensor, mask: Tensor, intervals: Tensor) -> Tensor:
        """Mix the behaviours.

        Args:
            behaviors (torch.Tensor): shape (B, L, D).
            mask (torch.BoolTensor): True where a behaviour is real, shape (B, L).
            intervals (torch.LongTensor): from :func:`personal_intervals`, shape (B, L, L).

        Returns:
            torch.Tensor: shape (B, L, D), zero at padding.
        """
        real = self.positions(mask)
        x = self.attention_norm(real.pack(behaviors))
        x = x + self.dropout(self._attend(x, real, mask, intervals))
        x = self.forward_norm(x)
        return real.pad(x + self.dropout(self.forward_net(x)))

    def _attend(self, x: Tensor, real: RealPositions, mask: Tensor, intervals: Tensor) -> Tensor:
        """From real positions (P, D) to the same, (P, D)."""
        place = positions_from_now(mask).flatten()[real.place]
        query = self.query(x)
        key, value = self.key(x) + self.key_position(place), self.value(x) + self.value_position(place)
        parts = real.pad(torch.cat([query, key, value], dim=1)).chunk(3, dim=2)
        padded_query, key, value = (split_heads(part, self.heads) for part in parts)
        # Products of queries and intervals at real positions: (P, heads, L).
        between = intervals.flatten(0, 1)[real.place].unsqueeze(1).expand(-1, self.heads, -1)
        query = query.unflatten(1, (self.heads, -1))
        of_intervals = torch.einsum("phd,shd->phs", query, self._of_heads(self.key_interval)).gather(2, between)
        products = padded_query @ key.transpose(2, 3) + self._pad(of_intervals, real)
        before = torch.ones(mask.shape[1], mask.shape[1], dtype=torch.bool, device=x.device).tril()
        weights = attention_weights(products / query.shape[2] ** 0.5, before & mask[:, None, None, :])
        weights = self.dropout(weights)
        mixed = real.pack((weights @ value).transpose(1, 2).flatten(2))
        by_interval = weights.new_zeros(len(x), self.heads, len(self.value_interval.weight))
        by_interval = by_interval.scatter_add(
            2, between, real.pack(weights.transpose(1, 2).flatten(2)).view_as(between)
        )
        return mixed + torch.einsum("phs,shd->phd", by_interval, self._of_heads(self.value_interval)).flatten(1)

    def _of_heads(self, table: nn.Embedding) -> Tensor:
        """(spans, D) to (spans, heads, D / heads)."""
        return table.weight.unflatten(1, (self.heads, -1))

    def _pad(self, packed: Tensor, real: RealPositions) -> Tensor:
        """(P, heads, L) to (B, heads, L, L)."""
        return real.pad(packed.flatten(1)).unflatten(2, (self.heads, -1)).transpose(1, 2)
