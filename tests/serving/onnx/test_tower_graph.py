"""The exported tower gives the vectors that the model serves with."""

import numpy as np
import pytest
import torch

from recbole_iacn.names import FAMILY
from recbole_iacn.serving.onnx.comparison import feed, random_rows
from recbole_iacn.serving.onnx.exporting import graph_of

CASES = [
    *((name, {}) for name in FAMILY),
    ("MIND", {"h_layer": True, "interest_rounding": "floor"}),
    *(("ComiRec", changes) for changes in ({"extractor": "dr"}, {"interest_positions": "values"})),
    *((name, {"stages": "two"}) for name in ("TiMiRec", "TiMiRecPlus")),
    ("TiSASRec", {"n_heads": 2, "n_layers": 2}),
]


@pytest.mark.parametrize(("name", "changes"), CASES, ids=lambda value: value if isinstance(value, str) else "")
def test_vectors(opened, name, changes):
    recommender = opened(name, **changes)
    graph = graph_of(recommender)
    rows = random_rows(recommender, graph, 30, np.random.default_rng(1))
    given = feed(graph, rows, torch.zeros(30, 1))
    with torch.no_grad():
        found, active = graph.module(*(torch.from_numpy(values) for values in given.values()))
    wanted, wanted_active = recommender.vectors(rows)
    torch.testing.assert_close(found, wanted, atol=2e-6, rtol=2e-6)
    assert torch.equal(active, wanted_active) and wanted.std() > 1e-4
    assert found.shape[1] == (1 if name in ("YouTubeDNN", "TiSASRec", "ESASRec") or "stages" in changes else 4)
