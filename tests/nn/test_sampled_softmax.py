"""Sampled softmax: values against NumPy, gradients against PyTorch's cross entropy."""

import numpy as np
import pytest
import torch
from oracle import B, D, N, loss_oracle

from recbole_iacn.nn import (
    expected_log_count,
    sampled_softmax_loss,
)


@pytest.mark.parametrize("count", [0, N])
def test_sampled_softmax_equals_numpy(count):
    rng = np.random.default_rng(0)
    users, table = rng.normal(size=(B, D)), rng.normal(size=(7, D))
    ids, negative_ids = np.array([1, 2, 2, 5, 1]), np.array([2, 6, 5])[:count]
    targets, negatives = table[ids], table[negative_ids]
    frequency = np.array([0, 4, 3, 0, 1, 1, 2.0])
    t = torch.from_numpy
    candidate_ids = t(np.concatenate([ids, negative_ids]))
    log_q = expected_log_count(t(frequency), candidate_ids, B, count)
    got = sampled_softmax_loss(t(users), t(np.concatenate([targets, negatives])), candidate_ids, log_q)
    expected = loss_oracle(users, targets, ids, negatives, negative_ids, frequency)
    assert got.item() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("spread", [1, 100])
def test_sampled_softmax_has_the_gradients_of_its_parts(spread):
    """Against PyTorch's own cross entropy, also where most shares are far too small to have an effect. The 47
    candidates are 22 items."""
    torch.manual_seed(0)
    users, table = (torch.randn(count, D, dtype=torch.float64) * spread**0.5 for count in (40, 27))
    candidates = torch.cat([torch.randint(1, 20, (40,)), torch.arange(18, 25)])
    log_q = torch.randn(27, dtype=torch.float64)[candidates]

    def parts(users, table):
        same = (candidates[:40, None] == candidates) & ~torch.eye(40, 47, dtype=torch.bool)
        scores = (users @ table[candidates].T - log_q).masked_fill(same, -torch.inf)
        return torch.nn.functional.cross_entropy(scores, torch.arange(40))

    found = []
    for loss in (parts, lambda u, t: sampled_softmax_loss(u, t[candidates], candidates, log_q)):
        leaves = [part.clone().requires_grad_() for part in (users, table)]
        value = loss(*leaves)
        (3 * value).backward()
        found.append([value, *(leaf.grad for leaf in leaves)])
    assert len(candidates.unique()) == 22
    assert all(torch.allclose(one, other, atol=1e-12) for one, other in zip(*found))


def test_sampled_softmax_is_exact_under_autocast():
    torch.manual_seed(0)
    users, targets = torch.randn(40, D, requires_grad=True), torch.randn(40, D, requires_grad=True)
    ids, log_q = torch.arange(1, 41), torch.zeros(40)
    exact = sampled_softmax_loss(users, targets, ids, log_q)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = sampled_softmax_loss(users, targets, ids, log_q)
    assert loss.dtype == torch.float32 and torch.equal(loss, exact)
    loss.backward()
    assert users.grad.dtype == torch.float32 and torch.isfinite(targets.grad).all()


def test_sampled_softmax_of_no_rows_is_zero_with_a_gradient():
    users = torch.zeros(0, D, requires_grad=True)
    loss = sampled_softmax_loss(users, torch.zeros(0, D), torch.zeros(0, dtype=torch.long), torch.zeros(0))
    loss.backward()
    assert loss == 0


def test_padding_is_never_drawn():
    """Whatever the frequency of id 0. Of the two items P f / sum(f) + N / 2 are 2/3 + 3/2, 4/3 + 3/2."""
    found = expected_log_count(torch.tensor([7.0, 1.0, 2.0]), torch.tensor([[0, 1], [2, 0]]), 2, 3)
    expected = [[-np.inf, np.log(2 / 3 + 3 / 2)], [np.log(4 / 3 + 3 / 2), -np.inf]]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_sampled_softmax_of_half_precision_is_summed_in_float32():
    """The vectors are rounded; a sum of a thousand exponentials is not."""
    torch.manual_seed(0)
    users, candidates = (torch.randn(count, D).bfloat16() for count in (20, 1000))
    ids, log_q = torch.arange(1, 1001), torch.zeros(1000)
    loss = sampled_softmax_loss(users, candidates, ids, log_q)
    scores = users.double().numpy() @ candidates.double().numpy().T
    expected = np.mean(np.log(np.exp(scores).sum(axis=1)) - scores.diagonal())
    assert loss.dtype == torch.float32 and loss.item() == pytest.approx(expected, abs=1e-5)
