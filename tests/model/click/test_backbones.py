"""Every click-through-rate backbone of RecBole, made interest-aware by one rule, in all three modes."""

from pathlib import Path

import pytest
import torch
from helpers import BACKBONES, auxiliary_tables, give_other_weights

import recbole_iacn
from recbole_iacn.data.synthetic import PlantedInterests

MODES = ("off", "width", "full")

every_backbone = pytest.mark.parametrize("backbone", BACKBONES)


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("planted")
    PlantedInterests(users=120, clusters=4, items_per_cluster=12, events=9, noise=0.05).write(folder, categories=True)
    return str(folder)


@pytest.fixture
def make(build, planted):
    """(train, test, model) on planted data."""

    def make(backbone, **changes):
        columns = {"inter": ["user_id", "item_id", "timestamp"], "item": ["item_id", "categories"]}
        options = {"data_path": planted, "load_col": columns, **changes}
        _, train, _, test, model = build(f"{backbone}_IaCN", "planted", **options)
        return train, test, model

    return make


def losses(model, batch):
    """(L_main, L_IaCN or 0) with the same random numbers each time."""
    torch.manual_seed(3)
    loss = model.calculate_loss(batch)
    return loss if isinstance(loss, tuple) else (loss, torch.zeros(()))


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
@every_backbone
def test_loss_falls(make, backbone, mode):
    train, _, model = make(backbone, iacn_mode=mode, iacn_delta=0.3)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    first, batch = [], next(iter(train))
    for _ in range(12):
        optimizer.zero_grad()
        parts = losses(model, batch)
        first = first or [float(part.detach()) for part in parts]
        sum(parts).backward()
        optimizer.step()
    last = [float(part.detach()) for part in losses(model, batch)]
    assert last[0] < 0.97 * first[0]
    assert mode != "full" or last[1] < 0.97 * first[1]


@pytest.mark.slow
@pytest.mark.parametrize("delta", [0.0, 0.3, 1.0])
@every_backbone
def test_auxiliary_embedding_moves_as_delta_and_lambda_say(make, backbone, delta):
    """Gradient of E_auxiliary = (1 - delta) * lambda * g_IaCN + delta * g_main."""
    train, _, model = make(backbone, iacn_delta=delta, iacn_lambda=0.7)
    batch, tables = next(iter(train)), auxiliary_tables(model)
    weights = [weight for weight, _ in tables]

    def gradients(part, main_weight, delta):
        model.item_tables.main_weight, model.iacn_delta = main_weight, delta
        found = torch.autograd.grad(losses(model, batch)[part], weights, allow_unused=True)
        return [torch.zeros_like(w) if g is None else g for w, g in zip(weights, found)]

    g_main, g_auxiliary = gradients(0, 1.0, 1.0), gradients(1, 1.0, 0.0)
    model.item_tables.main_weight, model.iacn_delta = delta, delta
    model.zero_grad()
    sum(losses(model, batch)).backward()
    for (weight, rows), main, auxiliary in zip(tables, g_main, g_auxiliary):
        assert main[rows].abs().sum() > 0 and auxiliary[rows].abs().sum() > 0
        assert torch.allclose(weight.grad[rows], (1 - delta) * auxiliary[rows] + delta * main[rows], atol=1e-6)


@every_backbone
def test_the_auxiliary_loss_trains_the_auxiliary_embedding_only(make, backbone):
    train, _, model = make(backbone)
    losses(model, next(iter(train)))[1].backward()
    touched = {name for name, p in model.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
    tables = {name for name, p in model.named_parameters() if any(p is weight for weight, _ in auxiliary_tables(model))}
    assert tables <= touched
    assert all(name in tables or name.startswith("tasks.iacn.") for name in touched), touched


@pytest.mark.slow
@every_backbone
def test_off_has_no_auxiliary_parameters(make, backbone):
    models = {mode: make(backbone, iacn_mode=mode)[2] for mode in MODES}
    sizes = {mode: sum(p.numel() for p in model.parameters()) for mode, model in models.items()}
    capsule = sum(p.numel() for p in models["full"].tasks["iacn"].network.parameters())
    assert sizes["off"] < sizes["width"] == sizes["full"] - capsule
    assert not [name for name in models["off"].item_tables.item_feat.columns if "auxiliary" in name]
    assert [name for name, _ in models["off"].named_parameters() if "iacn" in name] == []


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
@every_backbone
def test_a_checkpoint_gives_the_same_scores_by_stock_functions(settings, planted, backbone, mode):
    from recbole.quick_start import load_data_and_model, run_recbole
    from recbole.utils import get_trainer

    columns = {"inter": ["user_id", "item_id", "timestamp"], "item": ["item_id", "categories"]}
    options = settings(data_path=planted, load_col=columns, iacn_mode=mode, epochs=1, train_batch_size=512)
    result = run_recbole(model=f"{backbone}_IaCN", dataset="planted", config_dict=options)
    (checkpoint,) = Path("saved").glob("*.pth")
    torch.load(checkpoint, weights_only=True)
    config, model, _, _, _, test = load_data_and_model(str(checkpoint))
    trainer = get_trainer(config["MODEL_TYPE"], config["model"])(config, model)
    assert dict(trainer.evaluate(test, load_best_model=False)) == dict(result["test_result"])


@every_backbone
def test_prediction_needs_no_capsule(make, backbone):
    _, test, model = make(backbone)
    batch = next(iter(test))[0]
    model.eval()
    scores = model.predict(batch)
    assert scores.shape == (len(batch),)
    model.tasks.clear()
    assert torch.equal(model.predict(batch), scores)


def assert_full_sort_is_item_by_item(test, model):
    """In chunks that do not divide the items, over histories of several lengths."""
    model.eval()
    give_other_weights(model)
    model.eval_batch_size = 7
    rows = test._dataset[torch.arange(4)]
    rows["item_length"] = torch.tensor([1, 3, 6, 2])
    rows["item_id_list"] = rows["item_id_list"] * (torch.arange(6) < rows["item_length"].unsqueeze(1))
    scores = model.full_sort_predict(rows)
    assert scores.shape == (4, model.n_items)
    for item in (1, 7, 8, 17, model.n_items - 1):
        candidates = rows.to("cpu")
        candidates["item_id"] = torch.full((4,), item)
        candidates = test._dataset.join(candidates)
        torch.testing.assert_close(model.predict(candidates), scores[:, item], atol=2e-6, rtol=1e-5)
    assert scores[:, 1:].std() > 2e-4 * scores[:, 1:].mean()


@pytest.mark.slow
@every_backbone
def test_full_sort_equals_scoring_item_by_item(make, backbone):
    _, test, model = make(backbone)
    assert_full_sort_is_item_by_item(test, model)


@pytest.mark.parametrize("gru", ["GRU", "AIGRU", "AGRU", "AUGRU"])
def test_full_sort_of_every_dien(build, gru):
    *_, test, model = build("DIEN_IaCN", gru_type=gru, iacn_mode="off")
    assert_full_sort_is_item_by_item(test, model)


def test_full_sort_of_a_model_with_its_own_score(build):
    from recbole.model.sequential_recommender.din import DIN

    from recbole_iacn import interest_aware

    class Reversed(DIN):
        def predict(self, interaction):
            return 1 - super().predict(interaction)

    *_, test, model = build(interest_aware(Reversed))
    assert_full_sort_is_item_by_item(test, model)


@every_backbone
def test_the_history_changes_scores_and_its_padding_does_not(make, backbone):
    _, test, model = make(backbone, MAX_ITEM_LIST_LENGTH=12)
    batch = next(iter(test))[0]
    model.eval()
    scores = model.predict(batch)
    beyond = torch.arange(12) >= batch["item_length"].unsqueeze(1)
    assert beyond.any() and not beyond.all()
    others = batch.to("cpu")
    others["item_id_list"] = torch.where(beyond, 0, 1 + batch["item_id_list"] % 40)
    assert not torch.allclose(model.predict(others), scores, atol=1e-7)


def test_a_model_without_item_embedding_is_rejected():
    with pytest.raises(recbole_iacn.ConfigError, match=r"^LR_IaCN: LR has one weight per feature .* no item"):
        recbole_iacn.run("LR_IaCN", "planted")


def test_a_model_that_is_not_a_click_model_is_rejected():
    with pytest.raises(recbole_iacn.ConfigError, match=r"^SASRec_IaCN: SASRec is not a click-through-rate model"):
        recbole_iacn.run("SASRec_IaCN", "planted")


@pytest.mark.parametrize("backbone", ["DIN", "DIEN", "WideDeep", "FFM"])
def test_full_sort_with_fewer_pairs_at_once_than_rows(make, backbone):
    """``eval_batch_size`` below the rows of a batch: then one item for all rows at once."""
    _, test, model = make(backbone)
    model.eval()
    give_other_weights(model)
    rows = test._dataset[torch.arange(4)]
    model.eval_batch_size = 1000
    scores = model.full_sort_predict(rows)
    model.eval_batch_size = 3
    torch.testing.assert_close(model.full_sort_predict(rows), scores, atol=2e-6, rtol=1e-5)
