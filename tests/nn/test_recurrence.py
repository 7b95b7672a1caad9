"""The recurrence over rows in time-major order, against plain loops."""

import pytest
import torch

from recbole_iacn.nn.recurrence import Once, TimeMajor, recur, run_gru


@pytest.mark.parametrize("seed", range(3))
def test_time_major_order_and_recurrence_against_plain_loops(seed):
    """Against PyTorch's GRU, row by row; the packed order by hand."""
    torch.manual_seed(seed)
    lengths = torch.tensor([2, 4, 1, 4, 3])
    padded, gru = torch.randn(5, 4, 3), torch.nn.GRU(3, 6, batch_first=True)
    positions = TimeMajor(lengths, 4)
    assert positions.sizes == [5, 4, 3, 2]
    assert positions.place.tolist() == [4, 12, 16, 0, 8, 5, 13, 17, 1, 6, 14, 18, 7, 15]
    inputs = torch.nn.functional.linear(positions.pack(padded), gru.weight_ih_l0, gru.bias_ih_l0)
    one = torch.ones(len(inputs), 1)
    states = recur(inputs, positions.sizes, gru.weight_hh_l0, gru.bias_hh_l0, one, -one)
    filled = positions.pad(states)
    for row, length in enumerate(lengths.tolist()):
        expected = gru(padded[row : row + 1, :length])[0][0]
        assert torch.allclose(filled[row, :length], expected, atol=1e-6)
        assert (filled[row, length:] == 0).all()
        assert torch.allclose(positions.final(states)[row], expected[-1], atol=1e-6)


def test_gru_of_pytorch_takes_the_same_order_and_gives_the_same_states_and_gradients():
    """What a GPU runs, on the CPU; under autocast neither rounds."""
    torch.manual_seed(0)
    positions, gru = TimeMajor(torch.tensor([2, 0, 4, 1]), 4), torch.nn.GRU(3, 6, batch_first=True)
    x = torch.randn(7, 3)

    def found(run):
        given = x.clone().requires_grad_()
        with torch.autocast("cpu", torch.bfloat16):
            states = run(given)
        return [states, *torch.autograd.grad(states.square().sum(), [given, *gru.parameters()])]

    def ours(given):
        with torch.autocast("cpu", enabled=False):
            inputs = torch.nn.functional.linear(given, gru.weight_ih_l0, gru.bias_ih_l0)
        return recur(inputs, positions.sizes, gru.weight_hh_l0, gru.bias_hh_l0, 1.0, -1.0)

    for one, other in zip(found(ours), found(lambda given: run_gru(gru, given, positions.sizes))):
        torch.testing.assert_close(one, other)


def test_rows_without_positions_have_no_part_in_the_order_and_end_at_zero():
    positions = TimeMajor(torch.tensor([0, 2, 0, 1]), 3)
    assert positions.sizes == [2, 1]
    assert positions.place.tolist() == [3, 9, 4]
    packed = torch.tensor([[1.0], [2.0], [3.0]])
    assert positions.final(packed).tolist() == [[0.0], [3.0], [0.0], [2.0]]
    assert positions.pad(packed).squeeze(2).tolist() == [[0, 0, 0], [1, 3, 0], [0, 0, 0], [2, 0, 0]]


def test_no_positions_at_all():
    positions = TimeMajor(torch.zeros(2, dtype=torch.long), 3)
    assert positions.sizes == [] and len(positions.place) == 0
    gru, one = torch.nn.GRU(3, 6), torch.ones(0, 1)
    x = torch.zeros(0, 18, requires_grad=True)
    states = recur(x, positions.sizes, gru.weight_hh_l0, gru.bias_hh_l0, one, -one)
    final = positions.final(states)
    assert final.shape == (2, 6) and (final == 0).all()
    final.sum().backward()
    assert (gru.weight_hh_l0.grad == 0).all() and x.grad.shape == (0, 18)


def test_gradients_of_the_recurrence_against_finite_differences():
    torch.manual_seed(0)
    sizes, width = [4, 3, 1], 2
    shapes = [(8, 3 * width), (3 * width, width), (3 * width,), (8, 1), (8, 1)]
    given = [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]
    assert torch.autograd.gradcheck(lambda x, *others: recur(x, sizes, *others), given)


@pytest.mark.parametrize(("offset", "factor"), [(1.0, -1.0), (0.0, None), (None, 0.0)])
def test_numbers_stand_for_all_positions(offset, factor):
    """A GRU's, AUGRU's and AGRU's; outputs and gradients are those of tensors that contain them."""
    torch.manual_seed(0)
    sizes, width = [4, 3, 1], 2
    shapes = [(8, 3 * width), (3 * width, width), (3 * width,), (8, 1)]
    *given, attention = (torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes)
    results = []
    for number in (lambda value: value, lambda value: torch.full((8, 1), value, dtype=torch.float64)):
        parts = [attention if part is None else number(part) for part in (offset, factor)]
        states = recur(given[0], sizes, *given[1:], *parts)
        reads = given if offset is not None and factor is not None else [*given, attention]
        results.append([states.detach(), *torch.autograd.grad(states.square().sum(), reads)])
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize(("rows", "distinct"), [([0, 1, 2, 0, 1, 2], 3), ([3, 0, 3, 1, 3, 0], 3), ([0, 1, 2, 0, 3], 5)])
def test_each_history_once_and_its_values_where_it_stands(rows, distinct):
    """Four different ones of five are no reason to look for them. An empty history has no positions."""
    lengths = torch.tensor([3, 1, 2, 0])[rows]
    history = torch.tensor([[5, 6, 7], [5, 0, 0], [6, 5, 0], [0, 0, 0]])[rows]
    once = Once.of(history, TimeMajor(lengths, 3))
    assert len(once.row) == distinct and (once.number is None) == (distinct == len(rows))
    values = once.positions.pack(history[once.row].unsqueeze(2)).float()
    assert once.batch.pad(once.spread(values)).squeeze(2).tolist() == history.tolist()
