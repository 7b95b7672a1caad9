from functools import partial

import pytest
import torch
from torch import nn

from recbole_iacn.nn import BehaviorToInterestRouting
from recbole_iacn.nn.by_length import extract_by_length, groups_by_length
from recbole_iacn.nn.extractor import PositionalRouting, SelfAttentiveInterests
from recbole_iacn.nn.transformer import TransformerBlock

LENGTH, SIZE = 30, 6
EXTRACTORS = {
    "routing": lambda: BehaviorToInterestRouting(SIZE, 3, LENGTH),
    "positional": lambda: PositionalRouting(SIZE, 3, LENGTH),
    "attention": lambda: SelfAttentiveInterests(SIZE, 3, LENGTH),
    "rounded": lambda: SelfAttentiveInterests(SIZE, 3, LENGTH, rounding="ceil"),
    "block": lambda: SelfAttentiveInterests(SIZE, 3, LENGTH, block=TransformerBlock(SIZE)),
}


def batch(lengths):
    lengths = torch.as_tensor(lengths)
    return torch.arange(LENGTH) < lengths.unsqueeze(1)


def mostly_short(rows=300):
    shares = torch.rand(rows, generator=torch.Generator().manual_seed(1))
    return batch((LENGTH * shares**4).long())  # an empty history, and one of nearly 30, are among them


class Counted(nn.Module):
    """An extractor, and the shapes that it was called with."""

    def __init__(self, extractor):
        super().__init__()
        self.extractor, self.shapes = extractor, []
        self.by_row = getattr(extractor, "by_row", False)

    def forward(self, behaviors, mask, **asked):
        self.shapes.append(tuple(mask.shape))
        return self.extractor(behaviors, mask, **asked)


@pytest.mark.parametrize("name", EXTRACTORS)
@pytest.mark.parametrize("asked", [{}, {"return_couplings": True}])
def test_the_same_as_one_call(name, asked):
    torch.manual_seed(0)
    extractor, mask = Counted(EXTRACTORS[name]().double()), mostly_short()
    behaviors = torch.randn(*mask.shape, SIZE, dtype=torch.double, requires_grad=True)
    weights = None
    found = []
    for by_length in (False, True):
        call = partial(extractor, **asked)
        embedded = behaviors * mask.unsqueeze(2)  # padding has a zero vector
        parts = extract_by_length(extractor, call, embedded, mask) if by_length else call(embedded, mask)
        weights = weights or [torch.randn(part.shape, dtype=torch.double) for part in parts]
        extractor.zero_grad()
        behaviors.grad = None
        sum((part * weight).sum() for part, weight in zip(parts, weights)).backward()
        gradients = [behaviors.grad, *(weight.grad for weight in extractor.parameters())]
        found.append([*parts, *(gradient for gradient in gradients if gradient is not None)])
    assert len(extractor.shapes) > 3  # the second time several calls
    assert len(found[0]) == len(found[1])
    for one, other in zip(*found):
        torch.testing.assert_close(other, one, rtol=1e-9, atol=1e-10)


def test_groups_hold_each_row_once_and_waste_little():
    mask = mostly_short(2000)
    groups = groups_by_length(mask)
    assert torch.equal(torch.cat([rows for rows, _ in groups]).sort().values, torch.arange(2000))
    assert all(int(mask[rows].sum(dim=1).max()) == length for rows, length in groups)
    assert [length for _, length in groups] == sorted((length for _, length in groups), reverse=True)
    computed = sum(len(rows) * length for rows, length in groups)
    assert mask.sum() < computed < 2.5 * mask.sum()
    assert mask.numel() > 4 * mask.sum()


@pytest.mark.parametrize(
    "lengths, sizes",
    [
        ([20] * 100, [100]),  # all alike
        ([20] * 99 + [11], [100]),
        ([30] + [4] * 200, [1, 200]),  # one long history is not the padding of all others
        ([30] * 20 + [4] * 20, [20, 20]),  # 20 * (30 - 4) = 520 positions of padding
        ([30] * 19 + [4] * 19, [38]),  # fewer than a call costs
        ([30] * 100 + [4] * 41, [100, 41]),  # 3,164 of 4,230 positions are computed: less than three quarters
        ([30] * 100 + [4] * 40, [140]),  # 3,160 of 4,200: more
        ([30] * 100 + [10] * 100 + [5] * 110 + [1] * 200, [100, 100, 110, 200]),
        ([30] * 100 + [10] * 100 + [5] * 10 + [1] * 20, [100, 130]),
        ([30] * 10 + [0] * 100, [10, 100]),
        ([0] * 100, [100]),
        ([], [0]),
    ],
)
def test_sizes_of_groups(lengths, sizes):
    assert [len(rows) for rows, _ in groups_by_length(batch(lengths or torch.zeros(0)))] == sizes


def test_an_extractor_that_does_not_say_that_its_rows_are_apart_is_called_once():
    mask = mostly_short()
    silent, no = Counted(EXTRACTORS["routing"]()), Counted(EXTRACTORS["routing"]())
    del silent.by_row
    no.by_row = False
    for extractor in (silent, no):
        extract_by_length(extractor, extractor, torch.zeros(*mask.shape, SIZE), mask)
        assert extractor.shapes == [tuple(mask.shape)]
