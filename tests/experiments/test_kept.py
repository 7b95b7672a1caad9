"""An experiment keeps its models: a bundle per run, of the epoch that its result is about."""

import json
import shutil

import pytest
import yaml
from made_runs import result_of

import recbole_iacn
from recbole_iacn.bundle.folder import Bundle
from recbole_iacn.cli import main
from recbole_iacn.experiments import grid, runner, search
from recbole_iacn.experiments.kept import account, bundle_path
from recbole_iacn.experiments.plan import read_plan
from recbole_iacn.experiments.store import result_path


@pytest.fixture
def short(file, settings, data_path):
    """An experiment's file; two runs of a few steps, in which the last epoch is not the best."""

    def write(**changes):
        own = settings(epochs=4, learning_rate=0.3, data_path=..., show_progress=..., state=..., seed=...)
        return file(**{"data_path": str(data_path), "modes": ["full"], "settings": own, **changes})

    return write


@pytest.fixture
def here(monkeypatch):
    """Runs work in this process, since starting one takes longer than these trainings."""

    def by_processes(jobs):
        def call(function, tasks):
            for task in tasks:
                yield task, function(task), None

        return call

    for module in (runner, grid, search):
        monkeypatch.setattr(module, "by_processes", by_processes)


def untimed(folder, run):
    result = json.loads(result_path(folder, run).read_text())
    epochs = [{key: epoch[key] for key in ("losses", "valid")} for epoch in result["epochs"]]
    return {**{key: result[key] for key in ("best", "valid", "test", "settings")}, "epochs": epochs}


@pytest.mark.slow
def test_the_model_of_the_best_epoch_is_kept(here, short, tmp_path, capsys, data_path):
    """Its test gives the recorded result; and runs that have a result but no bundle are repeated, once."""
    path, folder = short(), tmp_path / "out" / "trial"
    plan, command = read_plan(path), ["experiment", str(path), "--out", str(tmp_path / "out")]
    main(command)
    before = [untimed(folder, run) for run in plan.runs]
    assert not (folder / "bundles").exists()
    capsys.readouterr()
    main([*command, "--keep", "--plan"])
    assert [line[:5] for line in capsys.readouterr().out.splitlines()] == ["to do"] * 2
    main([*command, "--keep"])
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "2 of 2 runs have a result and no bundle: they are repeated, to keep their models"
    assert [untimed(folder, run) for run in plan.runs] == before  # keeping a model does not change a result
    size = sum(one.stat().st_size for one in (folder / "bundles").rglob("*") if one.is_file())
    assert said[-1] == f"{folder / 'bundles'}: 2 bundles, {size / 1e6:.1f} MB" and size > 1e4
    assert sorted(one.name for one in (folder / "bundles").iterdir()) == sorted(run.id for run in plan.runs)
    for run, result in zip(plan.runs, before):
        validations = [epoch["valid"] for epoch in result["epochs"]]
        assert max(validations) > validations[-1]  # the last epoch's model would not do
        given = {**run.settings, "data_path": str(data_path), "show_progress": False}
        training = recbole_iacn.build("WideDeep_IaCN", "tiny", config_dict=given)
        training.model.load_state_dict(Bundle.read(bundle_path(folder, run)).weights)
        assert {name: float(value) for name, value in training.test().items()} == result["test"]
    times = [one.stat().st_mtime_ns for one in (folder / "bundles").iterdir()]
    shutil.rmtree(bundle_path(folder, plan.runs[0]))
    main([*command, "--keep"])
    assert capsys.readouterr().out.startswith("1 of 2 runs have a result and no bundle: they are repeated")
    now = [one.stat().st_mtime_ns for one in (folder / "bundles").iterdir()]
    assert len(now) == 2 and len(set(times) & set(now)) == 1


@pytest.mark.slow
def test_runs_of_an_earlier_report_are_repeated_for_their_models(here, short, tmp_path, capsys):
    path, folder = short(seeds=[1]), tmp_path / "out" / "trial"
    (run,) = read_plan(path).runs
    folder.mkdir(parents=True)
    (folder / "runs.jsonl").write_text(json.dumps(result_of(run, test={"auc": 7.0})) + "\n")
    main(["experiment", str(path), "--out", str(tmp_path / "out"), "--reuse", "--keep"])
    assert capsys.readouterr().out.startswith("1 of 1 runs have a result and no bundle")
    assert 0 < json.loads(result_path(folder, run).read_text())["test"]["auc"] < 1
    assert Bundle.read(bundle_path(folder, run)).settings["seed"] == 1


@pytest.mark.slow
def test_a_search_keeps_the_best_trial_of_each_combination(here, short, tmp_path, capsys):
    space = {"learning_rate": {"choices": [0.001, 0.01]}}
    path, folder = short(modes=["off", "full"], search=space), tmp_path / "out" / "trial"
    main(["search", str(path), "--trials", "2", "--out", str(tmp_path / "out"), "--keep"])
    assert f"{folder / 'bundles'}: 2 bundles, " in capsys.readouterr().out
    rules = yaml.safe_load((folder / "best.yaml").read_text())["only"]
    best = {rule["when"]["mode"]: rule["settings"]["learning_rate"] for rule in rules}
    settings = [Bundle.read(one).settings for one in (folder / "bundles").iterdir()]
    assert {one["iacn_mode"]: one["learning_rate"] for one in settings} == best


@pytest.mark.slow
def test_a_model_that_cannot_be_kept_is_reported_before_it_is_trained(here, short, tmp_path, capsys, monkeypatch):
    """It keeps a number outside its state, by which its scores change."""
    path = short(seeds=[1])
    (run,) = read_plan(path).runs
    build = recbole_iacn.building.build

    def build_secretive(*given, **more):
        training = build(*given, **more)
        predict = training.model.predict
        training.model.predict = lambda rows: predict(rows) + 1
        training.fit = lambda *_, **__: pytest.fail("it was trained")
        return training

    monkeypatch.setattr(recbole_iacn.building, "build", build_secretive)
    failed = runner.run_all(read_plan(path), tmp_path, progress=False, keep=True)
    assert failed == [run]
    assert "WideDeep_IaCN: a bundle's scores would differ by 1, since the model keeps something outside" in (
        result_path(tmp_path, run).with_suffix(".error").read_text()
    )
    assert not result_path(tmp_path, run).exists() and not bundle_path(tmp_path, run).exists()


def test_what_cannot_be_kept_is_rejected_before_any_run(file, data_path, tmp_path, capsys, monkeypatch):
    from recbole.utils import ModelType

    command = ["experiment", str(file(data_path=str(data_path))), "--out", str(tmp_path / "out"), "--keep"]
    with pytest.raises(SystemExit):
        main([*command, "--ray", "auto"])
    said = capsys.readouterr().err
    assert "keep: the machines of a cluster may not see the folder of results; omit --keep or --ray" in said
    tree = {"MODEL_TYPE": ModelType.DECISIONTREE}  # RecBole's trees need packages that are not installed here
    monkeypatch.setattr(recbole_iacn.building, "configure", lambda *_, **__: tree)
    with pytest.raises(SystemExit):
        main(command)
    said = capsys.readouterr().err
    assert "a decision tree has no weights that a bundle could hold; leave out --keep, or the model" in said
    assert not (tmp_path / "out").exists()


def test_the_account_counts_one_bundle(short, tmp_path):
    runs = read_plan(short()).runs
    bundle_path(tmp_path, runs[0]).mkdir(parents=True)
    (bundle_path(tmp_path, runs[0]) / "weights").write_bytes(bytes(2_345_678))
    (tmp_path / "bundles" / "of-an-earlier-version").mkdir()
    assert account(tmp_path, runs) == f"{tmp_path / 'bundles'}: 1 bundle, 2.3 MB"
