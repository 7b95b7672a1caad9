"""recbole-iacn train --help shows the settings that matter, with the defaults that a run has."""

import re
import subprocess
import sys

import pytest

from recbole_iacn.building import configure
from recbole_iacn.cli.train_help import settings_help
from recbole_iacn.settings.sources import value_of

ENTRY = re.compile(r"^  --(\w+)=…\s+\((.*?)\) \S", re.MULTILINE | re.DOTALL)


def shown(model, monkeypatch):
    """Key to default as text, of those that have one."""
    monkeypatch.setenv("COLUMNS", "1000")
    text = settings_help(model)
    keys = re.findall(r"^  --(\w+)=…", text, re.MULTILINE)
    lines = re.findall(r"^  --(\w+)=…\s+\((.*)", text, re.MULTILINE)
    defaults = {key: re.search(r"; default (.*?)\) [A-Zδλγa-zK]", line) for key, line in lines}
    return keys, {key: found[1] for key, found in defaults.items() if found}


@pytest.mark.parametrize("model", ["DIN_IaCN", "FM_IaCN", "MIND", "TiMiRec", "Popularity", "DIN", "SASRec"])
def test_defaults_are_those_of_a_run(model, settings, monkeypatch):
    keys, defaults = shown(model, monkeypatch)
    given = {"data_path": settings()["data_path"], "load_col": settings()["load_col"]}
    if model == "SASRec":
        given["train_neg_sample_args"] = None
    config = configure(model, "tiny", config_dict=given)
    for key, text in defaults.items():
        if key not in ("data_path", "load_col", "gpu_id", "user_inter_num_interval"):
            value, here = value_of(text), config[key]
            assert sorted(value) == sorted(here) if key == "metrics" else value == here, key
    assert {"epochs", "learning_rate", "train_batch_size", "seed"} <= set(defaults)
    assert ("iacn_interests" in keys) is model.endswith("_IaCN")
    assert ("num_interests" in keys) is (model in ("MIND", "TiMiRec"))
    assert ("loss" in keys) is (model in ("MIND", "TiMiRec"))


def test_a_model_of_ones_own_has_what_every_model_reads(monkeypatch):
    for name in ("MyModel", "../x", ""):
        assert "epochs" in shown(name, monkeypatch)[0]


def test_help_imports_neither_pytorch_nor_recbole():
    code = """
import sys
from recbole_iacn.cli import commands
try:
    commands.main(["train", "--model=MIND", "--help"])
except SystemExit as ended:
    assert not ended.code
print([name for name in ("torch", "numpy", "pandas", "recbole") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.endswith("[]\n"), done.stderr
    for flag in ("--resume", "--bundle", "--out", "--json", "--verbose", "--nproc", "--epochs=…", "--num_interests=…"):
        assert flag in done.stdout
    assert "defaults of MIND" in done.stdout and "docs/settings.md" in done.stdout
