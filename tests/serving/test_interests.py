"""Which click belongs to which interest: computed again by NumPy, and right on planted interests."""

import numpy as np
import pytest
import torch

import recbole_iacn
from recbole_iacn.errors import ConfigError
from recbole_iacn.nn.extractor import MeanInterest, PositionalRouting, SelfAttentiveInterests


@pytest.fixture
def opened(settings, tmp_path):
    def get(model, **changes):
        columns = {"inter": ["user_id", "item_id", "timestamp"], "item": ["item_id", "categories"]}
        training = recbole_iacn.build(model, "tiny", config_dict=settings(load_col=columns, **changes))
        torch.manual_seed(0)
        for parameter in training.model.parameters():
            torch.nn.init.normal_(parameter, std=0.4)
        training.save(str(tmp_path / model))
        return recbole_iacn.load(tmp_path / model)

    return get


HISTORIES = [["i1", "i2", "i3"], [], ["i7", "i9", "i11", "i2", "i4", "i5", "i8", "i1"]]
MODELS = ["DIN_IaCN", "WideDeep_IaCN", "MIND", "ComiRec", "ComiRecPlus", "TiMiRec", "YouTubeDNN"]


@pytest.mark.parametrize("model", MODELS)
def test_every_click_is_divided_among_the_interests(opened, model):
    recommender = opened(model)
    found = recommender.interests(HISTORIES)
    count = found.vectors.shape[1]
    assert found.couplings.shape == (3, 6, count)
    assert [items.tolist() for items in found.items] == [HISTORIES[0], [], HISTORIES[2][-6:]]
    real = np.arange(6) < np.array([3, 0, 6])[:, None]
    np.testing.assert_allclose(found.couplings.sum(axis=2), real, atol=1e-5)
    assert (found.couplings >= 0).all()
    np.testing.assert_allclose(found.shares.sum(axis=1), [1, 0, 1], atol=1e-5)
    np.testing.assert_allclose(found.shares[0], found.couplings[0, :3].mean(axis=0), atol=1e-6)
    assert [belongs.tolist() for belongs in found.belongs] == [
        of[:length].argmax(axis=1).tolist() for of, length in zip(found.couplings, (3, 0, 6))
    ]
    assert (found.vectors[~found.active] == 0).all()


@pytest.mark.parametrize("model", MODELS)
def test_one_click_makes_the_whole_of_it(opened, model):
    found = opened(model).interests([["i1"], []])
    np.testing.assert_allclose(found.shares.sum(axis=1), [1, 0], atol=1e-5)
    assert not found.vectors[~found.active].any()


@pytest.mark.parametrize(("changes", "iterations"), [({}, 10), ({"iacn_settling_iterations": 5}, 5)])
def test_the_routing_of_a_click_model_settles(opened, changes, iterations):
    """Interests are those of a routing that settles; the family's, which score, are those of training."""
    recommender = opened("DIN_IaCN", **changes)
    found, rows = recommender.interests(HISTORIES), recommender.rows(HISTORIES).interaction
    extractor = recommender.model.tasks["iacn"].network.extractor
    behaviors = recommender.model.item_tables.auxiliary(rows["item_id_list"])
    vectors, active, couplings = extractor.settled(behaviors, rows["item_id_list"] != 0, iterations)
    assert not np.allclose(found.couplings, recommender.model.couplings(rows), atol=1e-2)
    np.testing.assert_allclose(found.couplings, couplings, atol=1e-6)
    np.testing.assert_array_equal(found.active, active & torch.tensor([[True], [False], [True]]))
    np.testing.assert_allclose(
        found.vectors, vectors.masked_fill(~torch.from_numpy(found.active)[..., None], 0), atol=1e-6
    )
    mind = opened("MIND")
    couplings = mind.model.couplings(mind.rows(HISTORIES).interaction)
    np.testing.assert_array_equal(mind.interests(HISTORIES).couplings, couplings)


@pytest.mark.parametrize("model", MODELS)
def test_the_product_of_vectors_is_the_familys_score(opened, model):
    recommender = opened(model)
    vectors, active = recommender.user_vectors(HISTORIES)
    items, of_items = recommender.item_vectors()
    assert items.tolist() == recommender.items.tolist() and len(of_items) == len(items)
    products = np.einsum("bkd,nd->bkn", vectors, of_items)
    products[~active] = -np.inf
    if not model.endswith("_IaCN"):
        np.testing.assert_allclose(products.max(axis=1), recommender.score(HISTORIES, items), rtol=1e-4, atol=1e-5)
    else:
        table = recommender.model.item_tables.auxiliary(torch.arange(1, len(items) + 1))
        np.testing.assert_allclose(of_items, table.detach(), rtol=1e-6)
        assert not active[1].any()


def test_attention_by_numpy():
    torch.manual_seed(0)
    layer = SelfAttentiveInterests(4, 3, 5)
    x, mask = torch.randn(2, 5, 4), torch.tensor([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]]).bool()
    with torch.no_grad():
        interests, _, couplings = layer(x, mask, return_couplings=True)
    for row, length in enumerate((3, 5)):
        behaviors = x[row, :length].numpy()
        places = layer.position_embedding.weight.detach().numpy()[np.arange(length, 0, -1)]
        hidden = np.tanh(
            (behaviors + places) @ layer.hidden.weight.detach().numpy().T + layer.hidden.bias.detach().numpy()
        )
        scores = hidden @ layer.scores.weight.detach().numpy().T + layer.scores.bias.detach().numpy()
        weights = np.exp(scores) / np.exp(scores).sum(axis=0)
        np.testing.assert_allclose(interests[row], weights.T @ behaviors, atol=1e-5)
        np.testing.assert_allclose(couplings[row, :length], weights / weights.sum(axis=1, keepdims=True), atol=1e-5)
        assert (couplings[row, length:] == 0).all()


def test_couplings_of_old_behaviours_do_not_vanish():
    """Weights below the smallest float32 would be 0/0."""
    layer = SelfAttentiveInterests(1, 2, 2, positions="none")
    with torch.no_grad():
        layer.hidden.weight.fill_(1), layer.hidden.bias.zero_()
        layer.scores.weight.fill_(500), layer.scores.bias.zero_()
        couplings = layer(torch.tensor([[[-3.0], [3.0]]]), torch.ones(1, 2).bool(), return_couplings=True)[2]
    torch.testing.assert_close(couplings, torch.full((1, 2, 2), 0.5))


def test_routing_by_numpy():
    torch.manual_seed(0)
    layer = PositionalRouting(4, 2, 5, iterations=2)
    x = torch.randn(1, 5, 4)
    with torch.no_grad():
        couplings = layer(x, torch.tensor([[1, 1, 1, 0, 0]]).bool(), return_couplings=True)[2]
    maps, behaviors = layer.maps.detach().numpy(), x[0, :3].numpy()
    mapped = np.stack([behaviors[place] @ maps[2 - place] for place in range(3)], axis=1)  # (K, 3, D), newest first map
    halves = mapped.mean(axis=1) * 3 / 2
    norm = (halves**2).sum(axis=1, keepdims=True)
    squashed = halves * norm / (1 + norm) / np.sqrt(norm)
    logits = np.einsum("kd,kld->lk", squashed, mapped)
    wanted = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(couplings[0, :3], wanted, atol=1e-5)
    assert (couplings[0, 3:] == 0).all()


def test_one_interest_has_all():
    mask = torch.tensor([[1, 1, 0]]).bool()
    couplings = MeanInterest(4)(torch.randn(1, 3, 4), mask, return_couplings=True)[2]
    torch.testing.assert_close(couplings, mask.unsqueeze(2).float())


@pytest.mark.parametrize(
    ("model", "changes", "message"),
    [
        ("DIN_IaCN", {"iacn_mode": "width"}, "iacn_mode: interests need the capsules of mode full"),
        ("Popularity", {}, "Popularity: has no interests; models of the family have"),
    ],
)
def test_a_model_without_interests_says_so(opened, model, changes, message):
    recommender = opened(model, **changes)
    for ask in (
        lambda: recommender.interests(HISTORIES),
        lambda: recommender.user_vectors(HISTORIES),
        recommender.item_vectors,
    ):
        with pytest.raises(ConfigError, match=message):
            ask()
