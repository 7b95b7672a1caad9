"""Label-aware attention, sampled softmax, gradient mixing and the whole network."""

import numpy as np
import pytest
import torch
from oracle import B, D, K, L, N, example, loss_oracle, softmax

from recbole_iacn.nn import (
    BehaviorToInterestRouting,
    InterestAwareNetwork,
    LabelAwareAttention,
    expected_log_count,
    mix_gradient,
    sampled_softmax_loss,
)


def test_short_and_empty_histories_stay_finite():
    network = InterestAwareNetwork(D, L, num_interests=K)
    history = torch.randn(2, L, D, requires_grad=True)
    mask = torch.zeros(2, L, dtype=torch.bool)
    mask[0, 0] = True
    ids = torch.tensor([1, 2])
    loss = network.loss(history, mask, torch.randn(2, D), ids, torch.zeros(2))
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(history.grad).all()
    assert all(torch.isfinite(p.grad).all() for p in network.parameters())
    assert (history.grad[1] == 0).all()


def test_interests_beyond_the_users_own_get_exactly_zero_weight():
    history, mask, target = example()
    interests, active = BehaviorToInterestRouting(D, K, L)(history, mask)
    assert (interests[~active] == 0).all()
    for mode in ("pow", "scale", "hard"):
        weights = LabelAwareAttention(mode, 2.0)(interests, target, active)[1]
        assert (weights[~active] == 0).all()
        assert torch.allclose(weights.sum(dim=1), torch.ones(B))


@pytest.mark.parametrize("power", [0, 0.5, 1, 2, 3])
def test_pow_attention_by_hand_keeps_the_sign(power):
    interests = torch.eye(3).unsqueeze(0)
    target = torch.tensor([[0.5, -0.5, 2.0]])
    x = target[0].numpy()
    expected = softmax(np.sign(x) * np.abs(x) ** power if power else np.zeros(3))
    mask = torch.ones(1, 3, dtype=torch.bool)
    user, weights = LabelAwareAttention("pow", power)(interests, target, mask)
    np.testing.assert_allclose(weights[0], expected, atol=1e-6)
    np.testing.assert_allclose(user[0], expected, atol=1e-6)


def test_scale_and_hard_attention_by_hand():
    interests = torch.eye(3).unsqueeze(0)
    target = torch.tensor([[0.5, -0.5, 2.0]])
    mask = torch.tensor([[True, True, False]])
    weights = LabelAwareAttention("scale", 2.0)(interests, target, mask)[1][0]
    np.testing.assert_allclose(weights[:2], softmax(np.array([1.0, -1.0])), atol=1e-6)
    assert weights[2] == 0
    assert LabelAwareAttention("hard")(interests, target, mask)[1].tolist() == [[1.0, 0.0, 0.0]]


def test_pow_attention_is_finite_at_score_zero():
    interests = torch.zeros(1, 2, 3, requires_grad=True)
    mask = torch.ones(1, 2, dtype=torch.bool)
    LabelAwareAttention("pow", 0.5)(interests, torch.ones(1, 3), mask)[0].sum().backward()
    assert torch.isfinite(interests.grad).all()


@pytest.mark.parametrize("count", [0, N])
def test_sampled_softmax_equals_numpy(count):
    rng = np.random.default_rng(0)
    users, targets = rng.normal(size=(2, B, D))
    ids = np.array([1, 2, 2, 5, 1])
    negatives, negative_ids = rng.normal(size=(count, D)), np.array([2, 6, 5])[:count]
    frequency = np.array([0, 4, 3, 0, 1, 1, 2.0])
    t = torch.from_numpy
    candidate_ids = t(np.concatenate([ids, negative_ids]))
    log_q = expected_log_count(t(frequency), candidate_ids, B, count)
    got = sampled_softmax_loss(t(users), t(np.concatenate([targets, negatives])), candidate_ids, log_q)
    expected = loss_oracle(users, targets, ids, negatives, negative_ids, frequency)
    assert got.item() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("spread", [1, 100])
def test_sampled_softmax_has_the_gradients_of_its_parts(spread):
    """Against PyTorch's own cross entropy, also where most shares are far too small to be felt."""
    torch.manual_seed(0)
    users, targets = (torch.randn(40, D, dtype=torch.float64) * spread**0.5 for _ in range(2))
    others, ids = torch.randn(7, D, dtype=torch.float64), torch.randint(1, 20, (40,))
    log_q = torch.randn(47, dtype=torch.float64)
    candidate_ids = torch.cat([ids, torch.arange(20, 27)])

    def parts(users, targets, others):
        scores = users @ torch.cat([targets, others]).T - log_q
        same = (ids[:, None] == candidate_ids) & ~torch.eye(40, 47, dtype=torch.bool)
        return torch.nn.functional.cross_entropy(scores.masked_fill(same, -torch.inf), torch.arange(40))

    found = []
    for loss in (parts, lambda u, t, o: sampled_softmax_loss(u, torch.cat([t, o]), candidate_ids, log_q)):
        leaves = [part.clone().requires_grad_() for part in (users, targets, others)]
        value = loss(*leaves)
        (3 * value).backward()
        found.append([value, *(leaf.grad for leaf in leaves)])
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


@pytest.mark.parametrize("profile_size", [0, 3])
@pytest.mark.parametrize(("attention", "power"), [("pow", 2.0), ("pow", 1.5), ("scale", 2.0)])
def test_gradcheck_of_the_whole_network(attention, power, profile_size):
    """With one iteration the routing has no detached part, so autograd and finite differences must agree."""
    torch.manual_seed(0)
    network = InterestAwareNetwork(
        D, L, K, iterations=1, attention=attention, power=power, profile_size=profile_size
    ).double()
    history, mask, target = example(torch.float64)
    profile = torch.randn(B, profile_size, dtype=torch.float64) if profile_size else None
    negatives = torch.randn(N, D, dtype=torch.float64, requires_grad=True)
    ids, negative_ids = torch.tensor([1, 2, 3, 2, 5]), torch.tensor([2, 6, 7])
    candidate_ids = torch.cat([ids, negative_ids])
    log_q = expected_log_count(torch.arange(8, dtype=torch.float64), candidate_ids, B, N)

    def loss(history, target, negatives, bilinear):
        parameters = {**dict(network.named_parameters()), "extractor.bilinear": bilinear}
        arguments = (history, mask, torch.cat([target, negatives]), candidate_ids, log_q, profile)
        return torch.func.functional_call(Loss(network), {f"network.{k}": v for k, v in parameters.items()}, arguments)

    bilinear = network.extractor.bilinear.detach().clone().requires_grad_()
    # a vector of length exactly 0 (the empty history) is where squash is only once differentiable
    assert torch.autograd.gradcheck(loss, (history.requires_grad_(), target.requires_grad_(), negatives, bilinear))


@pytest.mark.parametrize(
    ("sizes", "given", "message"),
    [
        ({"profile_size": 3}, {}, "a profile must be given"),
        ({}, {"profile": 3}, "a profile must be given"),
        ({"state_size": 3}, {}, "a state must be given"),
        ({}, {"state": 3}, "a state must be given"),
    ],
)
def test_profile_and_state_go_with_their_sizes(sizes, given, message):
    """A profile or state that the network has no layer for would be ignored, a missing one end in an AttributeError."""
    history, mask, target = example()
    inputs = {name: torch.randn(B, size) for name, size in given.items()}
    with pytest.raises(ValueError, match=message):
        InterestAwareNetwork(D, L, K, **sizes).loss(history, mask, target, torch.arange(B), torch.zeros(B), **inputs)


def test_only_a_network_with_a_state_foresees():
    history, mask, _ = example()
    with pytest.raises(ValueError, match="only a network with a state_size foresees an interest"):
        InterestAwareNetwork(D, L, K).foresee(history, mask, torch.randn(B, 3))


class Loss(torch.nn.Module):
    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, *arguments):
        return self.network.loss(*arguments)


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_mix_gradient_keeps_values_and_scales_gradients(weight):
    x = torch.randn(3, 2, requires_grad=True)
    mixed = mix_gradient(x, weight)
    assert torch.equal(mixed, x)
    (mixed * 2).sum().backward() if weight else None
    assert torch.allclose(x.grad if weight else torch.zeros(3, 2), torch.full((3, 2), 2 * weight))


def test_mix_gradient_by_part():
    x = torch.ones(2, 3, requires_grad=True)
    mix_gradient(x, torch.tensor([[1.0], [0.25]])).sum().backward()
    assert x.grad.tolist() == [[1.0] * 3, [0.25] * 3]


@pytest.mark.parametrize("delta", [0.0, 0.3, 1.0])
def test_one_pass_mixes_the_gradients_of_two(delta):
    torch.manual_seed(0)
    e = torch.randn(4, 3, requires_grad=True)

    def main(x):
        return (x**3).sum()

    def auxiliary(x):
        return x.sin().sum()

    g_main = torch.autograd.grad(main(e), e)[0]
    g_aux = torch.autograd.grad(auxiliary(e), e)[0]
    (main(mix_gradient(e, delta)) + auxiliary(mix_gradient(e, 1 - delta))).backward()
    assert torch.allclose(e.grad, (1 - delta) * g_aux + delta * g_main, atol=1e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: mix_gradient(torch.ones(1), 1.5), "weight must lie in"),
        (lambda: BehaviorToInterestRouting(D, 0, L), "num_interests must be at least 1"),
        (lambda: BehaviorToInterestRouting(D, K, L, iterations=0), "iterations must be at least 1"),
        (lambda: BehaviorToInterestRouting(D, K, L, rounding="up"), "rounding must be one of"),
        (lambda: LabelAwareAttention("soft"), "mode must be one of"),
        (lambda: LabelAwareAttention("pow", -1), "power must be at least 0"),
        (
            lambda: BehaviorToInterestRouting(D, K, L)(torch.ones(1, L + 1, D), torch.ones(1, L + 1, dtype=torch.bool)),
            "max_length is 7",
        ),
    ],
)
def test_wrong_arguments_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
