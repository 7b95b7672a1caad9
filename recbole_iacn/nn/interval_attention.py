"""Self-attention that knows how much time lies between two clicks."""

import torch
from torch import nn

from recbole_iacn.nn.extractor import positions_from_now


def personal_intervals(seconds, mask, span):
    """Time between the clicks of a history, in units of its own shortest one.

    ``r_ij = min(|t_i - t_j| // t_min, span)``, where ``t_min`` is the shortest time other than 0 between two clicks.
    Source: Li et al. (TiSASRec), WSDM '20, section 3.2.

    Args:
        seconds (torch.LongTensor): when each click was, from any start, shape (B, L).
        mask (torch.BoolTensor): True where a click is real, shape (B, L).
        span (int): the longest interval that is told from longer ones.

    Returns:
        torch.LongTensor: shape (B, L, L); 0 at padding.
    """
    apart = (seconds.unsqueeze(2) - seconds.unsqueeze(1)).abs()
    apart = apart.masked_fill(~(mask.unsqueeze(2) & mask.unsqueeze(1)), 0)
    longest = torch.iinfo(apart.dtype).max
    unit = apart.masked_fill(apart == 0, longest).flatten(1).amin(dim=1)  # without any, all is 0 whatever the unit
    return (apart // unit[:, None, None]).clamp_max(span)


class IntervalBlock(nn.Module):
    """One causal block whose keys and values know positions and intervals, then a feed-forward net.

    ``e_ij = q_i . (k_j + r^K_ij + p^K_j) / sqrt(D)``, ``z_i = sum_j softmax(e_ij) (v_j + r^V_ij + p^V_j)``; both parts
    are added to their normalised input. The vectors r of an interval are never laid out as (B, L, L, D): queries meet
    the table of intervals first, and weights are added up by interval before they meet it.

    Source: Li et al. (TiSASRec), WSDM '20, section 3.4.

    Args:
        embedding_size (int): D.
        max_length (int): the longest history.
        span (int): the longest interval.
        heads (int): Defaults to 1.
        dropout (float): of weights and of what is added. Defaults to 0.

    Raises:
        ValueError: D is no multiple of the heads.
    """

    def __init__(self, embedding_size, max_length, span, heads=1, dropout=0.0):
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

    def forward(self, behaviors, mask, intervals):
        """Mix.

        Args:
            behaviors (torch.Tensor): shape (B, L, D).
            mask (torch.BoolTensor): True where a behaviour is real, shape (B, L).
            intervals (torch.LongTensor): of :func:`personal_intervals`, shape (B, L, L).

        Returns:
            torch.Tensor: shape (B, L, D); what stands at padding has no meaning.
        """
        normed = self.attention_norm(behaviors)
        behaviors = normed + self.dropout(self._attend(normed, mask, intervals))
        normed = self.forward_norm(behaviors)
        return normed + self.dropout(self.forward_net(normed))

    def _attend(self, x, mask, intervals):
        place, length = positions_from_now(mask), x.shape[1]
        query = self._split(self.query(x))
        key = self._split(self.key(x) + self.key_position(place))
        value = self._split(self.value(x) + self.value_position(place))
        key_interval, value_interval = (
            self._split(table.weight.unsqueeze(0)) for table in (self.key_interval, self.value_interval)
        )
        between = intervals.unsqueeze(1).expand(-1, self.heads, -1, -1)
        scores = query @ key.transpose(2, 3) + (query @ key_interval.transpose(2, 3)).gather(3, between)
        before = torch.ones(length, length, dtype=torch.bool, device=x.device).tril()
        seen = before & mask[:, None, None, :]
        scores = (scores / query.shape[3] ** 0.5).masked_fill(~seen, torch.finfo(scores.dtype).min)
        weights = self.dropout(scores.softmax(dim=3))
        by_interval = weights.new_zeros(*weights.shape[:3], value_interval.shape[2]).scatter_add(3, between, weights)
        mixed = weights @ value + by_interval @ value_interval
        return mixed.transpose(1, 2).flatten(2)

    def _split(self, vectors):
        """(B, L, D) to (B, heads, L, D / heads)."""
        return vectors.unflatten(2, (self.heads, -1)).transpose(1, 2)
