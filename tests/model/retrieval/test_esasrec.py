"""ESASRec: how it starts, and what it learns that a mean of the history cannot."""

import numpy as np
import pytest
from helpers import SHORT_RANKING

FULL = {**SHORT_RANKING, "protocol": "leave_one_out_full", "eval_negatives": ...}


def test_it_starts_by_the_widths_of_its_layers(build):
    """Glorot's normal: a variance of 2 / (in + out); biases 0; embeddings have the family's .01."""
    *_, model = build("ESASRec", **FULL, embedding_size=64)
    unit = model.extractor.blocks[0].unit
    assert unit.weight.std().item() == pytest.approx(np.sqrt(2 / (64 + 512)), rel=0.05)
    assert not unit.bias.any() and not model.extractor.blocks[0].distance.any()
    assert model.item_embedding.weight[1:].std().item() == pytest.approx(0.01, rel=0.1)
    assert not model.item_embedding.weight[0].any()


def write_ring(folder, users=300, size=30, events=12, seed=0):
    """After item i comes item i + 1, whatever came before; a user starts anywhere. One click in five is at random."""
    rng = np.random.default_rng(seed)
    (folder / "ring").mkdir()
    lines = ["user_id:token\titem_id:token\ttimestamp:float"]
    for user in range(users):
        item = rng.integers(size)
        for step in range(events):
            lines.append(f"u{user}\ti{item}\t{step}")
            item = rng.integers(size) if rng.random() < 0.2 else (item + 1) % size
    (folder / "ring" / "ring.inter").write_text("\n".join(lines) + "\n")
    return str(folder)


@pytest.mark.slow
def test_it_learns_the_order_of_clicks(train_ranking, tmp_path):
    """The next item is known in .8 of all cases, and one of thirty in the others: at best .8 + .2 * 5 / 30 = .83 of
    the clicked items are among the first five. The mean of a history does not know which click was the last. Seen over
    four seeds: ESASRec .82 to .83, YouTubeDNN .35 to .43."""
    changes = {**FULL, "data_path": write_ring(tmp_path), "epochs": 30, "stopping_step": 30, "embedding_size": 16}
    changes.update(MAX_ITEM_LIST_LENGTH=12, train_batch_size=64)
    hit = {name: train_ranking(name, "ring", **changes)[2]["hit@5"] for name in ("YouTubeDNN", "ESASRec")}
    assert hit["ESASRec"] > 0.75 and hit["ESASRec"] > hit["YouTubeDNN"] + 0.2
