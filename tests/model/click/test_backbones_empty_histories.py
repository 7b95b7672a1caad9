"""Rows whose user has clicked nothing yet, in every backbone: finite, and with no influence on other rows."""

import pytest
import torch
from helpers import BACKBONES, give_other_weights

from recbole_iacn import interest_aware

MODES = ("off", "width", "full")
SOME, ALL = (0, 2, 3), slice(None)  # rows that lose their history


def padded(name):
    """A class of the user's whose forward pass is its own, so that histories are padded."""
    from recbole.utils import get_model

    base = get_model(name)

    def forward(self, *rows):
        return base.forward(self, *rows)

    return interest_aware(type(f"Padded{name}", (base,), {"forward": forward}))


MODELS = [
    *((f"{name}_IaCN", mode, {}) for name in BACKBONES for mode in MODES),
    *((padded(name), "full", {}) for name in ("DIN", "DIEN")),
    *(("DIEN_IaCN", "full", {"gru_type": gru}) for gru in ("GRU", "AIGRU", "AGRU")),
    ("DIN_IaCN", "full", {"iacn_user_profile": ["age"], "iacn_target": "distilled"}),
    ("DIEN_IaCN", "full", {"iacn_target": "distilled", "iacn_distillation_warmup": 0}),
    ("WideDeep_IaCN", "full", {"iacn_attention": "hard"}),
]
every_model = pytest.mark.parametrize(
    ("name", "mode", "changes"),
    MODELS,
    ids=["-".join([str(getattr(n, "__name__", n)), m, *map(str, c.values())]) for n, m, c in MODELS],
)


@pytest.fixture
def made(build):
    """(model with weights of a size that every part feels, a training batch in which some rows have no history)."""

    def make(name, mode, changes, empty):
        *_, train, _, _, model = build(name, iacn_mode=mode, **changes)
        torch.manual_seed(0)
        give_other_weights(model)
        return model, without_history(next(iter(train)), empty)

    return make


def without_history(batch, empty):
    batch = batch.to("cpu")
    for name in ("item_length", "item_id_list"):
        batch[name] = batch[name].clone()
        batch[name][empty if isinstance(empty, slice) else torch.tensor(empty)] = 0
    return batch


@pytest.mark.parametrize("empty", [SOME, ALL], ids=["some", "all"])
@every_model
def test_losses_and_gradients_are_finite(made, name, mode, changes, empty):
    model, batch = made(name, mode, changes, empty)
    with torch.autograd.set_detect_anomaly(True, check_nan=True):
        losses = model.calculate_loss(batch)
        losses = losses if isinstance(losses, tuple) else (losses,)
        sum(losses).backward()
    assert all(torch.isfinite(loss) for loss in losses)
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    assert gradients and all(torch.isfinite(gradient).all() for gradient in gradients)
    assert mode != "full" or empty == SOME or all(loss == 0 for loss in losses[1:])


@every_model
def test_a_score_depends_on_its_own_row_alone(made, name, mode, changes):
    model, batch = made(name, mode, changes, SOME)
    model.eval()
    scores = model.predict(batch[:6])
    assert torch.isfinite(scores).all()
    alone = torch.cat([model.predict(batch[row : row + 1]) for row in range(6)])
    torch.testing.assert_close(scores, alone, atol=2e-6, rtol=1e-5)
    torch.testing.assert_close(model.predict(batch[[0, 2, 3]]), scores[[0, 2, 3]], atol=2e-6, rtol=1e-5)


@every_model
def test_full_sort_equals_scoring_item_by_item(made, name, mode, changes):
    model, batch = made(name, mode, changes, SOME)
    model.eval()
    for rows in (batch[:5], batch[[0, 2, 3]]):
        scores = model.full_sort_predict(rows)
        for item in (1, 7, model.n_items - 1):
            candidates = rows.to("cpu")
            candidates.update(model.item_tables.item_feat[torch.full((len(rows),), item)])
            torch.testing.assert_close(model.predict(candidates), scores[:, item], atol=2e-6, rtol=1e-5)


@pytest.mark.parametrize("name", ["DIN_IaCN", "DIEN_IaCN", "WideDeep_IaCN", "FFM_IaCN"])
@pytest.mark.parametrize("changes", [{}, {"iacn_target": "distilled", "iacn_distillation_warmup": 0}], ids=["", "z"])
def test_the_task_learns_from_the_other_rows_as_if_there_were_no_such_rows(made, name, changes):
    model, batch = made(name, "full", changes, SOME)
    found = model.auxiliary_losses(batch)
    others = model.auxiliary_losses(batch[batch["item_length"] > 0])
    assert all(loss > 0 for loss in found)
    torch.testing.assert_close(found, others)


def test_such_a_row_has_no_interests(made):
    model, batch = made("DIN_IaCN", "full", {"iacn_user_profile": ["age"]}, SOME)
    _, active = model.tasks["iacn"].interests(model, batch)
    assert (active.any(dim=1) == (batch["item_length"] > 0)).all()
    couplings = model.couplings(batch)
    assert (couplings[[0, 2, 3]] == 0).all() and torch.isfinite(couplings).all()


def test_din_then_reads_the_candidate_alone(made):
    """MLP([0, e, 0]), from the embedding layer's own vectors."""
    model, batch = made("DIN_IaCN", "off", {}, ALL)
    model.eval()
    sparse, _ = model.embedding_layer(batch["user_id"], batch["item_id"].unsqueeze(1))
    candidate = sparse["item"].flatten(1)
    nothing = torch.zeros_like(candidate)
    logits = model.dnn_predict_layers(model.dnn_mlp_layers(torch.cat([nothing, candidate, nothing], dim=1)))
    torch.testing.assert_close(model.predict(batch), logits.squeeze(1).sigmoid())
