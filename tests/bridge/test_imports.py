"""Code around a module's import runs once, at the right moments, and leaves the module's source and spec unchanged."""

import importlib
import inspect
import sys

import pytest

from recbole_iacn.bridge.imports import around_import


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A function that writes a module and returns its name; the modules are removed after the test."""
    names = []

    def write(body):
        name = f"around_{len(names)}_{tmp_path.name}"
        names.append(name)
        (tmp_path / f"{name}.py").write_text(body)
        return name

    monkeypatch.syspath_prepend(str(tmp_path))
    yield write
    for name in names:
        sys.modules.pop(name, None)


def test_both_parts_run_around_the_modules_code(module):
    name, events = module("import builtins\nbuiltins.around_events.append('module')\nvalue = 1\n"), []
    import builtins

    builtins.around_events = events
    try:

        @around_import(name)
        def _():
            events.append("before")
            loaded = yield
            events.append("after")
            loaded.value = 2

        assert events == []
        assert importlib.import_module(name).value == 2
        importlib.import_module(name)
    finally:
        del builtins.around_events
    assert events == ["before", "module", "after"]


def test_several_registrations_run_in_their_order(module):
    name, events = module(""), []
    for label in "ab":

        @around_import(name)
        def _(label=label):
            events.append(label)
            yield
            events.append(label.upper())

    importlib.import_module(name)
    assert events == ["a", "b", "A", "B"]


def test_both_parts_run_at_once_for_a_module_that_is_already_imported(module):
    name = module("value = 1\n")
    loaded = importlib.import_module(name)

    @around_import(name)
    def _():
        loaded = yield
        loaded.value = 3

    assert loaded.value == 3


def test_a_module_that_fails_stays_failed_and_cleans_up(module):
    name, events = module("raise RuntimeError('broken')\n"), []

    @around_import(name)
    def _():
        try:
            yield
            events.append("after")
        finally:
            events.append("clean")

    with pytest.raises(RuntimeError, match="broken"):
        importlib.import_module(name)
    assert events == ["clean"]
    assert name not in sys.modules


def test_source_and_spec_stay_readable(module):
    name = module("def f():\n    return 1\n")

    @around_import(name)
    def _():
        yield

    loaded = importlib.import_module(name)
    assert "return 1" in inspect.getsource(loaded.f)
    assert loaded.__spec__.name == name


def test_two_yields_are_rejected(module):
    name = module("")

    @around_import(name)
    def _():
        yield
        yield

    with pytest.raises(RuntimeError, match="must have exactly one yield"):
        importlib.import_module(name)
