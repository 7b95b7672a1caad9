"""The network that predicts the next interest, against NumPy."""

import numpy as np
import pytest
import torch
from oracle import softmax

from recbole_iacn.nn import InterestAwareNetwork, expected_log_count, sampled_softmax_loss

B, L, K, D, S = 5, 8, 3, 6, 4


@pytest.fixture
def task():
    """A network with foresight, and the arguments of its loss: 5 clicked items and 3 more."""
    torch.manual_seed(0)
    network = InterestAwareNetwork(D, L, K, state_size=S, map_scale=2.0, temperature=0.5)
    history = torch.randn(B, L, D)
    mask = torch.arange(L) < torch.tensor([[8], [7], [5], [2], [1]])
    candidates, ids, state = torch.randn(B + 3, D), torch.arange(1, B + 4), torch.randn(B, S)
    log_q = expected_log_count(torch.ones(B + 4), ids, B, 3)
    return network, (history, mask, candidates, ids, log_q), state


def test_loss_by_numpy(task):
    network, arguments, state = task
    main, distillation = network.loss(*arguments, state=state)
    interests, active = network.interests(*arguments[:2])
    users, divergences = [], []
    for row in range(B):
        count = int(active[row].sum())
        v = interests[row, :count].detach().double().numpy()
        e, s = (x[row].double().numpy() for x in (arguments[2], state))
        z = v @ (network.foresight.bilinear.weight.detach().double().numpy() @ s) / np.sqrt(D)
        users.append(softmax(z) @ v)
        p = softmax(v @ e / np.linalg.norm(v, axis=1) / np.linalg.norm(e) / 0.1)
        divergences.append((p * np.log(p / softmax(z / 0.1))).sum())
    assert distillation.item() == pytest.approx(0.01 * np.mean(divergences), abs=1e-5)
    wanted = sampled_softmax_loss(torch.tensor(np.array(users)).float() / 0.5, *arguments[2:])
    assert main.item() == pytest.approx(wanted.item(), abs=1e-5)


def test_the_order_of_the_capsules_does_not_matter(task):
    """Another order of the starts gives the interests in another order, and the same losses and user vectors."""
    network, arguments, state = task
    everyone = torch.ones(B, L, dtype=torch.bool)
    before = network.loss(arguments[0], everyone, *arguments[2:], state=state)
    user = network.foresee(arguments[0], everyone, state)[0]
    network.extractor.initial_logits.copy_(network.extractor.initial_logits[:, [2, 0, 1]])
    after = network.loss(arguments[0], everyone, *arguments[2:], state=state)
    assert all(torch.allclose(one, other, atol=1e-6) for one, other in zip(before, after))
    assert torch.allclose(network.foresee(arguments[0], everyone, state)[0], user, atol=1e-6)


def test_the_distillation_loss_trains_the_student_only(task):
    network, (history, *rest), state = task
    history.requires_grad_()
    network.loss(history, *rest, state=state)[1].backward()
    assert history.grad is None and network.foresight.bilinear.weight.grad.any()
