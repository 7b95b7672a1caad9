"""Teacher, student and their divergence against NumPy."""

import numpy as np
import pytest
import torch

from recbole_iacn.nn.distillation import distillation_loss, target_interest
from recbole_iacn.nn.predictor import InterestPredictor

ACTIVE = torch.tensor([[True, True, True], [True, True, False]])


@pytest.fixture
def interests():
    torch.manual_seed(0)
    return torch.randn(2, 3, 4, requires_grad=True)


def softmax(x):
    x = np.exp(x - x.max())
    return x / x.sum()


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
    assert logits.grad[1, 2] == 0  # nor has anybody to learn of an interest that the user has not
    assert interests.grad.isfinite().all()


def test_the_teacher_learns_only_if_it_may(interests):
    target = torch.randn(2, 4)
    teacher = target_interest(interests, ACTIVE, target, 0.5)
    distillation_loss(teacher.detach(), torch.zeros(2, 3, requires_grad=True), ACTIVE, 0.5).backward()
    assert interests.grad is None
    distillation_loss(teacher, torch.zeros(2, 3), ACTIVE, 0.5).backward()
    assert interests.grad.any()


@pytest.mark.parametrize("layers", [1, 2])
def test_the_predictor_reads_the_history_and_not_its_padding(layers):
    torch.manual_seed(0)
    predictor = InterestPredictor(9, 4, 3, layers).eval()
    logits = predictor(torch.tensor([[3, 5, 0, 0], [5, 3, 0, 0]]))
    assert logits.shape == (2, 3) and not torch.allclose(logits[0], logits[1])
    assert torch.allclose(predictor(torch.tensor([[3, 5]])), logits[:1], atol=1e-6)


def test_the_predictors_recurrence_is_pytorchs():
    torch.manual_seed(0)
    predictor, history = InterestPredictor(9, 4, 3), torch.tensor([[3, 5, 7, 1], [5, 3, 0, 0], [8, 0, 0, 0]])
    states, _ = predictor.gru(predictor.item_embedding(history))
    wanted = predictor.output(torch.stack([states[0, 3], states[1, 1], states[2, 0]]))
    assert torch.allclose(predictor(history), wanted, atol=1e-6)
    gradients = [torch.autograd.grad(z.square().sum(), predictor.parameters()) for z in (predictor(history), wanted)]
    assert all(torch.allclose(one, other, atol=1e-6) for one, other in zip(*gradients))
