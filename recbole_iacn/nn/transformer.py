"""A transformer block, computed at real positions only."""

import torch
from torch import Tensor, nn

from recbole_iacn.nn.lookup import take


class RealPositions:
    """The real positions of a padded batch, concatenated.

    Args:
        mask (torch.BoolTensor): True where a position is real, shape (B, L).
    """

    def __init__(self, mask: Tensor) -> None:
        self.shape = mask.shape
        self.place = mask.flatten().nonzero().squeeze(1)

    def pack(self, padded: Tensor) -> Tensor:
        """(B, L, D) to (P, D)."""
        return take(padded.reshape(-1, padded.shape[2]), self.place)

    def pad(self, packed: Tensor) -> Tensor:
        """(P, D) to (B, L, D), zero at padding."""
        flat = packed.new_zeros(self.shape[0] * self.shape[1], packed.shape[1])
        return flat.index_copy(0, self.place, packed).view(*self.shape, -1)


class TransformerBlock(nn.Module):
    """One bidirectional block: attention, then a feed-forward net of width D, each added to its input and normalised.

    The same as ``torch.nn.TransformerEncoderLayer`` at real positions, except that the heads' output is added as it is,
    without an output projection. Histories are mostly padding, and the linear layers, which are most of the work,
    skip it.

    Source: Kang and McAuley (SASRec), ICDM '18, section 3.2, but bidirectional, as in TiMiRec+ by TiMiRec's authors.

    Args:
        embedding_size (int): D.
        heads (int): number of attention heads. Defaults to 1.
        dropout (float): dropout rate of both residual branches. Defaults to 0.

    Raises:
        ValueError: D is not a multiple of the heads.
    """

    positions = RealPositions  # or one that keeps padding, for an export

    def __init__(self, embedding_size: int, heads: int = 1, dropout: float = 0.0) -> None:
        super().__init__()
        if embedding_size % heads:
            raise ValueError(f"embedding_size must be a multiple of heads, got {embedding_size} and {heads}")
        self.heads = heads
        self.projection = nn.Linear(embedding_size, 3 * embedding_size)
        self.hidden, self.back = (nn.Linear(embedding_size, embedding_size) for _ in range(2))
        self.attention_norm, self.forward_norm = (nn.LayerNorm(embedding_size) for _ in range(2))
        self.dropout = nn.Dropout(dropout)

    def forward(self, behaviors: Tensor, mask: Tensor, places: Tensor | None = None) -> Tensor:
        """Mix the behaviours.

        Args:
            behaviors (torch.Tensor): shape (B, L, D).
            mask (torch.BoolTensor): True where a behaviour is real, shape (B, L).
            places (torch.Tensor, optional): embedded positions, shape (B, L, D): added to queries and keys,
                not to values.

        Returns:
            torch.Tensor: shape (B, L, D), zero at padding.
        """
        real = self.positions(mask)
        x = real.pack(behaviors)
        projected = self.projection(x) if places is None else self._project(x, x + real.pack(places))
        query, key, value = (split_heads(part, self.heads) for part in real.pad(projected).chunk(3, dim=2))
        products = query @ key.transpose(2, 3) / query.shape[3] ** 0.5
        weights = attention_weights(products, mask[:, None, None, :])
        mixed = real.pack((weights @ value).transpose(1, 2).flatten(2))
        x = self.attention_norm(x + self.dropout(mixed))
        return real.pad(self.forward_norm(x + self.dropout(self.back(self.hidden(x).relu()))))

    def _project(self, values: Tensor, compared: Tensor) -> Tensor:
        """Queries and keys of ``compared``, values of ``values``."""
        sizes = [2 * values.shape[1], values.shape[1]]
        weights, biases = self.projection.weight.split(sizes), self.projection.bias.split(sizes)
        parts = [nn.functional.linear(x, *own) for x, *own in zip((compared, values), weights, biases)]
        return torch.cat(parts, dim=1)


def split_heads(vectors: Tensor, heads: int) -> Tensor:
    """(B, L, D) to (B, heads, L, D / heads)."""
    return vectors.unflatten(2, (heads, -1)).transpose(1, 2)


def attention_weights(products: Tensor, seen: Tensor) -> Tensor:
    """Softmax over the visible keys; over all keys where none is visible.

    Args:
        products (torch.Tensor): of queries and keys, already divided, shape (B, heads, L, L).
        seen (torch.BoolTensor): which keys a query may see, of a shape that broadcasts.
    """
    # Finite in the given precision; otherwise a row without visible keys would be NaN.
    return products.masked_fill(~seen, torch.finfo(products.dtype).min).softmax(dim=3)
