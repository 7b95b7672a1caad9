"""The task's loss in a built model, from its embeddings by NumPy: which items are compared, and by which weight."""

import numpy as np
import pytest
import torch
from helpers import give_other_weights


@pytest.mark.parametrize("negatives", [0, 5])
def test_bpr_compares_with_the_other_targets_or_with_the_drawn_items(build, negatives):
    changes = {"iacn_loss": "bpr", "iacn_extractor": "mean", "iacn_negatives": negatives, "dropout_prob": 0.0}
    _, train, _, _, model = build("WideDeep_IaCN", iacn_lambda=0.7, iacn_temperature=0.5, **changes)
    give_other_weights(model)
    batch = next(iter(train))
    torch.manual_seed(3)
    found = model.calculate_loss(batch)[1].item()
    torch.manual_seed(3)
    drawn = torch.randint(1, model.n_items, (negatives,)).numpy()
    table = model.item_tables.auxiliary(torch.arange(model.n_items)).detach().double().numpy()
    weight = model.tasks["iacn"].network.extractor.bilinear.detach().double().numpy()
    rows = [row for row in range(len(batch)) if batch["label"][row] == 1 and batch["item_id_list"][row].any()]
    targets = [int(batch["item_id"][row]) for row in rows]
    assert len(set(targets)) < len(targets) > 20  # some share a target
    losses = []
    for row, target in zip(rows, targets):
        history = batch["item_id_list"][row].numpy()
        user = weight @ table[history[history != 0]].mean(axis=0) / 0.5
        gaps = [user @ (table[target] - table[other]) for other in (drawn if negatives else targets) if other != target]
        losses.append(np.mean(np.log1p(np.exp(-np.array(gaps)))))
    assert found == pytest.approx(0.7 * np.mean(losses), rel=1e-4)
