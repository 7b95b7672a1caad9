"""The task's extractor by name, in a built model: its settings, what it shows of a history, and a bundle of it."""

import numpy as np
import pytest
import torch

import recbole_iacn
from recbole_iacn.interests.item_categories import categories_of
from recbole_iacn.interests.sheet import sheet_of
from recbole_iacn.interests.test_rows import of_settings
from recbole_iacn.names import TASK_EXTRACTORS

ONE = {"mean", "last", "recurrent"}
OPTIONS = {"iacn_interests": 3, "iacn_interest_rounding": "floor", "iacn_map_scale": 7.0}


def extractor_of(model):
    return model.tasks["iacn"].network.extractor


@pytest.mark.parametrize("name", TASK_EXTRACTORS)
def test_settings_reach_the_extractor(build, name):
    *_, test, model = build("WideDeep_IaCN", iacn_extractor=name, **OPTIONS)
    extractor = extractor_of(model)
    where, _, kind = TASK_EXTRACTORS[name].rpartition(".")
    assert type(extractor).__name__ == kind and type(extractor).__module__ == where
    assert torch.equal(extractor.bilinear, 7 * torch.eye(8))
    rows = test._dataset[torch.arange(len(test._dataset))]
    interests, active, _ = model.interests_and_items(rows)
    lengths = (rows["item_id_list"] != 0).sum(dim=1)
    assert lengths.max() == 6 and interests.shape == (len(lengths), 1 if name in ONE else 3, 8)
    counts = torch.ones_like(lengths) if name in ONE else lengths.double().log2().floor().clamp(1, 3).long()
    assert torch.equal(active.sum(dim=1), counts)


@pytest.mark.parametrize("name", TASK_EXTRACTORS)
def test_the_task_learns_and_one_seed_is_one_start(build, name):
    """The auxiliary loss falls over a few steps on one batch; every weight of the extractor has a gradient."""
    losses = []
    for _ in range(2):
        _, train, _, _, model = build("WideDeep_IaCN", iacn_extractor=name, iacn_interests=2)
        batch = next(iter(train))
        losses.append(model.calculate_loss(batch)[1].item())
    assert losses[0] == losses[1]
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for step in range(20):
        optimizer.zero_grad()
        loss = model.calculate_loss(batch)[1]
        loss.backward()
        if step == 1:
            assert {n for n, p in extractor_of(model).named_parameters() if p.grad is None or not p.grad.any()} == set()
        optimizer.step()
    assert loss.item() < 0.8 * losses[0]


@pytest.mark.parametrize("name", TASK_EXTRACTORS)
def test_a_bundle_shows_the_same_interests(settings, tmp_path, name):
    columns = {"inter": ["user_id", "item_id", "timestamp"], "item": ["item_id", "categories"]}
    training = recbole_iacn.build("DIN_IaCN", "tiny", config_dict=settings(load_col=columns, iacn_extractor=name))
    torch.manual_seed(0)
    for parameter in training.model.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    training.save(str(tmp_path / "bundle"))
    recommender = recbole_iacn.load(tmp_path / "bundle")
    assert type(extractor_of(recommender.model)) is type(extractor_of(training.model))
    histories = [["i1", "i2", "i3"], [], ["i7", "i9", "i11", "i2", "i4", "i5", "i8", "i1"]]
    found, rows = recommender.interests(histories), recommender.rows(histories).interaction
    real = np.arange(6) < np.array([3, 0, 6])[:, None]
    np.testing.assert_allclose(found.couplings.sum(axis=2), real, atol=1e-5)
    np.testing.assert_array_equal(found.active.sum(axis=1), [1, 0, 1] if name in ONE else [2, 0, 3])
    assert not found.vectors[~found.active].any() and found.vectors[found.active].any(axis=1).all()
    if name != "routing":  # which settles where it is looked at
        behaviors, mask = training.model.item_tables.auxiliary(rows["item_id_list"]), rows["item_id_list"] != 0
        vectors, _, couplings = extractor_of(training.model)(behaviors, mask, return_couplings=True)
        np.testing.assert_allclose(found.vectors, vectors.detach(), atol=1e-5)
        np.testing.assert_allclose(found.couplings, couplings.detach(), atol=1e-5)
    of_one = recommender.explain([histories[2]], k=2)[0].as_dict()
    assert len(of_one["interests"]) == found.active[2].sum()


@pytest.mark.slow
@pytest.mark.parametrize("name", TASK_EXTRACTORS)
def test_a_sheet_of_interests_is_measured(settings, data_path, tmp_path, name):
    columns = {"inter": ["user_id", "item_id", "timestamp"], "item": ["item_id", "categories"]}
    given = settings(load_col=columns, iacn_extractor=name, epochs=1)
    training = recbole_iacn.build("WideDeep_IaCN", "tiny", config_dict=given)
    training.fit()
    training.save(str(tmp_path / "bundle"))
    recommender = recbole_iacn.load(tmp_path / "bundle")
    categories = categories_of(recommender.catalogue)
    lines = sheet_of(recommender, of_settings(recommender, str(data_path), 20), categories, 4).lines
    assert lines and all(np.isfinite(line.model.mean) for line in lines if line.users)


@pytest.mark.parametrize("name", TASK_EXTRACTORS)
def test_one_interest_needs_no_attention(build, name):
    """With one interest the label-aware attention is the identity, whatever its mode, bit by bit."""
    losses = set()
    for attention in ("pow", "scale", "hard"):
        _, train, _, _, model = build(
            "WideDeep_IaCN", iacn_extractor=name, iacn_interests=1, iacn_attention=attention, iacn_power=3.0
        )
        batch = next(iter(train))
        losses.add(model.calculate_loss(batch)[1].item())
    network, (history, target) = model.tasks["iacn"].network, (torch.randn(5, 6, 8), torch.randn(5, 8))
    mask = torch.arange(6) < torch.tensor([[6], [3], [2], [1], [0]])
    interests, active = network.interests(history, mask)
    assert len(losses) == 1 and interests.shape[1] == 1
    assert torch.equal(network(history, mask, target), network.attention(interests, target, active)[0])
