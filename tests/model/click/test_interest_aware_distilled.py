"""IaCN with a foreseen interest: formulas against NumPy, the order of capsules, DIN, DIEN and the rest."""

import numpy as np
import pytest
import torch

from recbole_iacn.errors import ConfigError
from recbole_iacn.model.click.interest_aware import InterestAware
from recbole_iacn.nn import InterestAwareNetwork, expected_log_count, sampled_softmax_loss
from recbole_iacn.nn.distillation import divergence

B, L, K, D, S = 5, 8, 3, 6, 4
DISTILLED = {"iacn_target": "distilled", "iacn_negatives": 4}


@pytest.fixture
def task():
    """A network with foresight, and arguments of its loss: 5 clicked items and 3 more."""
    torch.manual_seed(0)
    network = InterestAwareNetwork(D, L, K, state_size=S, map_scale=2.0, temperature=0.5)
    history = torch.randn(B, L, D)
    mask = torch.arange(L) < torch.tensor([[8], [7], [5], [2], [1]])
    candidates, ids, state = torch.randn(B + 3, D), torch.arange(1, B + 4), torch.randn(B, S)
    log_q = expected_log_count(torch.ones(B + 4), ids, B, 3)
    return network, (history, mask, candidates, ids, log_q), state


def softmax(x):
    x = np.exp(x - x.max())
    return x / x.sum()


def test_loss_by_numpy(task):
    network, arguments, state = task
    main, told = network.loss(*arguments, state=state)
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
    assert told.item() == pytest.approx(0.01 * np.mean(divergences), abs=1e-5)
    wanted = sampled_softmax_loss(torch.tensor(np.array(users)).float() / 0.5, *arguments[2:])
    assert main.item() == pytest.approx(wanted.item(), abs=1e-5)


def test_capsules_may_change_places(task):
    """Another order of the starts gives the interests in another order, and the same losses and user vectors."""
    network, arguments, state = task
    everyone = torch.ones(B, L, dtype=torch.bool)
    before = network.loss(arguments[0], everyone, *arguments[2:], state=state)
    user = network.foresee(arguments[0], everyone, state)[0]
    network.extractor.initial_logits.copy_(network.extractor.initial_logits[:, [2, 0, 1]])
    after = network.loss(arguments[0], everyone, *arguments[2:], state=state)
    assert all(torch.allclose(one, other, atol=1e-6) for one, other in zip(before, after))
    assert torch.allclose(network.foresee(arguments[0], everyone, state)[0], user, atol=1e-6)


def test_the_lesson_reaches_the_student_alone(task):
    network, (history, *rest), state = task
    history.requires_grad_()
    network.loss(history, *rest, state=state)[1].backward()
    assert history.grad is None and network.foresight.bilinear.weight.grad.any()


def test_divergence_by_hand():
    one, other = torch.tensor([[1.0, 0.0], [0.5, 0.5]]), torch.tensor([[0.0, 1.0], [0.5, 0.5]])
    assert divergence(one, other).tolist() == pytest.approx([np.log(2), 0.0])


@pytest.mark.parametrize("model", ["DIN_IaCN", "DIEN_IaCN", "WideDeep_IaCN"])
def test_three_losses_and_a_vector_to_retrieve_with(build, model):
    _, train, _, test, network = build(model, **DISTILLED, iacn_distillation_weight=2.0)
    assert network.loss_names == ("main", "iacn", "distillation")
    rows = next(iter(train))
    torch.manual_seed(1)
    untold = network.calculate_loss(rows)
    network.epoch = 1
    torch.manual_seed(1)
    told = network.calculate_loss(rows)
    assert untold[2] == 0 and told[2] > 0 and torch.equal(untold[1], told[1])
    sum(told).backward()
    assert network.tasks["iacn"].network.foresight.bilinear.weight.grad.any()
    with torch.no_grad():
        vectors = network.eval().foresee(test._dataset[np.arange(6)])
    assert vectors.shape == (6, 8) and vectors.isfinite().all()


def test_diens_state_is_that_of_its_own_pass(build):
    """The one that the forward pass leaves, and the one computed for it alone."""
    _, train, _, _, network = build("DIEN_IaCN", **DISTILLED)
    rows = next(iter(train))
    with network.item_tables.sharing():
        super(InterestAware, network).calculate_loss(network.with_history(rows))
        left = network.user_state(rows)
        assert left is network.item_tables.left["state"] and left.shape[1] == network.state_size
    assert network.item_tables.left is None
    assert torch.allclose(left, network.user_state(rows), atol=1e-6)


def test_the_papers_task_has_no_foresight(build):
    *_, test, network = build("DIN_IaCN")
    with pytest.raises(ConfigError, match="iacn_target: distilled foresees an interest"):
        network.foresee(test._dataset[np.arange(2)])
    assert network.loss_names == ("main", "iacn")
