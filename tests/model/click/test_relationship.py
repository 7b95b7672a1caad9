"""The relationship score beside a backbone's logit: its value, what trains it, and all ways to score."""

import numpy as np
import pytest
import torch
from helpers import BACKBONES, give_other_weights
from recbole.model.context_aware_recommender.deepfm import DeepFM

import recbole_iacn
from recbole_iacn.errors import ConfigError
from recbole_iacn.model.click.interest_aware import InterestAware
from recbole_iacn.model.click.relationship import RelationshipScore

DETACHED = {"iacn_relationship": "detached"}
WITHOUT_LOGITS = ("DCNV2", "KD_DAGFM")
LOGITS = [name for name in BACKBONES if name not in WITHOUT_LOGITS]


def by_numpy(model, rows):
    """``w · Σ_k softmax(p x)_k x_k / temperature`` with ``x_k = c · u_k``, row by row, from interests."""
    network = model.tasks["iacn"].network
    interests, active = model.tasks["iacn"].interests(model, rows)
    candidates = model.item_tables.auxiliary(rows["item_id"]).numpy()
    found = []
    for u, own, candidate in zip(interests.numpy(), active.numpy(), candidates):
        x = u[own] @ candidate
        weights = np.exp(network.attention.power * (x - x.max(initial=0))) if own.any() else x
        found.append(float(weights @ x / weights.sum()) if own.any() else 0.0)
    return model.relationship.weight.item() * np.array(found) / network.temperature


@pytest.mark.parametrize("backbone", LOGITS)
@torch.no_grad()
def test_the_score_is_added_to_the_logit(build, backbone):
    *_, test, model = build(f"{backbone}_IaCN", **DETACHED)
    give_other_weights(model.eval())
    model.sigmoid = torch.nn.Identity()
    rows = test._dataset[np.arange(12)]
    model.relationship.paced.fill_(0.05)
    wanted, half = by_numpy(model, rows), model.predict(rows)
    model.relationship.paced.zero_()
    without = model.predict(rows)
    np.testing.assert_allclose((half - without).numpy(), wanted, atol=2e-4)
    assert np.abs(wanted).max() > 1e-2


@pytest.mark.parametrize("backbone", ["DIN", "DIEN", "WideDeep", "FFM", "DSSM"])
@pytest.mark.parametrize("extractor", ["routing", "mean", "attention"])
@torch.no_grad()
def test_all_ways_to_score_agree(build, backbone, extractor):
    """Pairs, all items at once, and each row's own candidates; one history is empty."""
    *_, test, model = build(f"{backbone}_IaCN", **DETACHED, iacn_extractor=extractor)
    give_other_weights(model.eval())
    rows = test._dataset[np.arange(8)]
    rows["item_id_list"][3] = 0
    rows["item_length"][3] = 0
    items = torch.randint(1, model.n_items, (8, 5), generator=torch.Generator().manual_seed(3))
    every, own = model.full_sort_predict(rows).view(8, -1), model.candidate_scores(rows, items)
    assert torch.allclose(every.gather(1, items), own, atol=1e-6)
    for column in range(5):
        rows.update(model.item_tables.item_feat[items[:, column]])
        assert torch.allclose(model.predict(rows), own[:, column], atol=1e-6)
    model.relationship.paced.zero_()
    assert not torch.allclose(model.candidate_scores(rows, items), own, atol=1e-3)


@pytest.mark.parametrize("extractor", ["routing", "mean"])
@torch.no_grad()
def test_autocast_leaves_the_score_in_float32(build, extractor):
    """Products of a size of .01 over a temperature of .05, rounded to eight bits, would be another score."""
    *_, test, model = build("WideDeep_IaCN", **DETACHED, iacn_extractor=extractor)
    give_other_weights(model.eval())
    rows, network = test._dataset[np.arange(8)], model.tasks["iacn"].network
    interests, active = model.tasks["iacn"].interests(model, rows)
    candidates = model.item_tables.auxiliary(torch.arange(model.n_items))
    wanted = network.relationship(interests, active, candidates)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = network.relationship(interests, active, candidates)
    assert found.dtype is torch.float32 and torch.equal(found, wanted) and wanted.shape == (8, model.n_items)


def gradients(model, rows):
    """The gradients of the main loss alone."""
    model.zero_grad()
    torch.manual_seed(5)
    losses = model.calculate_loss(rows)
    losses[0].backward()
    of_map = model.tasks["iacn"].network.extractor.bilinear.grad
    return model.relationship.paced.grad, of_map


@pytest.mark.parametrize("backbone", ["DIN", "WideDeep"])
def test_what_the_main_loss_trains(build, backbone):
    rows = {}
    for how in ("detached", "joint"):
        _, train, _, _, model = build(f"{backbone}_IaCN", iacn_relationship=how)
        weight, of_map = gradients(model, next(iter(train)))
        assert weight is not None and weight != 0
        rows[how] = of_map
    assert rows["detached"] is None and rows["joint"].any()


def test_delta_shares_the_gradient_through_a_joint_score(build):
    """With δ = 0 the main loss leaves ``E_auxiliary`` as it is, whatever way it takes."""
    for delta, reaches in ((0.0, False), (0.4, True)):
        _, train, _, _, model = build("WideDeep_IaCN", iacn_relationship="joint", iacn_delta=delta)
        gradients(model, next(iter(train)))
        names = model.item_tables.auxiliary_names()
        assert names
        grads = [
            model.item_tables.item_table(name)[0].weight.grad
            for name in names
            if "categories" in name or "class" in name
        ]
        for one in grads:
            assert bool(one is not None and one.any()) is reaches


@torch.no_grad()
def test_users_of_one_history_have_profiles_of_their_own(build):
    *_, test, model = build("WideDeep_IaCN", **DETACHED, iacn_user_profile=["age"])
    give_other_weights(model.eval())
    rows = test._dataset[np.arange(12)]
    for name in ("item_id_list", "item_length", "item_id"):
        rows[name][:] = rows[name][0]
    found = model.relationship(model, rows).numpy()
    np.testing.assert_allclose(found, by_numpy(model, rows), atol=2e-4)
    assert np.ptp(found) > 1e-2


@pytest.mark.parametrize("interests", [1, 4])
@pytest.mark.parametrize("profile", [[], ["age"]])
def test_an_empty_history_adds_nothing(build, profile, interests):
    """Nor does a profile alone: the task is trained by rows with a history."""
    *_, test, model = build("DIN_IaCN", **DETACHED, iacn_user_profile=profile, iacn_interests=interests)
    give_other_weights(model.eval())
    rows = test._dataset[np.arange(3)]
    rows["item_id_list"][:] = 0
    with torch.no_grad():
        assert not model.relationship(model, rows).any()


@pytest.mark.parametrize(("joint", "times"), [(False, 10), (True, 1)])
def test_a_detached_weight_moves_ten_times_as_fast(joint, times):
    """A step of Adam has the size of the learning rate, whatever the gradient."""
    score = RelationshipScore(joint)
    (-score.weight).backward()
    torch.optim.Adam(score.parameters(), lr=0.001).step()
    assert score.weight.item() == pytest.approx(1 + times * 0.001, abs=1e-6)


def test_none_is_the_papers_model(build):
    """No weight, no change of the score, and the same random start."""
    *_, plain = build("DIN_IaCN")
    *_, related = build("DIN_IaCN", **DETACHED)
    assert plain.relationship is None and not [name for name in plain.state_dict() if "relationship" in name]
    own = dict(plain.named_parameters())
    extra = [name for name, value in related.named_parameters() if name not in own or not torch.equal(value, own[name])]
    assert extra == ["relationship.paced"] and related.relationship.weight == 1


@pytest.mark.parametrize("backbone", [name for name in WITHOUT_LOGITS if name in BACKBONES])
def test_a_backbone_without_logits(build, backbone):
    with pytest.raises(ConfigError, match=f"iacn_relationship: {backbone} has no self.loss = BCEWithLogitsLoss"):
        build(f"{backbone}_IaCN", **DETACHED)


def test_a_backbone_that_bypasses_forward(build, monkeypatch):
    _, train, _, _, model = build("WideDeep_IaCN", **DETACHED)
    monkeypatch.setattr(InterestAware, "forward", lambda self, rows: super(InterestAware, self).forward(rows))
    with pytest.raises(ConfigError, match="iacn_relationship: the backbone does not score by its method forward"):
        model.calculate_loss(next(iter(train)))


class Twice(DeepFM):
    """Scores a batch twice, once by a keyword, as a loss does that compares two dropouts."""

    def forward(self, interaction, scale=1.0):
        return super().forward(interaction) * scale

    def calculate_loss(self, interaction):
        self.logits = self.forward(interaction), self.forward(interaction, scale=1.0)
        return self.loss(self.logits[1], interaction[self.LABEL])


@pytest.mark.parametrize("how", ["none", "detached"])
def test_a_backbone_that_scores_twice(build, how):
    _, train, _, _, model = build(recbole_iacn.interest_aware(Twice), iacn_relationship=how, dropout_prob=0.0)
    give_other_weights(model.eval())
    rows = next(iter(train))
    model.calculate_loss(rows)
    first, second = model.logits
    assert torch.equal(first, second)
    assert torch.allclose(torch.sigmoid(second), model.predict(rows), atol=1e-6)


def test_modes_without_a_task_have_no_score(build):
    for mode in ("off", "width"):
        *_, model = build("DIN_IaCN", **DETACHED, iacn_mode=mode)
        assert model.relationship is None
