"""Each shim repairs its break and does nothing if there is no break."""

import types
import warnings

import numpy as np
import pandas as pd
import pytest
import torch

from recbole_iacn.bridge.compat import arrays


def test_only_missing_numpy_names_are_restored(monkeypatch):
    monkeypatch.delattr(np, "float_", raising=False)
    monkeypatch.setattr(np, "complex_", "untouched", raising=False)
    arrays.patch_numpy_names(None)
    assert np.float_ is np.float64
    assert np.complex_ == "untouched"


def test_a_config_can_be_constructed():
    from recbole.config import Config

    assert Config(model="DIN", dataset="ml-100k")["epochs"] == 300


def test_len_of_a_series_is_the_length_of_each_value_where_agg_lost_it(monkeypatch):
    monkeypatch.setattr(arrays, "agg_counts_rows", lambda: True)
    module = types.ModuleType("stand_in")
    arrays.patch_len(module)
    assert pd.Series([[1, 2], [3]]).map(len).tolist() == module.len(pd.Series([[1, 2], [3]])).tolist() == [2, 1]
    assert module.len([1, 2, 3]) == 3
    assert module.len(pd.DataFrame({"a": [1, 2]})) == 2


def test_len_stays_where_agg_works(monkeypatch):
    monkeypatch.setattr(arrays, "agg_counts_rows", lambda: False)
    module = types.ModuleType("stand_in")
    arrays.patch_len(module)
    assert not hasattr(module, "len")


def test_missing_cells_are_filled_as_by_an_old_pandas(build):
    """As RecBole intends, empty categories become an empty list and a missing age becomes token 0."""
    _, train, *_ = build()
    items, users = train._dataset.get_item_feature(), train._dataset.get_user_feature()
    tokens = train._dataset.field2id_token["item_id"]
    for row, token in enumerate(tokens[1:], start=1):
        assert bool((items["categories"][row] == 0).all()) == (int(token[1:]) % 11 == 0)
    assert users["age"].dtype == torch.int64
    assert users["age"][0] == 0


def test_filling_is_left_alone_where_it_works(monkeypatch):
    monkeypatch.setattr(arrays, "fillna_is_lost", lambda: False)
    module = types.SimpleNamespace(pd=pd, Dataset=type("Dataset", (), {"_fill_nan": len}))
    arrays.patch_missing_values(module)
    assert module.pd is pd and module.Dataset._fill_nan is len


@pytest.mark.parametrize("detect", [arrays.agg_counts_rows, arrays.fillna_is_lost])
def test_detection_is_right_for_the_installed_pandas(detect):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert detect() is (int(pd.__version__.partition(".")[0]) >= 3)


@pytest.fixture
def without_update(monkeypatch):
    """A ``dok_matrix`` as in SciPy since version 1.13."""
    from scipy import sparse

    monkeypatch.delattr(sparse.dok_matrix, "_update", raising=False)
    return sparse.dok_matrix


def test_a_dok_matrix_can_be_filled_by_update_again(without_update):
    assert arrays.dok_update_is_gone()
    arrays.patch_dok_update(None)
    matrix = without_update((2, 3), dtype=np.float32)
    matrix._update({(0, 2): 5, (1, 0): 7})
    matrix._update({(0, 2): 1})
    assert matrix.toarray().tolist() == [[0, 0, 1], [7, 0, 0]]
    assert arrays.dok_update_is_gone()  # SciPy's own is still gone


def test_an_existing_update_stays(without_update, monkeypatch):
    monkeypatch.setattr(without_update, "_update", len, raising=False)
    arrays.patch_dok_update(None)
    assert without_update._update is len and not arrays.dok_update_is_gone()


def test_lightgcns_matrix_equals_the_one_computed_by_numpy(build):
    """D^-1/2 A D^-1/2 of the graph of users and items, dense (He et al., SIGIR '20, equation 8)."""
    _, train, _, _, model = build("LightGCN")
    rows = train._dataset.inter_feat
    users, items = rows["user_id"].numpy(), rows["item_id"].numpy()
    n_users, n_items = train._dataset.user_num, train._dataset.item_num
    adjacency = np.zeros((n_users + n_items, n_users + n_items))
    adjacency[users, n_users + items] = adjacency[n_users + items, users] = 1
    degree = adjacency.sum(axis=1) + 1e-7  # RecBole's
    expected = adjacency / np.sqrt(degree[:, None] * degree[None])
    assert adjacency.any(axis=0).sum() > 90
    np.testing.assert_allclose(model.norm_adj_matrix.to_dense().numpy(), expected, rtol=1e-5, atol=1e-7)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["LightGCN", "NGCF", "GCMC", "SpectralCF"])
def test_graph_models_take_a_step(build, name):
    _, train, _, _, model = build(name)
    before = {key: weight.clone() for key, weight in model.state_dict().items()}
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    loss = model.calculate_loss(next(iter(train)))
    loss.backward()
    optimizer.step()
    assert torch.isfinite(loss)
    assert any(not torch.equal(weight, before[key]) for key, weight in model.state_dict().items())
