"""Penalties on interests against the equations in NumPy, one user and one interest at a time."""

import numpy as np
import pytest
import torch

from recbole_iacn.nn.diversity import attention_of_couplings, cosine_penalty, routing_penalty

LENGTHS = (6, 4, 1, 0)
MASK = torch.arange(6) < torch.tensor(LENGTHS).unsqueeze(1)
ACTIVE = torch.tensor([[True, True, True], [True, True, False], [True, False, False], [True, False, False]])


@pytest.fixture
def attention():
    rng = np.random.default_rng(4)
    weights = rng.random((4, 6, 3)) ** 3 * MASK.numpy()[:, :, None]
    return torch.from_numpy(weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-12))


def test_the_routing_penalty_is_the_squared_diagonal_of_the_covariance(attention):
    """Of the user's own interests, over the real behaviours."""
    total = 0.0
    for length, weights, own in zip(LENGTHS, attention.numpy(), ACTIVE.numpy()):
        if length:
            apart = weights[:length] - weights[:length].mean(axis=0)
            covariance = apart.T @ apart
            total += sum(covariance[k, k] ** 2 for k in range(3) if own[k])
    assert float(routing_penalty(attention, ACTIVE, MASK)) == pytest.approx(total / 4)


def test_the_routing_penalty_reaches_its_bounds():
    """0 where every interest reads all clicks alike, K (1 - 1/n)^2 where each reads one."""
    mask, active = torch.ones(1, 5, dtype=torch.bool), torch.ones(1, 3, dtype=torch.bool)
    assert float(routing_penalty(torch.full((1, 5, 3), 0.2), active, mask)) == pytest.approx(0, abs=1e-12)
    one_each = torch.eye(5)[:, :3].unsqueeze(0)
    assert float(routing_penalty(one_each, active, mask)) == pytest.approx(3 * 0.8**2)


def test_the_cosine_penalty_is_the_mean_over_pairs_and_rows():
    vectors = np.random.default_rng(5).normal(size=(4, 3, 2))
    total = 0.0
    for vector, own in zip(vectors, ACTIVE.numpy()):
        units = [one / np.linalg.norm(one) for one in vector[own]]
        pairs = [units[i] @ units[j] for i in range(len(units)) for j in range(i)]
        total += np.mean(pairs) if pairs else 0.0
    assert float(cosine_penalty(torch.from_numpy(vectors), ACTIVE)) == pytest.approx(total / 4)


def test_attention_of_couplings_adds_up_to_1_over_the_clicks():
    couplings = torch.tensor([[[0.9, 0.1, 0], [0.3, 0.7, 0]]])
    expected = [[0.75, 0.125, 0], [0.25, 0.875, 0]]
    assert attention_of_couplings(couplings)[0].numpy() == pytest.approx(np.array(expected))


@pytest.mark.parametrize("penalty", ["routing", "cosine"])
def test_a_step_against_the_gradient_lowers_the_penalty(penalty):
    torch.manual_seed(0)
    logits, vectors = torch.randn(4, 6, 3) * 3, torch.randn(4, 3, 5) + 1
    leaf = (logits if penalty == "routing" else vectors).requires_grad_()

    def value(of):
        if penalty == "cosine":
            return cosine_penalty(of, ACTIVE)
        weights = of.masked_fill(~MASK.unsqueeze(2), torch.finfo(of.dtype).min).softmax(dim=1) * MASK.unsqueeze(2)
        return routing_penalty(weights, ACTIVE, MASK)

    before = value(leaf)
    before.backward()
    assert leaf.grad.isfinite().all() and value(leaf - 0.1 * leaf.grad) < before
