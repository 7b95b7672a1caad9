"""One table says what is changed in RecBole, and it is what is done."""

import importlib
import inspect
import pkgutil
import sys
import types

import pytest

import recbole_iacn.bridge
from recbole_iacn.bridge import patches
from recbole_iacn.bridge.patches import ALWAYS, BREAK, PATCHES, PROTOCOL, SETTING, Patch, resolve


@pytest.mark.parametrize("patch", PATCHES, ids=lambda patch: f"{patch.module}-{patch.function}")
def test_a_line_is_complete_and_true(patch):
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


def test_every_patch_of_the_room_stands_in_the_table():
    found = set()
    for module in pkgutil.walk_packages(recbole_iacn.bridge.__path__, "recbole_iacn.bridge."):
        for name, value in vars(importlib.import_module(module.name)).items():
            if name.startswith("patch_") and value.__module__ == module.name:
                found.add(f"{module.name}.{name}".removeprefix("recbole_iacn.bridge."))
    assert found == {patch.function for patch in PATCHES}


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
    monkeypatch.setattr(patches, "resolve", functions.get)
    for name in functions:
        patches._register(Patch("patched_here", name, "what", "why"))
    import patched_here

    del sys.modules["patched_here"]
    assert before == ["before"] and patched_here.events == ["code", "first", "around", "last"]


def test_the_fast_reader_stands_below_the_one_that_fills():
    """Whichever way round they are listed, empty cells are filled in what was read."""
    functions = [patch.function for patch in PATCHES if patch.module == "recbole.data.dataset.dataset"]
    assert functions.index("datasets.patch_reading") < functions.index("compat.arrays.patch_missing_values")


def test_whether_a_patch_acts_is_asked_of_the_machine(monkeypatch):
    asked = types.SimpleNamespace(broken=lambda: False)
    monkeypatch.setattr(patches, "resolve", lambda name: asked.broken)
    assert Patch("m", "f", "what", "why", BREAK, "x.y").acts() is False
    asked.broken = lambda: True
    assert Patch("m", "f", "what", "why", BREAK, "x.y").acts() is True
    assert Patch("m", "f", "what", "why").acts() is True
    assert Patch("m", "f", "what", "why", SETTING, "nproc").acts() == "with nproc"
    assert Patch("m", "f", "what", "why", PROTOCOL).acts() == "under a protocol"
