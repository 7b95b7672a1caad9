"""Runs that need no ray need none, and one that works is left alone."""

import subprocess
import sys
import textwrap

import pytest

from recbole_iacn.bridge.compat import extras


def test_without_ray_the_stub_is_there_only_during_the_import(monkeypatch):
    monkeypatch.setattr(extras, "ray_works", lambda: False)
    before = {name for name in sys.modules if name.startswith("ray")}
    generator = extras.patch_ray()
    next(generator)
    from ray import tune

    assert tune.report(auc=1.0) is None
    generator.close()
    assert {name for name in sys.modules if name.startswith("ray")} == before


def test_with_a_ray_that_works_nothing_is_put_in_its_place(monkeypatch):
    monkeypatch.setattr(extras, "ray_works", lambda: True)
    before = set(sys.modules)
    next(extras.patch_ray())
    assert set(sys.modules) == before


def test_a_ray_that_breaks_leaves_nothing_behind(monkeypatch, tmp_path):
    (tmp_path / "ray").mkdir()
    (tmp_path / "ray" / "__init__.py").write_text("import ray.part\nraise AttributeError('np.bool8')\n")
    (tmp_path / "ray" / "part.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [name for name in sys.modules if name.partition(".")[0] == "ray"]:
        monkeypatch.delitem(sys.modules, name)
    assert extras.ray_works() is False
    assert not [name for name in sys.modules if name.partition(".")[0] == "ray"]


@pytest.mark.slow
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
