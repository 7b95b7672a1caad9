"""Teacher, student and their divergence against NumPy."""

import numpy as np
import pytest
import torch
from oracle import softmax

from recbole_iacn.nn.distillation import distillation_loss, divergence, target_interest

ACTIVE = torch.tensor([[True, True, True], [True, True, False]])


@pytest.fixture
def interests():
    torch.manual_seed(0)
    return torch.randn(2, 3, 4, requires_grad=True)


@pytest.mark.parametrize("temperature", [0.1, 1.0])
def test_teacher_and_loss_by_numpy(interests, temperature):
    target, logits = torch.randn(2, 4), torch.randn(2, 3)
    teacher = target_interest(interests, ACTIVE, target, temperature)
    found = distillation_loss(teacher, logits, ACTIVE, temperature)
    divergences = []
    for row, count in enumerate((3, 2)):
        v, e, z = (x[row].detach().double().numpy() for x in (interests, target, logits))
        cosine = v @ e / np.linalg.norm(v, axis=1) / np.linalg.norm(e)
        p, q = softmax(cosine[:count] / temperature), softmax(z[:count] / temperature)
        assert np.allclose(teacher[row].detach().numpy(), [*p, *[0.0] * (3 - count)], atol=1e-6)
        divergences.append((p * np.log(p / q)).sum())
    assert found.item() == pytest.approx(temperature**2 * np.mean(divergences), abs=1e-5)


def test_a_student_that_agrees_has_nothing_to_learn(interests):
    teacher = target_interest(interests, ACTIVE, torch.randn(2, 4), 0.5)
    logits = (0.5 * teacher.clamp_min(1e-30).log()).detach().requires_grad_()
    loss = distillation_loss(teacher, logits, ACTIVE, 0.5)
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-6) and logits.grad.abs().max() < 1e-6
    assert logits.grad[1, 2] == 0  # nor from an interest that the user does not have
    assert interests.grad.isfinite().all()


def test_the_teacher_learns_unless_it_is_detached(interests):
    target = torch.randn(2, 4)
    teacher = target_interest(interests, ACTIVE, target, 0.5)
    distillation_loss(teacher.detach(), torch.zeros(2, 3, requires_grad=True), ACTIVE, 0.5).backward()
    assert interests.grad is None
    distillation_loss(teacher, torch.zeros(2, 3), ACTIVE, 0.5).backward()
    assert interests.grad.any()


def test_divergence_by_hand():
    one, other = torch.tensor([[1.0, 0.0], [0.5, 0.5]]), torch.tensor([[0.0, 1.0], [0.5, 0.5]])
    assert divergence(one, other).tolist() == pytest.approx([np.log(2), 0.0])
