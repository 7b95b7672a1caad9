"""The formulas of recbole_iacn.nn against plain NumPy, written as loops from the equations."""

import numpy as np
import pytest
import torch

from recbole_iacn.nn import (
    BehaviorToInterestRouting,
    InterestAwareNetwork,
    LabelAwareAttention,
    expected_log_count,
    interest_count,
    mix_gradient,
    sampled_softmax_loss,
    squash,
)

B, L, K, D, N = 5, 7, 4, 6, 3


def softmax(x):
    e = np.exp(x - x.max())
    return e / e.sum()


def squash_oracle(s):
    n = np.sqrt((s * s).sum())
    return np.zeros_like(s) if n == 0 else n**2 / (1 + n**2) * s / n


def routing_oracle(history, mask, bilinear, start, iterations, count):
    """Algorithm 1 of MIND for one user, one pair (behaviour i, interest j) at a time."""
    mapped = [bilinear @ e for e in history]
    b = start.copy()
    for t in range(iterations):
        a = np.zeros((len(history), K))
        for i in range(len(history)):
            if mask[i]:
                a[i, :count] = softmax(b[i, :count])
        u = np.zeros((K, D))
        for j in range(count):
            u[j] = squash_oracle(sum(a[i, j] * mapped[i] for i in range(len(history))))
        if t < iterations - 1:
            for i in range(len(history)):
                for j in range(count):
                    b[i, j] += u[j] @ mapped[i]
    return u, a


def example(dtype=torch.float32, seed=0):
    generator = torch.Generator().manual_seed(seed)
    history = torch.randn(B, L, D, generator=generator, dtype=dtype)
    mask = torch.arange(L) < torch.tensor([L, 4, 2, 1, 0]).unsqueeze(1)
    target = torch.randn(B, D, generator=generator, dtype=dtype)
    return history, mask, target


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
    [("ceil", [1, 1, 1, 2, 2, 3, 3, 4, 4]), ("floor", [1, 1, 1, 1, 2, 2, 3, 3, 4])],
)
def test_interest_count_by_hand(rounding, expected):
    lengths = torch.tensor([0, 1, 2, 3, 4, 5, 8, 9, 1000])
    assert interest_count(lengths, 4, rounding).tolist() == expected


def test_interest_count_at_every_power_of_two():
    powers = 2 ** torch.arange(1, 40)
    assert interest_count(powers, 64).tolist() == list(range(1, 40))
    assert interest_count(powers + 1, 64).tolist() == list(range(2, 41))
    assert interest_count(powers, 64, "floor").tolist() == list(range(1, 40))


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
    """A softmax over the history instead of the interests is the commonest public mistake."""
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


def test_short_and_empty_histories_stay_finite():
    network = InterestAwareNetwork(D, L, num_interests=K)
    history = torch.randn(2, L, D, requires_grad=True)
    mask = torch.zeros(2, L, dtype=torch.bool)
    mask[0, 0] = True
    ids = torch.tensor([1, 2])
    loss = network.loss(history, mask, torch.randn(2, D), ids, torch.ones(4))
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(history.grad).all()
    assert all(torch.isfinite(p.grad).all() for p in network.parameters())
    assert (history.grad[1] == 0).all()


def test_interests_beyond_the_users_own_get_exactly_zero_weight():
    history, mask, target = example()
    interests, active = routing()(history, mask)
    assert (interests[~active] == 0).all()
    for mode in ("pow", "scale", "hard"):
        weights = LabelAwareAttention(mode, 2.0)(interests, target, active)[1]
        assert (weights[~active] == 0).all()
        assert torch.allclose(weights.sum(dim=1), torch.ones(B))


def test_gradients_flow_through_the_last_iteration_only():
    """With the couplings of the last iteration held fixed, the gradient must be the same."""
    layer = routing(iterations=3)
    history, mask, _ = example()
    history.requires_grad_()
    interests, _, couplings = layer(history, mask, return_couplings=True)
    interests.square().sum().backward()
    detached = history.detach().requires_grad_()
    fixed = squash(couplings.detach().transpose(1, 2) @ (detached @ layer.bilinear.T))
    fixed.square().sum().backward()
    assert torch.allclose(history.grad, detached.grad, atol=1e-6)


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


def loss_oracle(users, targets, ids, negatives, negative_ids, frequency):
    """-log P(e_t | i_u), candidate by candidate."""
    candidates = np.concatenate([targets, negatives])
    candidate_ids = np.concatenate([ids, negative_ids])
    items = len(frequency) - 1
    q = len(ids) * frequency / frequency[1:].sum() + len(negative_ids) / items
    losses = []
    for row in range(len(users)):
        exponents = []
        for column, candidate in enumerate(candidate_ids):
            if column != row and candidate == ids[row]:
                continue
            exponents.append(users[row] @ candidates[column] - np.log(q[candidate]))
        own = users[row] @ targets[row] - np.log(q[ids[row]])
        losses.append(np.log(np.exp(exponents).sum()) - own)
    return np.mean(losses)


@pytest.mark.parametrize("count", [0, N])
def test_sampled_softmax_equals_numpy(count):
    rng = np.random.default_rng(0)
    users, targets = rng.normal(size=(2, B, D))
    ids = np.array([1, 2, 2, 5, 1])
    negatives, negative_ids = rng.normal(size=(count, D)), np.array([2, 6, 5])[:count]
    frequency = np.array([0, 4, 3, 0, 1, 1, 2.0])
    t = torch.from_numpy
    log_q = expected_log_count(t(frequency), B, count)
    got = sampled_softmax_loss(t(users), t(targets), t(ids), log_q, t(negatives), t(negative_ids))
    expected = loss_oracle(users, targets, ids, negatives, negative_ids, frequency)
    assert got.item() == pytest.approx(expected, abs=1e-5)


def test_sampled_softmax_of_no_rows_is_zero_with_a_gradient():
    users = torch.zeros(0, D, requires_grad=True)
    loss = sampled_softmax_loss(users, torch.zeros(0, D), torch.zeros(0, dtype=torch.long), torch.zeros(3))
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
    frequency = torch.arange(8, dtype=torch.float64)

    def loss(history, target, negatives, bilinear):
        parameters = {**dict(network.named_parameters()), "routing.bilinear": bilinear}
        arguments = (history, mask, target, ids, frequency, negatives, negative_ids, profile)
        return torch.func.functional_call(Loss(network), {f"network.{k}": v for k, v in parameters.items()}, arguments)

    bilinear = network.routing.bilinear.detach().clone().requires_grad_()
    # a vector of length exactly 0 (the empty history) is where squash is only once differentiable
    assert torch.autograd.gradcheck(loss, (history.requires_grad_(), target.requires_grad_(), negatives, bilinear))


class Loss(torch.nn.Module):
    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, *arguments):
        return self.network.loss(*arguments)


def test_gradcheck_of_squash():
    s = torch.randn(4, D, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(squash, (s,))


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
        (lambda: routing()(torch.ones(1, L + 1, D), torch.ones(1, L + 1, dtype=torch.bool)), "max_length is 7"),
    ],
)
def test_wrong_arguments_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
