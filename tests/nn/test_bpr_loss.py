"""BPR: values against NumPy, pair by pair, and gradients against finite differences."""

import numpy as np
import pytest
import torch
from oracle import B, D, K, L, example

from recbole_iacn.nn.bpr_loss import bpr_loss
from recbole_iacn.nn.interest import InterestAwareNetwork

IDS = [1, 2, 2, 5, 1]  # two pairs of rows share a target


def oracle(users, targets, negatives, negative_ids):
    """Negatives are all other candidates, or those drawn; none has the id of the row's own target."""
    compared = list(zip(targets, IDS)) if negatives is None else list(zip(negatives, negative_ids))
    losses = []
    for user, target, own in zip(users, targets, IDS):
        gaps = [user @ target - user @ other for other, number in compared if number != own]
        losses.append(np.mean([np.log(1 + np.exp(-gap)) for gap in gaps]) if gaps else 0.0)
    return np.mean(losses)


@pytest.mark.parametrize("negative_ids", [None, [2, 6, 5], [1, 1, 1]])
def test_the_loss_by_numpy(negative_ids):
    """With the last of these the rows of item 1 have no negative, and count as rows without a loss."""
    rng = np.random.default_rng(0)
    users, targets = rng.normal(size=(2, B, D))
    negatives = None if negative_ids is None else rng.normal(size=(3, D))
    candidates = targets if negatives is None else np.concatenate([targets, negatives])
    ids = torch.tensor([*IDS, *(negative_ids or [])])
    t = torch.from_numpy
    found = bpr_loss(t(users), t(candidates), ids, 0 if negatives is None else 3)
    assert found.item() == pytest.approx(oracle(users, targets, negatives, negative_ids), abs=1e-12)


def test_targets_of_other_processes_are_negatives_unless_some_are_drawn():
    """They stand behind the own ones."""
    rng = np.random.default_rng(1)
    users, every = torch.from_numpy(rng.normal(size=(2, D))), torch.from_numpy(rng.normal(size=(7, D)))
    ids = torch.tensor([1, 2, 1, 7, 8, 9, 2])
    gaps = (users * every[:2]).sum(dim=1, keepdim=True) - users @ every.T
    loss = (1 + (-gaps).exp()).log()
    wanted = (loss[0, [1, 3, 4, 5, 6]].mean() + loss[1, [0, 2, 3, 4, 5]].mean()) / 2
    torch.testing.assert_close(bpr_loss(users, every, ids), wanted)
    wanted = (loss[0, 5:].mean() + loss[1, 5]) / 2
    torch.testing.assert_close(bpr_loss(users, every, ids, drawn=2), wanted)


@pytest.mark.parametrize("drawn", [0, 3])
def test_gradcheck(drawn):
    torch.manual_seed(0)
    users = torch.randn(B, D, dtype=torch.float64, requires_grad=True)
    candidates = torch.randn(B + 3, D, dtype=torch.float64, requires_grad=True)
    ids = torch.tensor([*IDS, 2, 6, 7])
    assert torch.autograd.gradcheck(lambda u, c: bpr_loss(u, c, ids, drawn), (users, candidates))


def test_no_rows_and_no_negatives_have_a_gradient():
    candidates = torch.randn(3, D, requires_grad=True)
    for rows, ids in ((0, [1, 2, 3]), (3, [4, 4, 4])):
        users = torch.randn(rows, D, requires_grad=True)
        loss = bpr_loss(users, candidates, torch.tensor(ids))
        loss.backward()
        assert loss.item() == 0 and not users.grad.any() and not candidates.grad.any()


def test_large_gaps_and_autocast_are_exact():
    users, candidates = torch.full((2, D), 40.0), torch.randn(4, D)
    ids = torch.arange(4)
    exact = bpr_loss(users, candidates, ids)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = bpr_loss(users, candidates, ids)
    assert loss.isfinite() and loss.dtype == torch.float32 and torch.equal(loss, exact)
    users, candidates = users.bfloat16(), candidates.bfloat16()  # as a layer under autocast returns them
    assert torch.equal(bpr_loss(users, candidates, ids), bpr_loss(users.float(), candidates.float(), ids))


@pytest.mark.parametrize("state_size", [0, 3])
def test_the_network_divides_the_scores_by_the_temperature(state_size):
    torch.manual_seed(0)
    network = InterestAwareNetwork(D, L, K, temperature=0.2, loss="bpr", state_size=state_size).double()
    history, mask, target = example(torch.float64)
    candidates, ids = torch.cat([target, torch.randn(2, D, dtype=torch.float64)]), torch.tensor([*IDS, 6, 7])
    state = torch.randn(B, 3, dtype=torch.float64) if state_size else None
    found = network.loss(history, mask, candidates, ids, state=state, drawn=2)
    users = network.foresee(history, mask, state)[0] if state_size else network(history, mask, target)
    wanted = oracle(users.detach().numpy() / 0.2, target.numpy(), candidates[B:].numpy(), [6, 7])
    assert (found[0] if state_size else found).item() == pytest.approx(wanted, abs=1e-9)


def test_a_wrong_loss_and_a_missing_log_q_are_named():
    with pytest.raises(ValueError, match=r"loss must be one of \('sampled_softmax', 'bpr'\), got 'hinge'"):
        InterestAwareNetwork(D, L, loss="hinge")
    history, mask, target = example()
    with pytest.raises(ValueError, match="the sampled softmax needs log_q"):
        InterestAwareNetwork(D, L).loss(history, mask, target, torch.tensor(IDS))
