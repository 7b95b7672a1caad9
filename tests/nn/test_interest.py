"""The whole interest-aware network: finite everywhere, gradients against finite differences, wrong arguments."""

import pytest
import torch
from oracle import B, D, K, L, N, example

from recbole_iacn.nn import (
    BehaviorToInterestRouting,
    InterestAwareNetwork,
    LabelAwareAttention,
    expected_log_count,
    mix_gradient,
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
    """A profile or state without a layer for it would be ignored, and a missing one would end in an AttributeError."""
    history, mask, target = example()
    inputs = {name: torch.randn(B, size) for name, size in given.items()}
    with pytest.raises(ValueError, match=message):
        InterestAwareNetwork(D, L, K, **sizes).loss(history, mask, target, torch.arange(B), torch.zeros(B), **inputs)


def test_only_a_network_with_a_state_predicts_the_next_interest():
    history, mask, _ = example()
    with pytest.raises(ValueError, match="only a network with a state_size can predict the next interest"):
        InterestAwareNetwork(D, L, K).foresee(history, mask, torch.randn(B, 3))


class Loss(torch.nn.Module):
    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, *arguments):
        return self.network.loss(*arguments)


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
