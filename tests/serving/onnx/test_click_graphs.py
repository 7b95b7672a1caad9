"""The modules that are exported score as the models do, for all backbones, with columns of all types."""

import numpy as np
import pytest
import torch
from helpers import BACKBONES

from recbole_iacn import ConfigError, interest_aware
from recbole_iacn.serving.onnx.comparison import random_rows
from recbole_iacn.serving.onnx.exporting import graph_of

CASES = [
    *((f"{name}_IaCN", {}) for name in BACKBONES),
    *((f"{name}_IaCN", {"iacn_mode": "off"}) for name in ("DIN", "DIEN", "WideDeep", "FFM")),
    *((f"{name}_IaCN", {"user_fields": True}) for name in ("DIN", "DIEN")),
    ("DIN_IaCN", {"user_fields": True, "pooling_mode": "sum"}),
    *((f"{name}_IaCN", {"iacn_relationship": "detached"}) for name in ("DIN", "DIEN", "WideDeep", "FFM")),
    *(("DIN_IaCN", {"iacn_relationship": "joint", "iacn_extractor": name}) for name in ("mean", "attention", "block")),
    *(("DIEN_IaCN", {"gru_type": gru}) for gru in ("GRU", "AIGRU", "AGRU")),
]


@pytest.mark.parametrize(("name", "changes"), CASES, ids=lambda value: value if isinstance(value, str) else "")
def test_scores(opened, name, changes):
    recommender = opened(name, **changes)
    graph = graph_of(recommender)
    random = np.random.default_rng(1)
    rows = random_rows(recommender, graph, 30, random)
    items = torch.from_numpy(random.integers(1, recommender.model.n_items, (30, 4)))
    columns = [column.as_given(rows.interaction[column.column]) for column in graph.columns]
    with torch.no_grad():
        found = graph.module(rows.interaction["item_id_list"], items, *columns)
    wanted = recommender.scores_of(rows, items)
    torch.testing.assert_close(found, wanted, atol=2e-6, rtol=0)
    assert wanted.std() > 1e-4


def test_capsules_are_not_in_the_graph(opened):
    recommender = opened("WideDeep_IaCN", iacn_mode="full")
    graph = graph_of(recommender)
    with torch.no_grad():
        program = torch.export.export(graph.module, graph.example)
    used = {node.target for node in program.graph.nodes if node.op == "placeholder" and node.users}
    assert used and not [name for name in used if "tasks" in name]
    assert [name for name, _ in recommender.model.named_parameters() if "tasks" in name]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"iacn_extractor": "recurrent"}, "by iacn_extractor: recurrent has no graph"),
        ({"iacn_user_profile": ["age"]}, "that reads iacn_user_profile has no graph"),
    ],
)
def test_a_relationship_score_without_a_graph(opened, changes, named):
    with pytest.raises(ConfigError, match=f"export: a relationship score {named}"):
        graph_of(opened("DIN_IaCN", iacn_relationship="detached", **changes))


def test_a_forward_pass_of_ones_own_has_no_graph(opened):
    from recbole.model.sequential_recommender.din import DIN

    class OwnDIN(DIN):
        def forward(self, *rows):
            return super().forward(*rows)

    interest_aware(OwnDIN)
    with pytest.raises(ConfigError, match="export: OwnDIN_IaCN scores by a forward pass of its own"):
        graph_of(opened("OwnDIN_IaCN"))
