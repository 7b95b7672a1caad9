"""Stock DIN and DIEN on rows with an empty history: finite, and equal to ours in mode off."""

import pytest
import torch
from helpers import assert_computes_the_same, give_same_weights


def emptied(batch, rows):
    batch = batch.to("cpu")
    for name in ("item_length", "item_id_list", "neg_item_id_list"):
        if name in batch:
            batch[name] = batch[name].clone()
            batch[name][rows] = 0
    return batch


CASES = [("DIN", {}), *(("DIEN", {"gru_type": gru}) for gru in ("AUGRU", "AGRU", "AIGRU", "GRU"))]


@pytest.mark.parametrize("rows", [[1, 2, 5], slice(None)], ids=["some", "all"])
@pytest.mark.parametrize(("name", "changes"), CASES, ids=[f"{n}-{c.get('gru_type', '')}" for n, c in CASES])
def test_stock_models_compute_what_ours_do(build, name, changes, rows):
    _, train, _, _, stock = build(name, protocol="leave_one_out_ctr", **changes)
    *_, ours = build(f"{name}_IaCN", iacn_mode="off", **changes)
    give_same_weights(ours, stock)
    batch = emptied(next(iter(train)), rows)
    assert_computes_the_same(ours, stock, batch, tolerance=1e-5)


def test_rows_with_a_history_are_read_as_before(build):
    _, train, _, _, stock = build("DIEN", protocol="leave_one_out_ctr")
    stock.eval()
    batch = next(iter(train))
    before = stock.predict(batch)
    after = stock.predict(emptied(batch, [1, 2, 5]))
    kept = torch.ones(len(batch), dtype=torch.bool)
    kept[[1, 2, 5]] = False
    torch.testing.assert_close(after[kept], before[kept])


def test_histories_of_one_item_have_no_auxiliary_loss(build):
    _, train, _, _, stock = build("DIEN", protocol="leave_one_out_ctr")
    batch = next(iter(train))
    rows = batch[batch["item_length"] == 1]
    assert len(rows) > 1 and torch.isfinite(stock.calculate_loss(rows))
