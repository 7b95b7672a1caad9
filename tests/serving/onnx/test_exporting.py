"""The folder of an exported model: what onnxruntime computes from it, and what is rejected."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from helpers import BACKBONES

from recbole_iacn import ConfigError
from recbole_iacn.names import FAMILY
from recbole_iacn.serving.onnx import comparison, exporting


@pytest.fixture(scope="module")
def exported(opened, tmp_path_factory):
    """A recommender and the folder of its export; each is made once."""
    made = {}

    def export(name, **changes):
        key = name, *changes.items()
        if key not in made:
            recommender = opened(name, **changes)
            made[key] = recommender, tmp_path_factory.mktemp("export") / "graph"
            recommender.export(made[key][1])
        return made[key]

    return export


def session_of(folder, file="scorer.onnx"):
    import onnxruntime

    return onnxruntime.InferenceSession(str(folder / file))


@pytest.mark.slow
@pytest.mark.parametrize("size", [(1, 1, 1), (5, 6, 9), (40, 2, 3)], ids=str)
def test_scores_of_din_for_any_size(exported, size):
    """By tokens, as the README does, beside ``Recommender.score``."""
    recommender, folder = exported("DIN_IaCN")
    rows, length, count = size
    tokens = json.loads((folder / "vocabulary.json").read_text())["item_id"]
    random = np.random.default_rng(0)
    lengths = random.integers(0, length + 1, rows)
    histories = [[tokens[item] for item in random.integers(1, len(tokens), some)] for some in lengths]
    items = [tokens[item] for item in random.permutation(len(tokens) - 1)[:count] + 1]
    padded = [[tokens.index(token) for token in history] + [0] * (length - len(history)) for history in histories]
    candidates = np.array([[tokens.index(token) for token in items]] * rows)
    (found,) = session_of(folder).run(["scores"], {"history": np.array(padded), "items": candidates})
    np.testing.assert_allclose(found, recommender.score(histories, items), atol=1e-6)


@pytest.mark.slow
def test_columns_of_a_new_user_and_of_the_row(exported):
    """They are inputs, so they need not be those of a known user."""
    recommender, folder = exported("WideDeep_IaCN")
    users = {"age": ["2"], "income": [0.25], "likes": [["a", "c"]], "tab": ["t1"], "tags": [["x", "y"]]}
    wanted = recommender.score([["i1", "i2"]], ["i3", "i4"], users=users)
    about = json.loads((folder / "graph.json").read_text())
    tokens = json.loads((folder / "vocabulary.json").read_text())
    known = np.load(folder / "users.npz")
    inputs = {"history": [[tokens["item_id"].index(i) for i in ("i1", "i2")]]}
    inputs |= {"items": [[tokens["item_id"].index(i) for i in ("i3", "i4")]]}
    inputs |= {"user.user_id": [0], "user.age": [tokens["age"].index("2")], "user.income": [0.25]}
    inputs |= {"user.likes": [[tokens["likes"].index(like) for like in "ac"]], "user.wants": known["user.wants"][[0]]}
    inputs |= {"context.tab": [tokens["tab"].index("t1")]}
    inputs |= {"context.tags": [[tokens["tags"].index(tag) for tag in "xy"]]}
    assert {one["name"] for one in about["inputs"]} == set(inputs)
    typed = {one["name"]: np.asarray(inputs[one["name"]], one["dtype"]) for one in about["inputs"]}
    (found,) = session_of(folder).run(None, typed)
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    typed["user.income"] += 0.5
    assert np.abs(session_of(folder).run(None, typed)[0] - wanted).max() > 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("name", ["MIND", "TiSASRec"])
def test_vectors_and_items_of_the_family(exported, name):
    recommender, folder = exported(name)
    histories, times = [["i1", "i2", "i3"], ["i4"], []], [[0, 60, 600], [5], []]
    inputs = {"history": np.array([[recommender.ids_of([t])[0] for t in h] + [0] * (3 - len(h)) for h in histories])}
    if name == "TiSASRec":
        inputs["times"] = 1_600_000_000_000 + 1_000 * np.array([[0, 60, 600], [5, 0, 0], [0, 0, 0]])  # in another unit
    vectors, active = session_of(folder, "users.onnx").run(["interests", "active"], inputs)
    wanted, wanted_active = recommender.user_vectors(histories, times=times)
    np.testing.assert_allclose(vectors, wanted, atol=1e-6, rtol=1e-5)
    np.testing.assert_array_equal(active, wanted_active)
    scores = np.where(active[..., None], vectors @ np.load(folder / "items.npy").T, -np.inf).max(axis=1)[:, 1:]
    np.testing.assert_allclose(scores, recommender.score(histories, recommender.items, times=times), atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["DIN_IaCN", "WideDeep_IaCN", "MIND", "TiSASRec"])
def test_the_example_runs_without_pytorch(exported, name):
    recommender, folder = exported(name)
    (code,) = re.findall(r"```python\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)
    assert len(code.splitlines()) <= 18
    code += "import sys\nassert not {'torch', 'recbole', 'recbole_iacn', 'pandas'} & set(sys.modules)\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=folder, timeout=120)
    assert done.returncode == 0, done.stderr
    history, times = [recommender.items[:2].tolist()], [[0, 60]]
    if name.endswith("_IaCN"):
        users = {"tab": ["?"], "tags": [["?"]]} if name == "WideDeep_IaCN" else None
        wanted = recommender.score(history, recommender.items[:3].tolist(), users=users)
        found = np.array(done.stdout.strip("[]\n").split(), dtype=float)
        np.testing.assert_allclose(found, wanted[0], atol=1e-4)
    else:
        best = recommender.recommend(history, 10, exclude_seen=False, times=times)["item_id"].tolist()
        assert done.stdout.strip() == str(best)


@pytest.fixture
def out(tmp_path):
    """An empty folder."""
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def test_a_difference_is_reported_and_nothing_is_written(opened, out, monkeypatch):
    recommender = opened("YouTubeDNN")

    def shifted(*given):
        vectors, active = right(*given)
        return [vectors + np.float32(2e-5) * max(1.0, np.abs(vectors).max()), active]

    right = comparison.in_pytorch
    monkeypatch.setattr(comparison, "in_pytorch", shifted)
    with pytest.raises(ConfigError, match=r"YouTubeDNN differs from PyTorch by 2e-05, more than 1e-05; nothing was"):
        recommender.export(out / "graph")
    assert list(out.iterdir()) == []


def test_what_a_graph_cannot_do_is_one_line(opened, out):
    recommender = opened("YouTubeDNN")

    class ByValue(torch.nn.Module):
        def forward(self, behaviors, mask):
            kept = behaviors[mask]  # as many rows as there are clicks
            if len(kept) > 3:
                kept = kept[:3]
            return kept.mean(dim=0).expand(len(mask), 1, -1), mask[:, :1]

    recommender.model.extractor = ByValue()
    with pytest.raises(ConfigError, match=r"export: YouTubeDNN cannot become an ONNX graph: .") as caught:
        recommender.export(out / "graph")
    assert "\n" not in str(caught.value) and list(out.iterdir()) == []


def test_what_is_rejected_before_any_work(opened, out, monkeypatch):
    recommender = opened("Popularity", load_col={"inter": ["user_id", "item_id", "timestamp"]})
    with pytest.raises(ConfigError, match="export: Popularity has no graph; <Backbone>_IaCN has one"):
        recommender.export(out / "graph")
    (out / "mine").mkdir()
    (out / "mine" / "thesis.txt").write_text("")
    with pytest.raises(ConfigError, match=r"mine: exists, and was not made by an export \(no graph.json\)"):
        recommender.export(out / "mine", overwrite=True)
    (out / "mine" / "graph.json").write_text("")
    with pytest.raises(ConfigError, match="mine: exists already; name another folder, or replace it with overwrite"):
        recommender.export(out / "mine")
    monkeypatch.setattr(exporting.importlib.util, "find_spec", lambda name: None if "runtime" in name else name)
    with pytest.raises(ConfigError, match=r"needs onnxruntime; pip install 'recbole_iacn\[onnx\]'"):
        recommender.export(out / "new")
    recommender.config["device"] = torch.device("cuda")
    monkeypatch.undo()
    with pytest.raises(ConfigError, match="export: the model is on cuda; open its bundle with device='cpu'"):
        recommender.export(out / "new")
    assert [path.name for path in out.iterdir()] == ["mine"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("DIEN_IaCN", {}),  # two recurrences
        ("DSSM_IaCN", {}),  # squeezes the axis of rows
        ("FFM_IaCN", {}),
        ("TiMiRecPlus", {"stages": "two"}),  # a recurrence and a block
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_special_in_a_graph(opened, out, name, changes):
    """An export compares 72 rows itself, and is refused where they differ by more than 1e-5."""
    few = {"item": ["item_id", "categories", "price"], "user": ["user_id", "age"]}
    if name.endswith("_IaCN"):
        changes = {"load_col": {"inter": ["user_id", "item_id", "timestamp"], **few}, **changes}
    opened(name, **changes).export(out / "graph")
    assert json.loads((out / "graph" / "graph.json").read_text())["largest_difference"] <= 1e-5


def test_buckets_of_the_user_and_of_the_row(opened, out):
    """The known users' ones are beside the graph; those of a row cannot be told without their bounds."""
    equal = {"method": "ED", "bucket": 4}
    changes = {"numerical_features": ["income"], "discretization": {"income": equal}}
    recommender = opened("WideDeep_IaCN", **changes)
    recommender.export(out / "graph")
    assert "income" not in json.loads((out / "graph" / "vocabulary.json").read_text())
    buckets = np.load(out / "graph" / "users.npz")["user.income"]
    assert buckets.dtype == np.int64 and 1 < len(set(buckets[1:].tolist())) <= 4
    recommender = opened("WideDeep_IaCN", numerical_features=["hour"], discretization={"hour": equal})
    with pytest.raises(ConfigError, match="export: WideDeep_IaCN reads the bucket of 'hour' of each row"):
        recommender.export(out / "other")


ALL = [
    *((f"{name}_IaCN", {"iacn_mode": mode}) for name in BACKBONES for mode in ("off", "width", "full")),
    *((f"{name}_IaCN", {"user_fields": True}) for name in ("DIN", "DIEN")),
    ("DIN_IaCN", {"user_fields": True, "pooling_mode": "sum"}),
    *(("DIEN_IaCN", {"gru_type": gru}) for gru in ("GRU", "AIGRU", "AGRU")),
    *((name, {}) for name in FAMILY),
    ("MIND", {"h_layer": True, "interest_rounding": "floor"}),
    *(("ComiRec", changes) for changes in ({"extractor": "dr"}, {"interest_positions": "values"})),
    *((name, {"stages": "two"}) for name in ("TiMiRec", "TiMiRecPlus")),
    ("TiSASRec", {"n_heads": 2, "n_layers": 2}),
]


@pytest.mark.slow
@pytest.mark.graphs
@pytest.mark.parametrize(("name", "changes"), ALL, ids=lambda value: value if isinstance(value, str) else str(value))
def test_every_model_under_onnxruntime(opened, out, name, changes):
    """With columns of all types."""
    opened(name, **changes).export(out / "graph")
    assert json.loads((out / "graph" / "graph.json").read_text())["largest_difference"] <= 1e-5
