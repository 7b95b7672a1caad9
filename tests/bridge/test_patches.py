"""The table of patches is complete and correct, and patches act in its order."""

import importlib
import inspect
import pkgutil
import subprocess
import sys
import textwrap
import types
import warnings

import numpy as np
import pytest
import torch

import recbole_iacn.bridge
from recbole_iacn.bridge import patch
from recbole_iacn.bridge.patch import ALWAYS, BREAK, PROTOCOL, SETTING, Patch, resolve
from recbole_iacn.bridge.patches import PATCHES


@pytest.mark.parametrize("patch", PATCHES, ids=lambda patch: f"{patch.module}-{patch.function}")
def test_an_entry_is_complete_and_correct(patch):
    assert importlib.util.find_spec(patch.module), patch.module
    function = resolve(patch.function)
    assert function.__name__.startswith("patch_") and function.__doc__
    if not inspect.isgeneratorfunction(function):
        assert len(inspect.signature(function).parameters) == 1
    assert patch.what and patch.why and all(isinstance(issue, int) for issue in patch.issues)
    assert patch.when in (ALWAYS, BREAK, SETTING, PROTOCOL)
    assert bool(patch.condition) == (patch.when in (BREAK, SETTING))
    if patch.when == BREAK:
        assert patch.acts() in (True, False)
    if patch.when == SETTING:
        from recbole_iacn.checks.settings import known_keys

        assert patch.condition in known_keys()


def test_every_patch_function_is_in_the_table():
    functions = set()
    for module in pkgutil.walk_packages(recbole_iacn.bridge.__path__, "recbole_iacn.bridge."):
        for name, value in vars(importlib.import_module(module.name)).items():
            if name.startswith("patch_") and value.__module__ == module.name:
                functions.add(f"{module.name}.{name}".removeprefix("recbole_iacn.bridge."))
    assert functions == {patch.function for patch in PATCHES}


def test_patches_of_one_module_act_in_the_tables_order(monkeypatch, tmp_path):
    (tmp_path / "patched_here.py").write_text("events = ['code']\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    before = []

    def around():
        before.append("before")
        module = yield
        module.events.append("around")

    functions = {
        "first": lambda module: module.events.append("first"),
        "around": around,
        "last": lambda module: module.events.append("last"),
    }
    monkeypatch.setattr(patch, "resolve", functions.get)
    for name in functions:
        Patch("patched_here", name, "what", "why").register()
    import patched_here

    del sys.modules["patched_here"]
    assert before == ["before"] and patched_here.events == ["code", "first", "around", "last"]


def test_whether_a_patch_acts_is_detected_on_the_machine(monkeypatch):
    machine = types.SimpleNamespace(broken=lambda: False)
    monkeypatch.setattr(patch, "resolve", lambda name: machine.broken)
    assert Patch("m", "f", "what", "why", BREAK, "x.y").acts() is False
    machine.broken = lambda: True
    assert Patch("m", "f", "what", "why", BREAK, "x.y").acts() is True
    assert Patch("m", "f", "what", "why").acts() is True
    assert Patch("m", "f", "what", "why", SETTING, "nproc").acts() == "with nproc"
    assert Patch("m", "f", "what", "why", PROTOCOL).acts() == "under a protocol"


# --- All together


@pytest.mark.slow
@pytest.mark.parametrize("model", ["DIN", "DIEN", "WideDeep", "SASRec", "GRU4Rec"])
def test_stock_models_run_from_end_to_end(settings, model):
    """Train, validate, save, reload the best epoch, test; then load the checkpoint and get the same metrics."""
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


@pytest.mark.slow
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
