"""Gated recurrences over histories of different lengths, without their padding."""

import torch
from torch.nn.functional import linear

from recbole_iacn.model.lookup import take


class TimeMajor:
    """The real positions of a padded batch in order of time: all first steps, then all second ones, …, the rows with
    the longest histories first, so that the rows that go on are always the first ones.

    PyTorch's PackedSequence has the same order, but its backward pass fills a whole tensor with zeros at every step.

    Args:
        lengths (torch.LongTensor): real positions of each row, at least 1, shape (B,).
        steps (int): T, the padded length.

    Raises:
        ValueError: a row has no real position.
    """

    def __init__(self, lengths, steps):
        order = lengths.argsort(descending=True, stable=True)
        real = torch.arange(steps, device=lengths.device).unsqueeze(1) < lengths[order]
        step, rank = real.nonzero(as_tuple=True)
        self.place = order[rank] * steps + step
        sizes = real.sum(dim=1)
        self.sizes = sizes[sizes > 0].tolist()
        if self.sizes[:1] != [len(lengths)]:
            raise ValueError("a recurrence needs at least one item in every history; leave out rows with an empty one")
        self.lengths, self.shape = lengths, (len(lengths), steps)
        self.last = (sizes.cumsum(0) - sizes)[lengths - 1] + order.argsort()

    def pack(self, padded):
        """(B, T, …) to (positions, …)."""
        return take(padded.flatten(0, 1), self.place)

    def pad(self, packed):
        """(positions, H) to (B, T, H), zero where padding."""
        rows, steps = self.shape
        flat = packed.new_zeros(rows * steps, packed.shape[1])
        return flat.index_copy(0, self.place, packed).view(rows, steps, -1)

    def numbers(self):
        """Which position stands where: (B, T), -1 where padding."""
        places = self.place.new_full((self.shape[0] * self.shape[1],), -1)
        return places.index_copy(0, self.place, torch.arange(len(self.place), device=places.device)).view(self.shape)

    def of(self, values):
        """One value a position: (B, T) to (positions,)."""
        return values.flatten()[self.place]


def recur(inputs, sizes, weight, bias, update):
    """Run a gated recurrence: ``h <- h + u * (n - h)`` with the candidate ``n = tanh(x_n + r * h_n)``, the reset gate
    ``r = sigmoid(x_r + h_r)`` and a share u that tells the kinds apart.

    x are the projected inputs, for all steps at once; h is the projected state.

    Args:
        inputs (sequence of torch.Tensor): each step's x, shape (rows, 3H), or (1, 3H) if all rows have the same.
        sizes (list of int): rows that take part in each step, not increasing.
        weight, bias (torch.Tensor): of the state, (3H, H) and (3H,), gates in the order r, u, n.
        update (Callable): from (gate ``sigmoid(x_u + h_u)`` of shape (rows, H), slice of positions) to u.

    Returns:
        torch.Tensor: the state after each position, time-major, shape (positions, H).
    """
    hidden = inputs[0].new_zeros(sizes[0], weight.shape[1])
    states, begin = [], 0
    for x, rows in zip(inputs, sizes):
        hidden = hidden[:rows]
        (x_r, x_u, x_n), (h_r, h_u, h_n) = x.chunk(3, dim=1), linear(hidden, weight, bias).chunk(3, dim=1)
        candidate = torch.tanh(x_n + torch.sigmoid(x_r + h_r) * h_n)
        share = update(torch.sigmoid(x_u + h_u), slice(begin, begin + rows))
        hidden = hidden + share * (candidate - hidden)
        states.append(hidden)
        begin += rows
    return torch.cat(states)
