"""A transformer block that computes real positions only."""

import torch
from torch import Tensor, nn

from recbole_iacn.nn.lookup import take


class RealPositions:
    """The real positions of a padded batch, end to end.

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
        """(P, D) to (B, L, D), zero where padding."""
        flat = packed.new_zeros(self.shape[0] * self.shape[1], packed.shape[1])
        return flat.index_copy(0, self.place, packed).view(*self.shape, -1)


class TransformerBlock(nn.Module):
    """One bidirectional block: attention, then a feed-forward net of width D, each added to its input and normalised.

    The same as ``torch.nn.TransformerEncoderLayer`` at real positions, but that what the heads found is added as it is,
    without a linear layer of its own. Histories are mostly padding, and the linear layers, which are most of the work,
    do not see it.

    Source: Kang and McAuley (SASRec), ICDM '18, section 3.2, both ways; as TiMiRec's authors have it in TiMiRec+.

    Args:
        embedding_size (int): D.
        heads (int): Defaults to 1.
        dropout (float): of what is added. Defaults to 0.

    Raises:
        ValueError: D is no multiple of the heads.
    """

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
        """Mix.

        Args:
            behaviors (torch.Tensor): shape (B, L, D).
            mask (torch.BoolTensor): True where a behaviour is real, shape (B, L).
            places (torch.Tensor, optional): embedded positions, shape (B, L, D): added where behaviours are compared
                (queries and keys), not where they are added up.

        Returns:
            torch.Tensor: shape (B, L, D), zero where padding.
        """
        real = RealPositions(mask)
        x = real.pack(behaviors)
        projected = self.projection(x) if places is None else self._project(x, x + real.pack(places))
        query, key, value = (split_heads(part, self.heads) for part in real.pad(projected).chunk(3, dim=2))
        products = query @ key.transpose(2, 3) / query.shape[3] ** 0.5
        weights = attention_weights(products, mask[:, None, None, :])
        mixed = real.pack((weights @ value).transpose(1, 2).flatten(2))
        x = self.attention_norm(x + self.dropout(mixed))
        return real.pad(self.forward_norm(x + self.dropout(self.back(self.hidden(x).relu()))))

    def _project(self, told: Tensor, compared: Tensor) -> Tensor:
        """Queries and keys of one, values of the other."""
        sizes = [2 * told.shape[1], told.shape[1]]
        weights, biases = self.projection.weight.split(sizes), self.projection.bias.split(sizes)
        parts = [nn.functional.linear(x, *own) for x, *own in zip((compared, told), weights, biases)]
        return torch.cat(parts, dim=1)


def split_heads(vectors: Tensor, heads: int) -> Tensor:
    """(B, L, D) to (B, heads, L, D / heads)."""
    return vectors.unflatten(2, (heads, -1)).transpose(1, 2)


def attention_weights(products: Tensor, seen: Tensor) -> Tensor:
    """Softmax over what is seen; over all, where nothing is.

    Args:
        products (torch.Tensor): of queries and keys, already divided, shape (B, heads, L, L).
        seen (torch.BoolTensor): which keys a query may see, of a shape that broadcasts.
    """
    # Finite in the precision at hand, or a row that sees nothing would be NaN.
    return products.masked_fill(~seen, torch.finfo(products.dtype).min).softmax(dim=3)
