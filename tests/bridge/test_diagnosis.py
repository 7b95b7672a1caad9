"""The diagnosis reports the environment and its problems, even if RecBole is broken."""

import os
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
import torch

from recbole_iacn.bridge import diagnosis, patch, patches
from recbole_iacn.bridge.compat import extras
from recbole_iacn.bridge.diagnosis import diagnose


@pytest.fixture
def machine(monkeypatch):
    """Fake installed versions (None: not installed), the errors of imports, a GPU, and ray."""
    versions = {"recbole": "1.2.1", "torch": "2.13.0+cpu", "ray": None, "recbole_iacn": diagnosis.__version__}
    broken = {}
    true_version = diagnosis._version
    monkeypatch.setattr(diagnosis, "_version", lambda name: versions[name] if name in versions else true_version(name))
    monkeypatch.setattr(diagnosis, "_import_error", broken.get)
    monkeypatch.setattr(diagnosis, "_has_nvidia_gpu", lambda: False)
    monkeypatch.setattr(extras, "ray_works", lambda: False)

    def look(can_import=None, **changed):
        versions.update(changed)
        broken.update(can_import or {})
        return diagnose()

    return look


def advice(result):
    return result.text.partition("## Advice\n\n")[2]


def test_no_problem_is_found(machine):
    result = machine()
    assert result.runs and advice(result) == "No problem was found."
    assert "| recbole | 1.2.1 |" in result.text and "| ray | not installed |" in result.text
    assert f"| numpy | {metadata.version('numpy')} |" in result.text


@pytest.mark.parametrize(
    "changed, message, runs",
    [
        ({"recbole": None}, "- RecBole is not installed: pip install recbole==1.2.1; from Python 3.12 on: pip", False),
        ({"recbole": "1.2.0"}, "- RecBole is 1.2.0; the changes below are made for 1.2.1: pip install rec", True),
        ({"torch": "2.4.1"}, "- PyTorch is 2.4.1, but must be at least 2.5: pip install 'torch>=2.5'", False),
        ({"torch": "2.5.0"}, "No problem was found.", True),
        ({"torch": "2.10.1+cu128"}, "No problem was found.", True),
        ({"ray": "2.6.3"}, "- ray 2.6.3 cannot be imported; only experiment --ray needs it: pip install --upgr", True),
        ({"recbole_iacn": "0.1.0"}, "- recbole_iacn is [^ ]+, but was installed as 0.1.0: install it again", True),
        (
            {"can_import": {"recbole.quick_start": "ModuleNotFoundError: No module named 'thop'"}},
            r"- RecBole cannot be imported \(ModuleNotFoundError: No module named 'thop'\): install the package",
            False,
        ),
        (
            {"can_import": {"torch": "OSError: libc10.so"}},
            r"- PyTorch cannot be imported \(OSError: libc10.so\)",
            False,
        ),
    ],
)
def test_a_problem_is_reported_in_one_line(machine, changed, message, runs):
    result = machine(**changed)
    assert re.match(message, advice(result)) and "\n" not in advice(result)
    assert result.runs is runs


@pytest.mark.parametrize("visible, advised", [(None, "install a build"), ("", "CUDA_VISIBLE_DEVICES hides it")])
def test_a_gpu_that_pytorch_does_not_see_is_reported(machine, monkeypatch, visible, advised):
    monkeypatch.setattr(diagnosis, "_has_nvidia_gpu", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    result = machine()
    assert result.runs
    assert f"- the machine has an NVIDIA GPU, but PyTorch 2.13.0+cpu does not see it: {advised}" in advice(result)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert advice(machine()) == "No problem was found."


def test_a_gpu_that_pytorch_sees_is_named(machine, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda number: f"Card {number}")
    monkeypatch.setattr(torch.version, "cuda", "12.8")
    assert "- GPU, as PyTorch sees it (CUDA 12.8): Card 0, Card 1" in machine().text


def test_what_bundles_and_memory_depend_on_is_stated(machine, monkeypatch):
    for name in ("pyarrow", "safetensors", "pydantic"):
        assert f"| {name} | {metadata.version(name)} |" in machine().text
    monkeypatch.setattr(os, "sysconf", {"SC_PHYS_PAGES": 2**21, "SC_PAGE_SIZE": 4096}.__getitem__)
    assert "- memory of the machine: 8.0 GiB" in machine().text
    monkeypatch.delattr(os, "sysconf")  # as on Windows
    assert "- memory of the machine: unknown" in machine().text


def test_extras_are_those_of_the_installed_package(machine, monkeypatch):
    stated = ["numpy", "orjson; extra == 'amazon'", 'duckdb ; extra == "amazon"', "kaleido>=1; extra == 'pictures'"]
    monkeypatch.setattr(diagnosis.metadata, "requires", lambda name: stated)
    result = machine(orjson="3.1", duckdb=None, kaleido="1.2")
    assert "| amazon | orjson 3.1 | duckdb: pip install 'recbole_iacn[amazon]' |" in result.text
    assert "| pictures | kaleido 1.2 |  |" in result.text
    assert "| test |" not in result.text


def test_a_package_that_is_not_installed_has_no_extras(machine, monkeypatch):
    def absent(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(diagnosis.metadata, "metadata", absent)
    assert "recbole_iacn is not installed; it runs from its source folder." in machine(recbole_iacn=None).text


def test_the_patches_that_depend_on_the_machine_are_listed(machine, monkeypatch):
    states = {"compat.arrays.agg_counts_rows": lambda: False, "compat.arrays.fillna_is_lost": lambda: 1 / 0}
    monkeypatch.setattr(patch, "resolve", lambda name: states.get(name, lambda: True))
    text = machine().text
    assert "| recbole.data.dataset.sequential_dataset | no | len of a column is the length of each value |" in text
    assert "| unknown (ZeroDivisionError: division by zero) | empty cells are filled" in text
    assert "| recbole.model.abstract_recommender | yes | dok_matrix._update is restored |" in text
    assert "last_state_only" not in text and f"--patches lists all {len(patches.PATCHES)}" in text


def test_all_patches_are_listed_in_their_order(machine):
    machine()
    rows = [line.split(" | ") for line in diagnose(all_patches=True).text.splitlines() if line.startswith("| recbole.")]
    modules = [patch.module for patch in patches.PATCHES if patch.module != "recbole"]
    assert [row[0].removeprefix("| ") for row in rows] == modules
    (dok,) = [row for row in rows if "dok_matrix" in row[2]]
    assert "SciPy 1.13 dropped it" in dok[3] and "RUCAIBox/RecBole#2090, RUCAIBox/RecBole#2185" in dok[4]
    assert any(row[1] == "with last_state_only" for row in rows)
    assert any(row[1] == "under a protocol" for row in rows)


@pytest.mark.parametrize(
    "said, shown",
    [
        ("cannot open /home/jo/env/lib/libc10.so: no such file", "cannot open …/libc10.so: no such file"),
        (r"cannot open C:\Users\jo\torch.dll", "cannot open …/torch.dll"),
        ("No module named 'thop'\nmore", "No module named 'thop'"),
        ("", ""),
    ],
)
def test_an_error_is_one_line_without_paths(said, shown):
    assert diagnosis._in_one_line(ImportError(said)) == f"ImportError: {shown}"


def test_the_text_contains_no_path_and_no_user(machine, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "do-not-print")
    text = diagnose(all_patches=True).text
    for private in (str(Path.home()), os.getcwd(), sys.prefix, "do-not-print"):
        assert private not in text


@pytest.mark.slow
@pytest.mark.parametrize("missing", ["recbole", "torch", "numpy", "scipy", "pandas"])
def test_the_command_works_where_a_package_is_missing(missing):
    """It runs in a process in which the package cannot be imported, though it is listed as installed."""
    code = (
        "import sys; sys.modules[sys.argv.pop()] = None\n"
        "from recbole_iacn.cli import main\n"
        "main(['doctor', '--patches'])"
    )
    done = subprocess.run([sys.executable, "-c", code, missing], capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stderr) == (1, "")
    assert "cannot be imported" in done.stdout.partition("## Advice")[2]
    assert f"| recbole | {metadata.version('recbole')} |" in done.stdout
