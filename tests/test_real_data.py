"""The Amazon data of ../shared/data, where they are at hand: counts, and one step on real rows."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

SHARED = Path(__file__).parent.parent.parent / "shared"
CONVERTER = SHARED / "tools" / "make_atomic.py"

pytestmark = pytest.mark.skipif(not CONVERTER.is_file(), reason="../shared/data is not at hand")


@pytest.mark.parametrize("model", ["DIN_IaCN", "DIEN_IaCN", "WideDeep_IaCN"])
def test_beauty_becomes_rows_and_batches(build, tmp_path, model):
    sequences, attributes = SHARED / "data" / "Beauty.txt", SHARED / "data" / "Beauty_item2attributes.json"
    subprocess.run([sys.executable, CONVERTER, sequences, attributes, tmp_path / "Beauty"], check=True)
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
