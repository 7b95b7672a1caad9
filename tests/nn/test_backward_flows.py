"""Re4's losses against their equations in NumPy, one user, one interest and one behaviour at a time."""

import numpy as np
import pytest
import torch

from recbole_iacn.nn.backward_flows import Reconstruction, reattend_loss, recontrast_loss, representatives
from recbole_iacn.nn.by_length import groups_by_length

LENGTHS = (5, 3, 1, 0)
MASK = torch.arange(5) < torch.tensor(LENGTHS).unsqueeze(1)
ACTIVE = torch.tensor([[True, True, True], [True, True, False], [True, False, False], [True, False, False]])
K, D = 3, 4


@pytest.fixture
def made():
    """Interests, behaviours and attention of four users, float64."""
    rng = np.random.default_rng(3)
    weights = rng.random((4, 5, K)) ** 2 * MASK.numpy()[:, :, None]
    attention = torch.from_numpy(weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-12))
    behaviors = torch.from_numpy(rng.normal(size=(4, 5, D))) * MASK.unsqueeze(2)
    return torch.from_numpy(rng.normal(size=(4, K, D))), behaviors, attention


def pairs(attention):
    """(user, interest, behaviour), the behaviour read more than an equal share."""
    return [
        (b, k, place)
        for b, length in enumerate(LENGTHS)
        for k in range(K)
        for place in range(length)
        if ACTIVE[b, k] and attention[b, place, k] > 1 / length
    ]


def test_what_represents_an_interest_is_read_more_than_an_equal_share(made):
    *_, attention = made
    found = representatives(attention, ACTIVE, MASK)
    assert [tuple(one) for one in found.nonzero().tolist()] == pairs(attention) != []
    assert not found[2:].any()  # one behaviour has the equal share, and none has nothing


def test_recontrast_is_its_equation(made):
    interests, behaviors, attention = made
    v, x = interests.numpy(), behaviors.numpy()

    def similar(one, other):
        return np.exp(one @ other / np.linalg.norm(one) / np.linalg.norm(other) / 0.5)

    losses = []
    for b, k, place in pairs(attention):
        own = sum(similar(v[b, k], x[b, i]) for i in range(LENGTHS[b]))
        others = sum(similar(v[b, k], v[b, m]) for m in range(K) if m != k and ACTIVE[b, m])
        before = sum(similar(v[b, k], x[b - 1, j]) for j in range(LENGTHS[b - 1]))  # of the first user the last one
        losses.append(-np.log(similar(v[b, k], x[b, place]) / (own + others + before)))
    found = recontrast_loss(interests, ACTIVE, behaviors, MASK, representatives(attention, ACTIVE, MASK), 0.5)
    assert float(found) == pytest.approx(np.mean(losses))


def test_a_user_alone_in_a_batch_has_no_other_one(made):
    interests, behaviors, attention = (one[:1] for one in made)
    represents = representatives(attention, ACTIVE[:1], MASK[:1])
    twice = [torch.cat([one, one]) for one in (interests, ACTIVE[:1], behaviors, MASK[:1], represents)]
    alone = recontrast_loss(interests, ACTIVE[:1], behaviors, MASK[:1], represents)
    assert float(alone) < float(recontrast_loss(*twice))


def test_reattend_is_the_cross_entropy_of_scores_and_attention(made):
    interests, behaviors, attention = made
    losses = []
    for b, length in enumerate(LENGTHS):
        for k in range(K):
            if length and ACTIVE[b, k]:
                scores = behaviors[b, :length].numpy() @ interests[b, k].numpy()
                p = np.exp(scores) / np.exp(scores).sum()
                losses.append(-(p * np.log(attention[b, :length, k].numpy())).sum())
    assert float(reattend_loss(interests, ACTIVE, behaviors, MASK, attention)) == pytest.approx(np.mean(losses))


def test_a_behaviour_that_is_hardly_read_costs_the_logarithm_of_its_weight():
    interests, behaviors = torch.zeros(1, 1, D), torch.randn(1, 2, D)  # scores all alike
    attention, active = torch.tensor([[[1e-8], [1 - 1e-8]]]), torch.ones(1, 1, dtype=torch.bool)
    found = reattend_loss(interests, active, behaviors, torch.ones(1, 2, dtype=torch.bool), attention)
    assert float(found) == pytest.approx(-np.log(1e-8) / 2, rel=1e-4)


def test_the_temperature_is_the_authors_unless_it_is_set(made):
    interests, behaviors, attention = made
    given = interests, ACTIVE, behaviors, MASK, representatives(attention, ACTIVE, MASK)
    assert torch.equal(recontrast_loss(*given), recontrast_loss(*given, 0.02))


def test_reconstruction_is_its_equation(made):
    interests, behaviors, attention = made
    torch.manual_seed(0)
    module = Reconstruction(D, 6).double()
    weights = {name: value.detach().numpy() for name, value in module.named_parameters()}
    losses = []
    for b, k, place in pairs(attention):
        several = (weights["spread.weight"] @ interests[b, k].numpy() + weights["spread.bias"]).reshape(6, D)
        several = several[: LENGTHS[b]]
        scores = weights["scores.weight"][place] @ np.tanh(weights["hidden.weight"] @ several.T)
        read = np.exp(scores) / np.exp(scores).sum()
        again = read @ several @ weights["values.weight"].T
        losses.append(((again - behaviors[b, place].numpy()) ** 2).mean())
    found = module.loss(interests, behaviors, MASK, representatives(attention, ACTIVE, MASK))
    assert float(found.detach()) == pytest.approx(np.mean(losses))


def test_short_and_long_histories_apart_have_the_same_loss():
    """On a CPU most of a batch is short: 400 users of two behaviours beside 40 of thirty."""
    torch.manual_seed(0)
    module, mask = Reconstruction(D, 30).double(), torch.arange(30) < torch.tensor([2] * 400 + [30] * 40).unsqueeze(1)
    interests, behaviors = torch.randn(440, K, D).double(), torch.randn(440, 30, D).double()
    represents = (torch.rand(440, K, 30) < 0.3) & mask.unsqueeze(1)
    assert len(groups_by_length(mask)) > 1
    whole = ((module(interests, mask) - behaviors.unsqueeze(1)) ** 2).mean(dim=3)[represents].mean()
    assert torch.allclose(module.loss(interests, behaviors, mask, represents), whole)


def flows(module, interests, behaviors, attention, mask, active=ACTIVE):
    represents = representatives(attention, active, mask)
    return (
        recontrast_loss(interests, active, behaviors, mask, represents),
        reattend_loss(interests, active, behaviors, mask, attention),
        module.loss(interests, behaviors, mask, represents),
    )


def test_padding_and_interests_that_a_user_does_not_have_change_nothing(made):
    interests, behaviors, attention = made
    module = Reconstruction(D, 8).double()
    plain = flows(module, interests, behaviors, attention, MASK)
    wide = [torch.nn.functional.pad(one, (0, 0, 0, 2), value=9.0) for one in (behaviors, attention)]
    mask = torch.nn.functional.pad(MASK, (0, 2))
    other = interests.masked_fill(~ACTIVE.unsqueeze(2), 7.0)
    for one, two in zip(plain, flows(module, other, *wide, mask)):
        assert float(one.detach()) == pytest.approx(float(two.detach()))


def test_gradients_are_finite_for_empty_histories_alone(made):
    module = Reconstruction(D, 5).double()
    interests = torch.zeros(1, 1, D, dtype=torch.double, requires_grad=True)
    behaviors = torch.zeros(1, 5, D, dtype=torch.double, requires_grad=True)
    mask, attention = torch.zeros(1, 5, dtype=torch.bool), torch.zeros(1, 5, 1, dtype=torch.double)
    losses = flows(module, interests, behaviors, attention, mask, torch.ones(1, 1, dtype=torch.bool))
    assert [float(one.detach()) for one in losses] == [0, 0, 0]
    sum(losses).backward()
    assert all(torch.isfinite(one.grad).all() for one in (interests, behaviors, *module.parameters()))


def test_sixteen_bits_have_the_losses_of_thirty_two():
    """A weight of 1e-6 is no number of float16, and its logarithm would be that of 0."""
    torch.manual_seed(0)
    interests, behaviors = torch.randn(2, K, D), torch.randn(2, 4, D)
    mask, active = torch.ones(2, 4, dtype=torch.bool), torch.ones(2, K, dtype=torch.bool)
    attention = torch.tensor([1e-7, 0.3, 0.3, 0.4]).view(1, 4, 1).expand(2, 4, K)
    module = Reconstruction(D, 4)
    plain = flows(module, interests, behaviors, attention, mask, active)
    with torch.autocast("cpu", torch.float16):
        half = flows(module, interests, behaviors, attention, mask, active)
    for one, other in zip(plain, half):
        assert other.dtype == torch.float32 and float(other.detach()) == pytest.approx(float(one.detach()), rel=0.02)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_step_against_the_gradient_lowers_each(made, place):
    """Re-attend moves both sides: what an interest reads, and what it scores."""
    interests, behaviors, attention = made
    torch.manual_seed(0)
    module = Reconstruction(D, 5).double()
    logits = attention.clamp_min(1e-6).log().requires_grad_()
    interests = interests.clone().requires_grad_()

    def loss():
        read = logits.masked_fill(~MASK.unsqueeze(2), -1e9).softmax(dim=1) * MASK.unsqueeze(2)
        return flows(module, interests, behaviors, read, MASK)[place]

    before = loss()
    before.backward()
    assert (logits.grad is not None and logits.grad.abs().sum() > 0) == (place == 1) and interests.grad.abs().sum() > 0
    with torch.no_grad():
        interests -= 0.01 * interests.grad
    assert float(loss().detach()) < float(before.detach())
