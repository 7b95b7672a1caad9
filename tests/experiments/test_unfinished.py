"""A run that was interrupted goes on after its best epoch, to the figures of one that was not, or says why not."""

import json
import os

import pytest
from helpers import SHORT_RANKING, write_atomic

from recbole_iacn.building import build
from recbole_iacn.errors import ConfigError
from recbole_iacn.experiments import runner, unfinished
from recbole_iacn.experiments.one_run import train
from recbole_iacn.experiments.plan import read_plan, recbole_name
from recbole_iacn.experiments.store import read_results

_OF_RECBOLE = {
    **SHORT_RANKING,
    "protocol": "leave_one_out_sampled",
    "metrics": ["MRR"],
    "valid_metric": "MRR@5",
    "train_neg_sample_args": None,
}


class Interrupted(BaseException):
    """As a signal ends a process: nothing of the package catches it."""


@pytest.fixture
def run_of(file, settings, data_path):
    """A run of four epochs."""

    def build(model, **changes):
        own = {"epochs": 4, "stopping_step": 9, "learning_rate": 0.01, **changes}
        own = settings(data_path=..., show_progress=..., state=..., seed=..., **own)
        modes = ["full"] if model == "DIN" else []
        return read_plan(file(data_path=str(data_path), models=[model], seeds=[1], modes=modes, settings=own)).runs[0]

    return build


@pytest.fixture
def attempt(data_path, tmp_path):
    """Trains a run in a place that is kept; returns the result and the lines that were said."""
    place = tmp_path / "place"

    def make(run, until=None, path=data_path):
        lines, calls = [], []

        def after_epoch(epoch, score):
            calls.append(epoch)
            if len(calls) == until:
                raise Interrupted

        try:
            return train(run, str(path), after_epoch, place=place, say=lines.append), lines
        except Interrupted:
            return None, lines

    make.place = place
    return make


def figures(result):
    """Without what differs between two times that a run is made."""
    kept = {key: value for key, value in result.items() if key not in ("seconds", "loading", "peak_mb")}
    return {**kept, "epochs": [{k: v for k, v in epoch.items() if k != "seconds"} for epoch in result["epochs"]]}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "until", "changes"),
    [
        ("DIN", 2, {}),
        ("GRU4Rec", 3, _OF_RECBOLE),
        ("TiMiRec", 2, {**SHORT_RANKING, "stages": "two"}),
        ("TiMiRec", 6, {**SHORT_RANKING, "stages": "two"}),
    ],
)
def test_an_interrupted_run_has_the_figures_of_an_uninterrupted_one(run_of, attempt, data_path, model, until, changes):
    run = run_of(model, **changes)
    whole = train(run, str(data_path))
    assert attempt(run, until)[0] is None
    result, lines = attempt(run)
    assert figures(result) == figures(whole)
    assert len(lines) == 1 and lines[0].startswith("goes on after epoch ")
    seconds = [epoch["seconds"] for epoch in result["epochs"]]
    assert 0 < result["loading"] < seconds[0] and seconds == sorted(seconds) and seconds[-1] < result["seconds"]


@pytest.mark.slow
def test_a_run_that_has_trained_goes_on_with_its_test(run_of, attempt, data_path, monkeypatch):
    """The epochs after the best one are not repeated, nor lost."""
    from recbole_iacn.experiments import one_run

    run = run_of("DIN", epochs=30, stopping_step=2, learning_rate=0.1)
    whole = train(run, str(data_path))
    assert whole["epochs"][-1]["valid"] < whole["best"] and len(whole["epochs"]) < 30  # it stopped early

    def interrupt(*_):
        raise Interrupted

    with monkeypatch.context() as patch:
        patch.setattr(one_run, "_test", interrupt)
        assert attempt(run)[0] is None
    assert figures(attempt(run, until=1)[0]) == figures(whole)


@pytest.fixture
def begun(run_of, attempt):
    """A run that was interrupted after an epoch, and its record."""
    run = run_of("DIN", epochs=2)
    attempt(run, until=1)
    return run, attempt.place / "epochs.json"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"version": "0.1"}, "is of version 0.1, and this is"),
        ({"device": "H200"}, "is of device H200, and this is cpu"),
        ({"best": 2}, "is damaged (its best epoch is none of its 1)"),
        ({"best": 0}, "is damaged (its best epoch is none of its 1)"),
        ({"file": "../other.pth"}, "is damaged (its best epoch is none of its 1)"),
        ({"number": 7}, "is of another epoch than its record"),
        ({"epochs": "none"}, "is damaged (epochs: Input should be a valid list)"),
    ],
)
def test_what_cannot_be_gone_on_from_is_named(begun, attempt, data_path, change, reason):
    run, record = begun
    record.write_text(json.dumps({**json.loads(record.read_text()), **change}))
    training = build(recbole_name(run), run.dataset, config_dict={**run.settings, "data_path": str(data_path)})
    progress = unfinished.Progress(attempt.place)
    with pytest.raises(ConfigError) as error:
        progress.go_on(training, "cpu")
    assert reason in str(error.value) and str(error.value).endswith("; it starts anew") and progress.epochs == []


@pytest.mark.slow
def test_other_rows_or_settings_start_anew(begun, attempt, tmp_path):
    run, _ = begun
    other = write_atomic(tmp_path / "other")
    path = other / "tiny" / "tiny.inter"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    result, said = attempt(run, path=other)
    assert len(said) == 1 and "goes on" not in said[0]
    assert figures(result) == figures(train(run, str(other)))
    attempt(run, until=1)
    run.settings["learning_rate"] = 0.02  # as a dataset's own file would, which lies below those of the run
    assert "learning_rate (0.01 there, 0.02 here)" in attempt(run)[1][0]


def here(function, tasks):
    """Calls in this process."""
    for task in tasks:
        yield task, function(task), None


@pytest.mark.slow
def test_an_experiment_goes_on_and_leaves_nothing(small, tmp_path, monkeypatch, capsys):
    plan, out = read_plan(small), tmp_path / "out"
    first = plan.runs[0]
    monkeypatch.setattr(runner, "by_processes", lambda jobs: here)

    def interrupt(self, *arguments):
        add(self, *arguments)
        raise Interrupted

    add = unfinished.Progress.add
    with monkeypatch.context() as patch, pytest.raises(Interrupted):
        patch.setattr(unfinished.Progress, "add", interrupt)
        runner.run_all(plan, out)
    (left,) = out.glob("runs/*")
    assert left.name == f"{first.id}.unfinished" and sorted(os.listdir(left))[-1] == "epochs.json"
    (out / "runs" / "of-earlier-settings.unfinished").mkdir()
    (out / "runs" / "of-earlier-settings.unfinished" / "epochs.json").touch()
    (out / "runs" / f"{plan.runs[1].id}.unfinished").mkdir()
    capsys.readouterr()
    assert runner.run_all(plan, out) == []
    assert "1 of 4 runs left goes on after the best epoch before" in capsys.readouterr().err
    assert sorted(os.listdir(out / "runs")) == sorted(f"{run.id}.json" for run in plan.runs)
    (mine,) = [one for one in read_results(out) if (one["mode"], one["seed"]) == (first.mode, first.seed)]
    assert figures(mine) == figures(train(first, plan.data_path))


def test_a_run_that_fails_before_an_epoch_leaves_its_error_alone(small, tmp_path, monkeypatch):
    plan = read_plan(small)

    def fail(run, data_path, after_epoch, bundle, place, say):
        place.mkdir()
        raise RuntimeError

    monkeypatch.setattr(runner, "train", fail)
    (tmp_path / "runs").mkdir()
    assert runner.run_missing(plan.runs[:1], "", tmp_path, here, progress=False) == plan.runs[:1]
    assert os.listdir(tmp_path / "runs") == [f"{plan.runs[0].id}.error"]
