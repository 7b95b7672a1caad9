"""The softmax over shared candidates: values against NumPy, row by row, and gradients against finite differences."""

import numpy as np
import pytest
import torch

from recbole_iacn.nn import shared_softmax
from recbole_iacn.nn.shared_softmax import shared_softmax_loss

P, C, D = 7, 5, 3
COLUMN = [-1, 0, 4, 2, 2, -1, 1]


def oracle(users, own, candidates, column, own_bias, bias, hardness):
    losses = []
    for v, e, place, shift in zip(users, own, column, own_bias):
        kept = [c for c in range(len(candidates)) if c != place]
        scores, items = np.array([v @ candidates[c] for c in kept]), np.exp([bias[c] for c in kept])
        weights = np.exp(hardness * scores) / np.average(np.exp(hardness * scores), weights=items)
        target = np.exp(v @ e + shift)
        losses.append(-np.log(target / (target + np.sum(items * weights * np.exp(scores)))))
    return np.mean(losses)


def example(candidates=C):
    rng = np.random.default_rng(3)
    sizes = ((P, D), (P, D), (candidates, D), (P,), (candidates,))
    return [rng.normal(size=size) for size in sizes]


@pytest.mark.parametrize("hardness", [0.0, 0.7, 3.0])
@pytest.mark.parametrize("scores_at_once", [C, 3 * C, 1 << 20])
def test_the_loss_by_numpy(hardness, scores_at_once, monkeypatch):
    """Whatever the size of a block of rows, a rest included."""
    monkeypatch.setattr(shared_softmax, "_CACHED", scores_at_once)
    users, own, candidates, own_bias, bias = example()
    t = torch.from_numpy
    found = shared_softmax_loss(t(users), t(own), t(candidates), torch.tensor(COLUMN), t(own_bias), t(bias), hardness)
    assert found.item() == pytest.approx(oracle(users, own, candidates, COLUMN, own_bias, bias, hardness), abs=1e-10)


@pytest.mark.parametrize("hardness", [0.0, 0.7])
def test_its_gradients(hardness, monkeypatch):
    monkeypatch.setattr(shared_softmax, "_CACHED", 2 * C)
    users, own, candidates, own_bias, bias = (torch.from_numpy(part) for part in example())
    for part in (users, own, candidates):
        part.requires_grad_()

    def loss(*vectors):
        return shared_softmax_loss(*vectors, torch.tensor(COLUMN), own_bias, bias, hardness)

    assert torch.autograd.gradcheck(loss, (users, own, candidates))


def test_all_items_are_the_full_softmax():
    users, _, items, *_ = (torch.from_numpy(part) for part in example(9))
    targets = torch.tensor([0, 8, 3, 3, 5, 1, 2])
    found = shared_softmax_loss(users, items[targets], items, targets)
    assert found.item() == pytest.approx(torch.nn.functional.cross_entropy(users @ items.T, targets).item(), abs=1e-12)


def test_the_order_of_candidates_does_not_matter():
    users, own, candidates, own_bias, bias = (torch.from_numpy(part) for part in example())
    order = torch.tensor([3, 0, 4, 1, 2])
    column = torch.tensor(COLUMN)
    moved = torch.where(column < 0, -1, order.argsort()[column.clamp_min(0)])
    one = shared_softmax_loss(users, own, candidates, column, own_bias, bias)
    other = shared_softmax_loss(users, own, candidates[order], moved, own_bias, bias[order])
    assert one.item() == pytest.approx(other.item(), abs=1e-12)


@pytest.mark.parametrize("hardness", [0.0, 1.0])
def test_a_row_without_another_candidate_has_no_loss(hardness):
    """Its only candidate is its own target; its gradient is 0, not NaN."""
    users = torch.ones(1, 2, requires_grad=True)
    loss = shared_softmax_loss(users, torch.ones(1, 2), torch.ones(1, 2), torch.tensor([0]), hardness=hardness)
    loss.backward()
    assert loss.item() == 0 and users.grad.tolist() == [[0, 0]]


def test_no_rows():
    users = torch.ones(0, 2, requires_grad=True)
    loss = shared_softmax_loss(users, torch.ones(0, 2), torch.ones(3, 2), torch.zeros(0, dtype=torch.long))
    loss.backward()
    assert loss.item() == 0


def test_scores_that_overflow_exp():
    """Scores of thousands have a finite loss, and gradients."""
    users = torch.tensor([[4000.0], [-4000.0]], requires_grad=True)
    items = torch.tensor([[1.0], [-1.0]])
    loss = shared_softmax_loss(users, items[:1].expand(2, 1), items, torch.tensor([0, 0]))
    loss.backward()
    assert loss.item() == pytest.approx(4000) and users.grad.isfinite().all()


def test_it_is_exact_under_autocast():
    users, own, candidates, own_bias, bias = (torch.from_numpy(part).float() for part in example())
    exact = shared_softmax_loss(users, own, candidates, torch.tensor(COLUMN), own_bias, bias)
    with torch.autocast("cpu", torch.bfloat16):
        found = shared_softmax_loss(users, own, candidates, torch.tensor(COLUMN), own_bias, bias)
    assert torch.equal(found, exact)


def test_hardness_changes_nothing_where_all_scores_are_equal():
    """Whatever the biases."""
    bias = torch.tensor([0.0, 3.0, 6.0])
    losses = [
        shared_softmax_loss(
            torch.ones(1, 2), torch.ones(1, 2), torch.ones(3, 2), torch.tensor([-1]), None, bias, hardness
        )
        for hardness in (0.0, 1.0, 4.0)
    ]
    assert losses[0].item() == pytest.approx(np.log(1 + np.exp([0, 3, 6]).sum()), abs=1e-5)
    assert [one.item() for one in losses[1:]] == pytest.approx([losses[0].item()] * 2, abs=1e-5)


def test_half_precision_is_summed_in_single():
    """Vectors of bfloat16, as autocast makes them: the loss is that of their values, to float32."""
    users, own, candidates, own_bias, bias = (torch.from_numpy(part).bfloat16() for part in example())
    wanted = shared_softmax_loss(
        users.double(), own.double(), candidates.double(), torch.tensor(COLUMN), own_bias.double(), bias.double()
    )
    found = shared_softmax_loss(users, own, candidates, torch.tensor(COLUMN), own_bias, bias)
    assert found.dtype == torch.float32 and found.item() == pytest.approx(wanted.item(), abs=1e-6)


def test_biases_may_be_less_precise_than_vectors():
    users, own, candidates, own_bias, bias = (torch.from_numpy(part) for part in example())
    found = shared_softmax_loss(users, own, candidates, torch.tensor(COLUMN), own_bias.float(), bias.float())
    wanted = shared_softmax_loss(users, own, candidates, torch.tensor(COLUMN), own_bias, bias)
    assert found.item() == pytest.approx(wanted.item(), abs=1e-6)
