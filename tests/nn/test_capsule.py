"""Routing against NumPy, its properties, and the mistakes that public implementations make."""

import numpy as np
import pytest
import torch
from oracle import B, D, K, L, example, routing_oracle

from recbole_iacn.nn import BehaviorToInterestRouting, interest_count, squash


def routing(**options):
    torch.manual_seed(1)
    return BehaviorToInterestRouting(D, K, L, **options)


def test_squash_by_hand():
    assert torch.allclose(squash(torch.tensor([3.0, 4.0])), torch.tensor([0.6, 0.8]) * 25 / 26)


def test_squash_is_finite_and_flat_at_zero():
    s = torch.zeros(3, requires_grad=True)
    squash(s).sum().backward()
    assert torch.equal(squash(s), torch.zeros(3))
    assert torch.equal(s.grad, torch.zeros(3))


@pytest.mark.parametrize(
    ("rounding", "expected"),
    [("ceil", [1, 1, 1, 2, 2, 3, 3, 4, 4]), ("floor", [1, 1, 1, 1, 2, 2, 3, 3, 4]), (None, [4] * 9)],
)
def test_interest_count_by_hand(rounding, expected):
    lengths = torch.tensor([0, 1, 2, 3, 4, 5, 8, 9, 1000])
    assert interest_count(lengths, 4, rounding).tolist() == expected


def test_interest_count_at_every_power_of_two():
    powers = 2 ** torch.arange(1, 40)
    assert interest_count(powers, 64).tolist() == list(range(1, 40))
    assert interest_count(powers + 1, 64).tolist() == list(range(2, 41))
    assert interest_count(powers, 64, "floor").tolist() == list(range(1, 40))


@pytest.mark.parametrize("iterations", [1, 4, 10])
def test_settled_routing_equals_numpy(iterations):
    """From ten times the cosines with starts that lie apart, found by loops."""
    layer = routing()
    torch.nn.init.normal_(layer.bilinear)
    history, mask, _ = example()
    interests, active, couplings = layer.settled(history, mask, iterations)
    counts = interest_count(mask.sum(1), K)
    for row in range(B):
        length = int(mask[row].sum())
        if length == 0:
            assert not couplings[row].any()
            continue
        mapped = history[row].numpy() @ layer.bilinear.detach().numpy().T
        unit = mapped / np.linalg.norm(mapped, axis=1, keepdims=True)
        starts = [length - 1]  # the newest
        while len(starts) < K:
            nearest = [max(unit[place] @ unit[start] for start in starts) for place in range(length)]
            starts.append(int(np.argmin(nearest)))
        logits = 10 * unit @ unit[starts].T
        u, a = routing_oracle(
            history[row].numpy(),
            mask[row].numpy(),
            layer.bilinear.detach().numpy(),
            logits,
            iterations,
            int(counts[row]),
        )
        np.testing.assert_allclose(interests[row].detach(), u, atol=1e-4)
        np.testing.assert_allclose(couplings[row].detach(), a, atol=1e-4)
        assert active[row].sum() == counts[row]


def test_settled_routing_does_not_see_the_order_of_older_behaviours():
    layer, mask = routing(), torch.ones(1, L, dtype=torch.bool)
    history = torch.randn(1, L, D, generator=torch.Generator().manual_seed(3))
    order = torch.tensor([*range(L - 2, -1, -1), L - 1])
    interests, _, couplings = layer.settled(history, mask, 10)
    other, _, moved = layer.settled(history[:, order], mask, 10)
    assert torch.allclose(other, interests, atol=1e-5) and torch.allclose(moved, couplings[:, order], atol=1e-5)


@pytest.mark.parametrize("iterations", [1, 2, 3, 5])
def test_routing_equals_numpy(iterations):
    layer = routing(iterations=iterations)
    history, mask, _ = example()
    interests, active, couplings = layer(history, mask, return_couplings=True)
    counts = interest_count(mask.sum(1), K)
    for row in range(B):
        u, a = routing_oracle(
            history[row].numpy(),
            mask[row].numpy(),
            layer.bilinear.detach().numpy(),
            layer.initial_logits.numpy(),
            iterations,
            int(counts[row]),
        )
        np.testing.assert_allclose(interests[row].detach(), u, atol=1e-5)
        np.testing.assert_allclose(couplings[row].detach(), a, atol=1e-5)
        assert active[row].sum() == counts[row]


def test_couplings_divide_each_behaviour_among_interests():
    """A softmax over the history instead of the interests is the most common mistake in public code."""
    history, mask, _ = example()
    _, _, couplings = routing()(history, mask, return_couplings=True)
    assert torch.allclose(couplings.sum(dim=2)[mask], torch.ones(int(mask.sum())))
    assert (couplings[~mask] == 0).all()
    assert not torch.allclose(couplings[0].sum(dim=0), torch.ones(K), atol=0.05)


def test_initial_logits_are_unequal_fixed_and_saved():
    """Equal starts leave all capsules equal; trained starts are not the papers' routing."""
    layer = routing()
    history, mask, _ = example()
    assert "initial_logits" in layer.state_dict()
    assert "initial_logits" not in dict(layer.named_parameters())
    assert len(layer.initial_logits.unique()) == L * K
    first, second = layer(history, mask)[0], layer(history, mask)[0]
    assert torch.equal(first, second)
    capsules = first[0]
    assert torch.cdist(capsules, capsules)[~torch.eye(K, dtype=torch.bool)].min() > 1e-4
    layer.initial_logits.zero_()
    equal = layer(history, mask)[0][0, : interest_count(mask[0].sum(), K)]
    assert torch.allclose(equal, equal[:1].expand_as(equal), atol=1e-6)


def test_logits_accumulate_and_are_not_overwritten_by_couplings():
    """Two iterations by hand, for one behaviour: b + u.Mx, from b itself and not from softmax(b)."""
    layer = routing(iterations=2)
    layer.bilinear.data = torch.eye(D)
    x = torch.zeros(1, 4, D)
    x[0, 0, 0] = 2.0
    x[0, 1, 1] = 1.0
    mask = torch.tensor([[True, True, True, True]])
    b = layer.initial_logits[:4, :2]
    a = b.softmax(dim=1)
    u = squash(a.T @ x[0])
    expected = (b + x[0] @ u.T).softmax(dim=1)
    overwritten = (a + x[0] @ u.T).softmax(dim=1)
    couplings = layer(x, mask, return_couplings=True)[2][0, :, :2]
    assert torch.allclose(couplings, expected, atol=1e-6)
    assert not torch.allclose(couplings, overwritten, atol=1e-3)


def test_padding_changes_nothing():
    layer = routing()
    history, mask, _ = example()
    interests = layer(history, mask)[0]
    noisy = torch.where(mask.unsqueeze(-1), history, torch.randn(B, L, D) * 100)
    assert torch.equal(layer(noisy, mask)[0], interests)
    # fewer padding columns
    short = mask[:, :4]
    assert torch.allclose(layer(history[1:, :4], short[1:])[0], interests[1:], atol=1e-6)


def test_permuting_the_history_permutes_the_couplings():
    layer = routing()
    history, mask, _ = example()
    interests, _, couplings = layer(history[:1], mask[:1], return_couplings=True)
    order = torch.randperm(L, generator=torch.Generator().manual_seed(3))
    layer.initial_logits.copy_(layer.initial_logits[order].clone())
    moved, _, moved_couplings = layer(history[:1, order], mask[:1], return_couplings=True)
    assert torch.allclose(moved_couplings, couplings[:, order], atol=1e-6)
    assert torch.allclose(moved, interests, atol=1e-6)


@pytest.mark.parametrize("map_scale", [1.0, 40.0])
def test_gradients_flow_through_the_last_iteration_only(map_scale):
    """With the couplings of the last iteration held fixed, the gradient must be the same; at a scale of 40 they are
    nearly 0 or 1, and gradients through the other iterations could hardly be seen."""
    layer = routing(iterations=3, map_scale=map_scale)
    history, mask, _ = example()
    history.requires_grad_()
    interests, _, couplings = layer(history, mask, return_couplings=True)
    interests.square().sum().backward()
    found, layer.bilinear.grad = layer.bilinear.grad, None
    detached = history.detach().requires_grad_()
    fixed = squash(couplings.detach().transpose(1, 2) @ (detached @ layer.bilinear.T))
    fixed.square().sum().backward()
    assert torch.allclose(history.grad, detached.grad, atol=1e-6)
    assert torch.allclose(found, layer.bilinear.grad, atol=1e-6)


def test_gradcheck_of_squash():
    s = torch.randn(4, D, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(squash, (s,))
