"""The Amazon data in ../shared/data, if available: counts, and one step on real rows."""

from pathlib import Path

import pytest
import torch

from recbole_iacn.data.sequences import convert

DATA = Path(__file__).parents[2] / "shared" / "data"

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data is not available")


@pytest.mark.slow
@pytest.mark.parametrize("model", ["DIN_IaCN", "DIEN_IaCN", "WideDeep_IaCN"])
def test_beauty_becomes_rows_and_batches(build, tmp_path, model):
    counts = convert(DATA / "Beauty.txt", DATA / "Beauty_item2attributes.json", tmp_path / "Beauty")
    assert counts == {"users": 22_363, "items": 12_101, "interactions": 198_502, "without_attributes": 0}
    _, train, valid, test, network = build(
        model,
        dataset="Beauty",
        data_path=str(tmp_path),
        load_col={"inter": ["user_id", "item_id", "timestamp"], "item": ["item_id", "categories"]},
        iacn_item_features=["categories"],
        train_batch_size=2048,
    )
    dataset = train._dataset
    assert (dataset.user_num - 1, dataset.item_num - 1) == (22_363, 12_101)
    assert len(train._dataset) == 198_502 - 3 * 22_363
    assert len(valid._dataset) == len(test._dataset) == 22_363
    losses = network.calculate_loss(next(iter(train)))
    assert all(torch.isfinite(loss) for loss in losses)
