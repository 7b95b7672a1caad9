"""Experiments can be continued, repeat no run, and survive the failure of a run."""

import json
import math
import multiprocessing
import threading
from dataclasses import replace

import pytest
from helpers import write_atomic
from made_runs import result_of

from recbole_iacn.cli import main
from recbole_iacn.experiments import runner
from recbole_iacn.experiments.plan import read_plan
from recbole_iacn.experiments.store import read_results, result_path


def here(function, tasks):
    """Calls in this process."""
    for task in tasks:
        yield task, function(task), None


def only_noting(started):
    """In place of ``by_processes``: notes the runs, and carries out none."""

    def by_processes(jobs):
        def call(function, tasks):
            started.extend(task.run for task in tasks)
            yield from ()

        return call

    return by_processes


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--datasets", "tinny"], "datasets: there is no 'tinny'. Did you mean 'tiny'"),
        (["--data_path", "nowhere"], "nowhere/tiny/tiny.inter: No such file."),
        (["--jobs", "0"], "jobs: must be at least 1"),
    ],
)
def test_wrong_commands_are_rejected_before_any_run(file, tmp_path, capsys, arguments, message):
    with pytest.raises(SystemExit):
        main(["experiment", str(file()), "--out", str(tmp_path / "out"), *arguments])
    assert message in capsys.readouterr().err and not (tmp_path / "out").exists()


@pytest.mark.slow
def test_results_have_what_a_report_needs_and_runs_are_not_repeated(small, tmp_path, monkeypatch):
    plan = read_plan(small)
    assert runner.run_all(plan, tmp_path / "out", jobs=2, progress=False) == []
    results = read_results(tmp_path / "out")
    assert sorted((one["mode"], one["seed"]) for one in results) == [("full", 1), ("full", 2), ("off", 1), ("off", 2)]
    for one in results:
        assert {"auc", "gauc", "logloss"} == one["test"].keys() == one["valid"].keys()
        assert len(one["epochs"]) == 2 and one["epochs"][0]["seconds"] < one["epochs"][1]["seconds"] < one["seconds"]
        assert set(one["epochs"][0]["losses"]) == ({"main", "iacn"} if one["mode"] == "full" else {"main"})
        assert max(epoch["valid"] for epoch in one["epochs"]) == one["valid"]["auc"]
        assert "data_path" not in one["settings"] and one["peak_mb"] > 50
        assert one["device"] == "cpu"
        assert (one["divergence"] is None) == (one["mode"] == "off")
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "runs").iterdir()}
    result_path(tmp_path / "out", plan.runs[0]).unlink()
    assert runner.run_all(plan, tmp_path / "out", progress=False) == []
    again = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "runs").iterdir()}
    assert [path for path in times if times[path] != again[path]] == [result_path(tmp_path / "out", plan.runs[0])]
    repeated = json.loads(result_path(tmp_path / "out", plan.runs[0]).read_text())
    assert repeated["test"] == next(one for one in results if (one["mode"], one["seed"]) == ("off", 1))["test"]


def test_runs_of_an_earlier_report_are_not_repeated(file, tmp_path, monkeypatch, capsys):
    """In a fresh clone results/NAME contains only runs.jsonl; here it has one of four runs, identified by its id."""
    path, folder = file(modes=["off", "full"], settings={"epochs": 2}), tmp_path / "out" / "trial"
    known, *others = read_plan(path).runs
    folder.mkdir(parents=True)
    record = result_of(known)
    (folder / "runs.jsonl").write_text(json.dumps(record) + "\n")
    started = []
    monkeypatch.setattr(runner, "by_processes", only_noting(started))
    monkeypatch.setattr("recbole_iacn.experiments.plan_checks.check_data", lambda plan: None)
    command = ["experiment", str(path), "--out", str(tmp_path / "out")]
    main([*command, "--reuse", "--plan"])
    assert [line[:5] for line in capsys.readouterr().out.splitlines()] == ["done ", *["to do"] * 3]
    assert not (folder / "runs").exists()
    main([*command, "--reuse"])
    assert started == others and read_results(folder) == [record]
    result_path(folder, known).unlink()
    started.clear()
    main(command)
    assert started == [known, *others]


def test_runs_of_another_experiment_are_not_repeated(file, tmp_path, monkeypatch):
    """A run is identified by its settings, in any experiment; a run without the measurement of divergence does not
    count."""
    base = read_plan(file("base.yaml", modes=["full"], settings={"epochs": 2, "iacn_lambda": 3}))
    path = file(modes=["full"], settings={"epochs": 2}, sweep={"iacn_lambda": [1, 3]}, divergence=5)
    folder = tmp_path / "out" / "trial"
    measured = dict(zip([run.seed for run in base.runs], [0.5, None]))
    records = [result_of(run, divergence=measured[run.seed]) for run in base.runs]
    (tmp_path / "out" / "base").mkdir(parents=True)
    (tmp_path / "out" / "base" / "runs.jsonl").write_text("".join(json.dumps(one) + "\n" for one in records))
    started = []
    monkeypatch.setattr(runner, "by_processes", only_noting(started))
    monkeypatch.setattr("recbole_iacn.experiments.plan_checks.check_data", lambda plan: None)
    main(["experiment", str(path), "--reuse", "--out", str(tmp_path / "out")])
    assert [(run.seed, run.sweep["iacn_lambda"]) for run in started] == [(1, 1), (2, 1), (2, 3)]
    assert read_results(folder) == [{**records[0], "sweep": {"iacn_lambda": 3}}]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (None, "reuse: {path.parent}: has no runs.jsonl of an earlier report"),
        ("{}", "reuse: {path}, line 1: is damaged (dataset: Field required); omit --reuse, or remove the line and"),
        ("runs", "reuse: {path}, line 1: is damaged (column 1: Expecting value); omit"),
        ("3", "reuse: {path}, line 1: is damaged (not a dict, but 3); omit"),
    ],
)
def test_an_earlier_report_that_cannot_be_read_is_rejected(small, tmp_path, capsys, line, message):
    folder = tmp_path / "out" / "trial"
    folder.mkdir(parents=True)
    if line:
        (folder / "runs.jsonl").write_text(f"{line}\n")
    with pytest.raises(SystemExit):
        main(["experiment", str(small), "--reuse", "--out", str(tmp_path / "out")])
    assert message.format(path=folder / "runs.jsonl") in capsys.readouterr().err and not (folder / "runs").exists()


@pytest.mark.slow
def test_models_without_modes_can_be_run(file, settings, data_path, tmp_path):
    """One of this package's models is trained in two stages, and one of RecBole's with RecBole's trainer."""
    own = settings(epochs=2, data_path=..., show_progress=..., state=..., seed=..., mlp_hidden_size=..., load_col=...)
    own.update(protocol="leave_one_out_sampled", eval_negatives=9, topk=[5], metrics=["Hit", "NDCG"], hidden_size=8)
    own.update(valid_metric="NDCG@5", loss_type="BPR", load_col={"inter": ["user_id", "item_id", "timestamp"]})
    path = file(models=["TiMiRec", "GRU4Rec"], seeds=[1], settings=own, divergence=20)
    plan = read_plan(path, data_path=str(data_path))
    assert [(run.mode, run.title) for run in plan.runs][1] == ("", "GRU4Rec on tiny, seed 1")
    assert "iacn_mode" not in plan.runs[0].settings and plan.runs[0].id.startswith("tiny-TiMiRec-1-")
    assert runner.run_all(plan, tmp_path / "out", jobs=2, progress=False) == []
    results = {one["model"]: one for one in read_results(tmp_path / "out")}
    assert all(set(one["test"]) == {"hit@5", "ndcg@5"} for one in results.values())
    assert results["GRU4Rec"]["divergence"] is None and 0 <= results["TiMiRec"]["divergence"] <= math.log(2)
    assert [set(epoch["losses"]) for epoch in results["GRU4Rec"]["epochs"]] == [{"main"}] * 2
    names = [set(epoch["losses"]) for epoch in results["TiMiRec"]["epochs"]]
    assert names == [{"main"}] * 2 + [{"main", "distillation"}] * 2
    later = [epoch["valid"] for epoch in results["TiMiRec"]["epochs"][2:]]
    assert results["TiMiRec"]["best"] == max(later) == results["TiMiRec"]["valid"]["ndcg@5"]


def test_runs_of_an_earlier_version_of_the_file_are_left_out(file, tmp_path):
    """The runs of a dataset are those of the last plan that contained it."""

    def write(**changes):
        plan = read_plan(file(modes=["full"], seeds=[1], **changes))
        (tmp_path / "out" / "runs").mkdir(parents=True, exist_ok=True)
        for run in plan.runs:
            result_path(tmp_path / "out", run).write_text(json.dumps(result_of(run)))
        runner.run_all(plan, tmp_path / "out", progress=False)

    write(settings={"learning_rate": 0.1})
    write(settings={"learning_rate": 0.2})
    write(settings={"learning_rate": 0.3}, datasets=["other"])
    results = read_results(tmp_path / "out")
    rates = [(one["dataset"], one["settings"]["learning_rate"]) for one in results]
    assert rates == [("other", 0.3), ("tiny", 0.2)]


@pytest.mark.slow
def test_one_failing_run_does_not_stop_the_others(file, settings, tmp_path, capsys):
    """One that only the data can tell: no user of lone has two clicks."""
    for name, events in (("tiny", 9), ("lone", 1)):
        write_atomic(tmp_path / "data", name, events=events)
    own = settings(epochs=1, data_path=..., show_progress=..., state=..., seed=...)
    path = file(datasets=["tiny", "lone"], modes=["off"], seeds=[1], settings=own)
    with pytest.raises(SystemExit):
        main(["experiment", str(path), "--data_path", str(tmp_path / "data"), "--out", str(tmp_path / "out")])
    error = capsys.readouterr().err
    assert "1 of 2 runs failed" in error
    assert "2 of 2 runs: " in error and "run/s" not in error  # lines, where no bar can be drawn
    files = sorted(path.name for path in (tmp_path / "out" / "trial" / "runs").iterdir())
    assert [(name[:4], name.rpartition(".")[2]) for name in files] == [("lone", "error"), ("tiny", "json")]
    error = next((tmp_path / "out" / "trial" / "runs").glob("*.error")).read_text()
    assert "no user has two interactions" in error


@pytest.mark.slow
@pytest.mark.parametrize("ends", [True, False])
def test_the_progress_of_a_run_is_logged(small, tmp_path, monkeypatch, ends):
    """A line is written immediately after each epoch, and the file is removed at the end."""
    run = read_plan(small).runs[0]
    seen = []

    def train(run, data_path, after_epoch, bundle, place, say):
        for epoch, score in enumerate([0.5, 0.61237]):
            after_epoch(epoch, score)
            seen.append([line.partition(" ")[2] for line in log.read_text().splitlines()])
        if not ends:
            raise RuntimeError
        return result_of(run)

    log = result_path(tmp_path, run).with_suffix(".log")
    log.parent.mkdir()
    monkeypatch.setattr(runner, "train", train)
    runner.run_missing([run], "", tmp_path, here, progress=False)
    first = "epoch 0: validation 0.5000"
    assert seen == [[first], [first, "epoch 1: validation 0.6124"]]
    assert [path.suffix for path in log.parent.iterdir()] == [".json" if ends else ".error"]


@pytest.mark.slow
def test_a_killed_run_has_failed(small, tmp_path):
    """The other runs continue, and none waits for it."""
    plan = read_plan(small)
    plan = replace(plan, runs=plan.runs[:2])
    threading.Timer(0.5, lambda: multiprocessing.active_children()[0].kill()).start()
    failed = runner.run_all(plan, tmp_path, jobs=1, progress=False)
    assert failed == plan.runs[:1] and result_path(tmp_path, plan.runs[1]).is_file()
    error = result_path(tmp_path, plan.runs[0]).with_suffix(".error").read_text()
    assert error == "the run's process ended by signal 9, perhaps for lack of memory\n"


def test_the_plan_is_printed_without_a_run(small, tmp_path, capsys):
    main(["experiment", str(small), "--plan", "--out", str(tmp_path / "out")])
    assert capsys.readouterr().out.splitlines()[0] == "to do  WideDeep off on tiny, seed 1"
    assert not (tmp_path / "out").exists()
