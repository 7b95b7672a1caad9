"""Label-aware attention by hand."""

import numpy as np
import pytest
import torch
from oracle import B, D, K, L, example, softmax

from recbole_iacn.nn import (
    BehaviorToInterestRouting,
    LabelAwareAttention,
)


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


def test_power_one_is_the_plain_softmax_also_at_score_zero():
    """d softmax(x)_1 / d x_1 = 1/4 at x = (0, 0); with vectors e_1, e_2 and target (1, 1), i_u = softmax(x)."""
    scores = torch.zeros(1, 2, 1, requires_grad=True)  # interests that are orthogonal to all: x = 0
    interests = torch.cat([scores, torch.tensor([[[1.0], [0.0]]])], dim=2)
    mask = torch.ones(1, 2, dtype=torch.bool)
    weights = LabelAwareAttention("pow", 1.0)(interests, torch.tensor([[1.0, 0.0]]), mask)[1]
    weights[0, 0].backward()
    assert scores.grad.flatten().tolist() == pytest.approx([0.25, -0.25])


def test_the_slope_of_small_powers_is_limited_near_score_zero():
    """|x|^p has the slope p |x|^(p - 1), 5e11 at 1e-24 for p = 1/2: a step that no learning rate survives."""
    interests = torch.tensor([[[1e-24, 0.0], [0.0, 0.0]]], requires_grad=True)
    mask = torch.ones(1, 2, dtype=torch.bool)
    weights = LabelAwareAttention("pow", 0.5)(interests, torch.tensor([[1.0, 0.0]]), mask)[1]
    weights[0, 0].backward()
    assert interests.grad.abs().max() < 1e5


@pytest.mark.parametrize("mode", ["pow", "scale", "hard"])
def test_a_user_without_interests_has_a_vector_of_zeros(mode):
    interests = torch.ones(2, 3, 4, requires_grad=True)
    mask = torch.tensor([[False] * 3, [True, True, False]])
    user, weights = LabelAwareAttention(mode)(interests, torch.ones(2, 4), mask)
    assert (user[0] == 0).all() and (weights[0] == 0).all() and weights[1].sum().item() == pytest.approx(1)
    user.sum().backward()
    assert torch.isfinite(interests.grad).all()
