"""Each shim mends its break, and does nothing where there is none."""

import pickle
import subprocess
import sys
import textwrap
import types
import warnings

import numpy as np
import pandas as pd
import pytest
import torch

from recbole_iacn.bridge import compat


def send(shim, module=None):
    """Run a shim around the import of ``module``."""
    generator = shim()
    next(generator)
    with pytest.raises(StopIteration):
        generator.send(module)


# --- ray


def test_without_ray_the_stub_is_there_only_during_the_import(monkeypatch):
    monkeypatch.setattr(compat, "ray_works", lambda: False)
    before = {name for name in sys.modules if name.startswith("ray")}
    generator = compat.ray_is_optional()
    next(generator)
    from ray import tune

    assert tune.report(auc=1.0) is None
    generator.close()
    assert {name for name in sys.modules if name.startswith("ray")} == before


def test_with_a_ray_that_works_nothing_is_put_in_its_place(monkeypatch):
    monkeypatch.setattr(compat, "ray_works", lambda: True)
    before = set(sys.modules)
    next(compat.ray_is_optional())
    assert set(sys.modules) == before


def test_a_ray_that_breaks_leaves_nothing_behind(monkeypatch, tmp_path):
    (tmp_path / "ray").mkdir()
    (tmp_path / "ray" / "__init__.py").write_text("import ray.part\nraise AttributeError('np.bool8')\n")
    (tmp_path / "ray" / "part.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [name for name in sys.modules if name.partition(".")[0] == "ray"]:
        monkeypatch.delitem(sys.modules, name)
    assert compat.ray_works() is False
    assert not [name for name in sys.modules if name.partition(".")[0] == "ray"]


def test_training_needs_no_ray(settings):
    code = """
        import sys
        sys.modules["ray"] = None
        settings = eval(sys.argv.pop())
        import recbole_iacn
        from recbole.quick_start import objective_function
        print(objective_function({**settings, "model": "DIN_IaCN", "dataset": "tiny"}, saved=False)["model"])
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), repr(settings(epochs=1))], capture_output=True, text=True
    )
    assert done.stdout.strip().splitlines()[-1] == "DIN_IaCN", done.stderr


# --- NumPy


def test_numpy_names_come_back_only_where_missing(monkeypatch):
    monkeypatch.delattr(np, "float_", raising=False)
    monkeypatch.setattr(np, "complex_", "untouched", raising=False)
    send(compat.numpy_names)
    assert np.float_ is np.float64
    assert np.complex_ == "untouched"


def test_config_can_be_made():
    from recbole.config import Config

    assert Config(model="DIN", dataset="ml-100k")["epochs"] == 300


# --- pandas


def test_len_of_a_series_is_the_length_of_each_value_where_agg_lost_it(monkeypatch):
    monkeypatch.setattr(compat, "agg_counts_rows", lambda: True)
    module = types.ModuleType("stand_in")
    send(compat.length_of_each, module)
    assert pd.Series([[1, 2], [3]]).map(len).tolist() == module.len(pd.Series([[1, 2], [3]])).tolist() == [2, 1]
    assert module.len([1, 2, 3]) == 3
    assert module.len(pd.DataFrame({"a": [1, 2]})) == 2


def test_len_stays_where_agg_works(monkeypatch):
    monkeypatch.setattr(compat, "agg_counts_rows", lambda: False)
    module = types.ModuleType("stand_in")
    send(compat.length_of_each, module)
    assert not hasattr(module, "len")


def test_missing_cells_are_filled_as_by_an_old_pandas(build):
    """Empty categories become an empty list, an absent age token 0, as RecBole means it."""
    _, train, *_ = build()
    items, users = train._dataset.get_item_feature(), train._dataset.get_user_feature()
    tokens = train._dataset.field2id_token["item_id"]
    for row, token in enumerate(tokens[1:], start=1):
        assert bool((items["categories"][row] == 0).all()) == (int(token[1:]) % 11 == 0)
    assert users["age"].dtype == torch.int64
    assert users["age"][0] == 0


def test_filling_is_left_alone_where_it_works(monkeypatch):
    monkeypatch.setattr(compat, "fillna_is_lost", lambda: False)
    module = types.SimpleNamespace(pd=pd, Dataset=type("Dataset", (), {"_fill_nan": len}))
    send(compat.filled_in_place, module)
    assert module.pd is pd and module.Dataset._fill_nan is len


@pytest.mark.parametrize("detect", [compat.agg_counts_rows, compat.fillna_is_lost])
def test_detection_answers_for_the_pandas_at_hand(detect):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert detect() is (int(pd.__version__.partition(".")[0]) >= 3)


# --- PyTorch


class Pickled:
    """Something that only an unsafe load can bring back."""


def load_from(caller, path):
    scope = {"__name__": caller, "torch": torch}
    exec("def load(path):\n    return torch.load(path)", scope)
    return scope["load"](path)


def test_recbole_reads_its_own_checkpoints_and_others_stay_safe(tmp_path):
    import recbole.trainer  # noqa: F401

    path = tmp_path / "stock.pth"
    torch.save({"config": Pickled()}, path, pickle_protocol=4)
    assert isinstance(load_from("recbole.trainer.trainer", path)["config"], Pickled)
    with pytest.raises(pickle.UnpicklingError):
        load_from("somebody.else", path)


def test_recbole_reads_safely_what_can_be_read_safely(tmp_path, monkeypatch):
    import recbole.trainer  # noqa: F401

    path = tmp_path / "plain.pth"
    torch.save({"weight": torch.ones(2)}, path)
    monkeypatch.setattr(pickle, "Unpickler", None)  # the unsafe way would need it
    assert load_from("recbole.quick_start.quick_start", path)["weight"].tolist() == [1, 1]


def test_looking_up_a_sequential_model_leaves_anomaly_detection_as_it_was():
    code = """
        import torch, recbole_iacn, sys
        torch.autograd.set_detect_anomaly({state})
        from recbole.utils import get_model
        get_model("GRU4Rec")
        print("recbole.model.sequential_recommender.sine" in sys.modules, torch.is_anomaly_enabled())
    """
    for state in ("False", "True"):
        code_now = textwrap.dedent(code).format(state=state)
        done = subprocess.run([sys.executable, "-W", "ignore", "-c", code_now], capture_output=True, text=True)
        assert done.stdout.split() == ["True", state], done.stderr


# --- All together


@pytest.mark.parametrize("model", ["DIN", "DIEN", "WideDeep", "SASRec", "GRU4Rec"])
def test_stock_models_run_from_end_to_end(settings, model):
    """Train, validate, save, reload the best, test; then load the checkpoint and meet the same figures."""
    import os

    from recbole.quick_start import load_data_and_model, run_recbole
    from recbole.utils import get_trainer

    ranking = model in ("SASRec", "GRU4Rec")
    evaluation = {"split": {"LS": "valid_and_test"}, "order": "TO", "group_by": "user"}
    options = {"repeatable": True}
    if ranking:
        options.update(train_neg_sample_args=None, eval_args={**evaluation, "mode": "full"})
        options.update(hidden_size=8, inner_size=8, n_heads=1, n_layers=1, num_layers=1, embedding_size=8)
    else:
        options.update(protocol="leave_one_out_ctr", metrics=["AUC", "LogLoss"], valid_metric="AUC")
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.simplefilter("error", FutureWarning)
        result = run_recbole(model=model, dataset="tiny", config_dict=settings(**options))["test_result"]
    assert all(np.isfinite(value) for value in result.values())
    assert sorted(os.listdir()) == ["log", "saved"]
    assert not torch.is_anomaly_enabled()
    (checkpoint,) = (os.path.join("saved", name) for name in os.listdir("saved"))
    config, network, _, _, _, test = load_data_and_model(checkpoint)
    trainer = get_trainer(config["MODEL_TYPE"], model)(config, network)
    assert trainer.evaluate(test, load_best_model=False) == result


def test_a_fresh_process_loads_a_stock_checkpoint(settings):
    import os

    from recbole.quick_start import run_recbole

    options = {"protocol": "leave_one_out_ctr", "metrics": ["AUC", "LogLoss"], "valid_metric": "AUC"}
    result = run_recbole(model="DIN", dataset="tiny", config_dict=settings(**options))["test_result"]
    code = """
        import sys, recbole_iacn
        from recbole.quick_start import load_data_and_model
        config, model, dataset, train, valid, test = load_data_and_model(sys.argv[1])
        from recbole.trainer import Trainer
        print(float(Trainer(config, model).evaluate(test, load_best_model=False)["auc"]))
    """
    checkpoint = os.path.join("saved", os.listdir("saved")[0])
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code), checkpoint], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout.split()[-1]) == float(result["auc"])
