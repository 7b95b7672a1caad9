"""Cures of interests that fall together in the family: the penalty of interest_diversity, and fewer of them."""

import numpy as np
import pytest
import torch
from helpers import SHORT_RANKING

from recbole_iacn.nn.diversity import attention_of_couplings, cosine_penalty, routing_penalty

SEVERAL = ["MIND", "ComiRec", "ComiRecPlus", "TiMiRec", "TiMiRecPlus"]


@pytest.fixture
def network(build):
    def make(name, **changes):
        _, train, _, _, model = build(name, **{**SHORT_RANKING, "loss": "bpr", **changes})
        torch.manual_seed(0)
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.5)
        return model, next(iter(train))

    return make


@pytest.mark.parametrize("name", SEVERAL)
@pytest.mark.parametrize("kind", ["routing", "cosine"])
def test_the_penalty_is_a_further_loss_with_its_weight(network, name, kind):
    """The main loss is the same with and without it; the penalty is that of the model's interests."""
    plain, batch = network(name)
    model, _ = network(name, interest_diversity=kind, interest_diversity_weight=0.25)
    main, penalty = model.calculate_loss(batch)
    assert torch.equal(main, plain.calculate_loss(batch)) and model.loss_names == ("main", "diversity")
    with torch.no_grad():
        vectors, active, _ = model.interests_and_items(batch)
        mask = batch["item_id_list"] != 0
        if kind == "cosine":
            expected = cosine_penalty(vectors, active)
        elif name == "MIND":
            expected = routing_penalty(attention_of_couplings(model.couplings(batch)), active, mask)
        else:
            attention = model.extractor(model.embed(batch["item_id_list"]), mask, return_attention=True)[2]
            expected = routing_penalty(attention, active, mask)
    assert penalty.item() == pytest.approx(0.25 * float(expected), rel=1e-5) and float(expected) > 0


def test_the_attention_of_self_attention_is_that_of_its_means(network):
    model, batch = network("ComiRec")
    behaviors, mask = model.embed(batch["item_id_list"]), batch["item_id_list"] != 0
    interests, active, attention = model.extractor(behaviors, mask, return_attention=True)
    means = np.einsum("blk,bld->bkd", attention.detach().numpy(), behaviors.detach().numpy())
    assert np.allclose(means, interests.detach().numpy(), atol=1e-6) and active.all()
    assert np.allclose(attention.sum(dim=1).detach().numpy(), 1, atol=1e-6) and (attention[~mask] == 0).all()


def test_distillation_stands_between(network):
    model, batch = network("TiMiRec", stages="joint", interest_diversity="cosine")
    losses = model.calculate_loss(batch)
    assert model.loss_names == ("main", "distillation", "diversity") and len(losses) == 3


@pytest.mark.parametrize("changes", [{}, {"interest_diversity": "routing", "interest_diversity_weight": 0}])
def test_without_a_weight_there_is_no_penalty(network, changes):
    model, batch = network("ComiRec", **changes)
    assert model.loss_names == ("main",) and torch.is_tensor(model.calculate_loss(batch))


@pytest.mark.parametrize("kind", ["routing", "cosine"])
def test_steps_with_it_lower_the_penalty(network, kind):
    penalties = []
    for weight in (0, 1):
        model, batch = network("ComiRec", interest_diversity=kind, interest_diversity_weight=weight)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        for _ in range(20):
            losses = model.calculate_loss(batch)
            optimizer.zero_grad()
            (sum(losses) if isinstance(losses, tuple) else losses).backward()
            optimizer.step()
        model.diversity, model.diversity_weight = kind, 1.0
        penalties.append(model.calculate_loss(batch)[1].item())
    assert penalties[1] < penalties[0]


@pytest.mark.parametrize("name", ["ComiRec", "ComiRecPlus", "TiMiRec"])
def test_interest_rounding_limits_a_users_interests(network, name):
    model, batch = network(name, interest_rounding="ceil", num_interests=3)
    length = (batch["item_id_list"] != 0).sum(dim=1).numpy()
    _, active, _ = model.interests_and_items(batch)
    assert active.sum(dim=1).tolist() == np.clip(np.ceil(np.log2(length)), 1, 3).tolist()


def test_the_predictor_chooses_among_a_users_own_interests(network):
    """The vector that serves is V^T softmax(z) over them."""
    model, batch = network("TiMiRec", stages="joint", interest_rounding="ceil")
    with torch.no_grad():
        interests, active, _ = model.interests_and_items(batch)
        logits, users = model.predictor(batch["item_id_list"]).numpy(), model.users(batch)[0][:, 0].numpy()
    assert not active.all()
    for vectors, own, z, user in zip(interests.numpy(), active.numpy(), logits, users):
        weights = np.exp(z[own]) / np.exp(z[own]).sum()
        assert np.allclose(user, weights @ vectors[own], atol=1e-5)
