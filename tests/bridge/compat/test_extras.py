"""A run that does not need ray does not import it, and a trial of Ray Tune reports to the Ray that runs it."""

import subprocess
import sys
import textwrap
import types

import pytest

from recbole_iacn.bridge.compat import extras


@pytest.fixture
def around_quick_start(monkeypatch):
    """The object that quick_start's ``from ray import tune`` gets; the given modules stand for Ray, None for no Ray."""

    def around(**modules):
        for name in [name for name in sys.modules if name.partition(".")[0] == "ray"]:
            monkeypatch.delitem(sys.modules, name)
        for name, module in modules.items():
            monkeypatch.setitem(sys.modules, name.replace("_", "."), module)
        before = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "ray"}
        generator = extras.patch_ray()
        next(generator)
        from ray import tune

        module = types.SimpleNamespace(tune=None)  # RecBole may be imported already
        with pytest.raises(StopIteration):
            generator.send(module)
        assert module.tune is tune
        after = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "ray"}
        assert after == before  # other code gets the real modules
        return tune

    return around


def test_without_ray_a_report_goes_nowhere(around_quick_start):
    assert around_quick_start().report(auc=1.0) is None
    assert around_quick_start(ray=None).report(auc=1.0) is None
    assert around_quick_start(ray=types.ModuleType("ray")).report(auc=1.0) is None


@pytest.mark.parametrize("keywords", [True, False])
def test_a_report_reaches_the_ray_that_runs_the_trial(around_quick_start, monkeypatch, keywords):
    """In a process of Ray, Ray is imported before RecBole: an old one takes keywords, a current one takes a dict."""
    seen = []

    def old(_metric=None, **metrics):
        seen.append(metrics)

    def current(metrics, *, checkpoint=None):
        seen.append(metrics)

    ray, tune = types.ModuleType("ray"), types.ModuleType("ray.tune")
    ray.tune, tune.report = tune, old if keywords else current
    around_quick_start(ray=ray, ray_tune=tune).report(auc=0.5, **{"hit@5": 0.25})
    assert seen == [{"auc": 0.5, "hit@5": 0.25}]


def test_a_failing_import_leaves_no_stub():
    before = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "ray"}
    generator = extras.patch_ray()
    next(generator)
    generator.close()
    assert {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "ray"} == before


def test_a_ray_that_cannot_be_imported_leaves_no_modules(monkeypatch, tmp_path):
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
