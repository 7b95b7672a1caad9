"""A run that was interrupted goes on after its best epoch, to the figures of one that was not, or says why not."""

import json
import os

import pytest
import recbole
import torch
from helpers import SHORT_RANKING, write_atomic

import recbole_iacn
from recbole_iacn.building import build
from recbole_iacn.experiments import runner, unfinished
from recbole_iacn.experiments.one_run import train
from recbole_iacn.experiments.plan import read_plan, recbole_name
from recbole_iacn.experiments.store import read_results
from recbole_iacn.model.retrieval.timirec import TiMiRec

_OF_RECBOLE = {
    **SHORT_RANKING,
    "protocol": "leave_one_out_sampled",
    "metrics": ["MRR"],
    "valid_metric": "MRR@5",
    "train_neg_sample_args": None,
}


_MADE = {
    "version": recbole_iacn.__version__,
    "recbole": recbole.__version__,
    "torch": str(torch.__version__),
    "device": "cpu",
}


class Interrupted(BaseException):
    """As a signal ends a process: nothing of the package catches it."""


def interrupt(*_):
    raise Interrupted


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
    ("model", "until", "after", "changes"),
    [
        ("DIN", 2, "1", {}),
        ("DIN", 1, "1", {"eval_step": 2}),
        ("GRU4Rec", 3, "2", _OF_RECBOLE),
        ("TiMiRec", 2, "1 of its first stage", {**SHORT_RANKING, "stages": "two"}),
        ("TiMiRec", 6, "0", {**SHORT_RANKING, "stages": "two"}),
    ],
)
def test_an_interrupted_run_has_the_figures_of_an_uninterrupted_one(
    run_of, attempt, data_path, model, until, after, changes
):
    run = run_of(model, **changes)
    whole = train(run, str(data_path))
    assert attempt(run, until)[0] is None
    result, lines = attempt(run)
    assert figures(result) == figures(whole)
    assert lines == [f"goes on after epoch {after}"]
    seconds = [epoch["seconds"] for epoch in result["epochs"]]
    assert 0 < result["loading"] < seconds[0] and seconds == sorted(seconds) and seconds[-1] < result["seconds"]


@pytest.mark.slow
def test_a_run_that_has_trained_goes_on_with_its_test(run_of, attempt, data_path, monkeypatch):
    """The epochs after the best one are not repeated, nor lost."""
    from recbole_iacn.experiments import one_run

    run = run_of("DIN", epochs=30, stopping_step=2, learning_rate=0.1)
    whole = train(run, str(data_path))
    assert whole["epochs"][-1]["valid"] < whole["best"] and len(whole["epochs"]) < 30  # it stopped early

    with monkeypatch.context() as patch:
        patch.setattr(one_run, "_test", interrupt)
        assert attempt(run)[0] is None
    result, lines = attempt(run, until=1)
    assert figures(result) == figures(whole) and lines == ["has been trained; goes on with its test"]


@pytest.mark.slow
def test_without_a_protocol_a_test_draws_from_where_the_training_ended(run_of, attempt, data_path, monkeypatch):
    from recbole_iacn.experiments import one_run

    drawn = {"eval_args": {"split": {"LS": "valid_and_test"}, "order": "TO", "group_by": "user", "mode": "uni10"}}
    run = run_of("GRU4Rec", **{**_OF_RECBOLE, **drawn, "protocol": ..., "eval_negatives": ..., "epochs": 1})
    whole = train(run, str(data_path))
    with monkeypatch.context() as patch:
        patch.setattr(one_run, "_test", interrupt)
        assert attempt(run)[0] is None
    result, (line,) = attempt(run)
    assert figures(result) == figures(whole) and line.startswith("starts anew: ")
    assert line.endswith("has been trained, and without a protocol its test would draw other negatives")


@pytest.mark.slow
def test_timirec_may_be_interrupted_twice_after_its_first_stage(run_of, attempt, data_path, monkeypatch):
    """The best epoch of the first stage is its last one, so nothing of it is left to train."""
    run = run_of("TiMiRec", **SHORT_RANKING, stages="two", epochs=2)
    whole = train(run, str(data_path))
    assert whole["epochs"][0]["valid"] < whole["epochs"][1]["valid"]
    assert attempt(run, until=2)[0] is None
    with monkeypatch.context() as patch:
        patch.setattr(TiMiRec, "start_second_stage", interrupt)
        assert attempt(run)[0] is None
    result, lines = attempt(run)
    assert figures(result) == figures(whole) and lines == ["goes on after epoch 1 of its first stage"]


@pytest.mark.slow
def test_who_keeps_more_than_a_checkpoint_holds_starts_anew(run_of, attempt, data_path):
    ranked = {**_OF_RECBOLE, "protocol": ..., "eval_negatives": ..., "MAX_ITEM_LIST_LENGTH": ...}
    args = {"split": {"RS": [8, 1, 1]}, "order": "RO", "group_by": "user", "mode": "full"}
    run = run_of("DiffRec", **{**ranked, "embedding_size": ..., "eval_args": args, "epochs": 2})
    whole = train(run, str(data_path))
    said = ["would start anew if interrupted: RecBole's DiffRec keeps more than its checkpoints hold"]
    assert attempt(run, until=1) == (None, said)
    result, lines = attempt(run)
    assert figures(result) == figures(whole) and lines == said and not (attempt.place / "epochs.json").exists()


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
        ({"made": {**_MADE, "version": "0.1"}}, "is of version 0.1, and this is"),
        ({"made": {**_MADE, "torch": "1.0"}}, "is of torch 1.0, and this is"),
        ({"made": {**_MADE, "device": "H200"}}, "is of device H200, and this is cpu"),
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
    with pytest.raises(unfinished.Anew) as error:
        progress.go_on(training, "cpu")
    assert reason in str(error.value) and progress.epochs == []


@pytest.mark.slow
def test_other_rows_or_settings_start_anew(begun, attempt, tmp_path):
    run, _ = begun
    other = write_atomic(tmp_path / "other")
    path = other / "tiny" / "tiny.inter"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    result, said = attempt(run, path=other)
    assert len(said) == 1 and said[0].startswith("starts anew: ")
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

    def added(self, *arguments):
        add(self, *arguments)
        trained.append(arguments)
        if len(trained) == 1:
            raise Interrupted

    add, trained = unfinished.Progress.add, []
    monkeypatch.setattr(unfinished.Progress, "add", added)
    with pytest.raises(Interrupted):
        runner.run_all(plan, out)
    (left,) = out.glob("runs/*")
    assert left.name == f"{first.id}.unfinished" and sorted(os.listdir(left))[-1] == "epochs.json"
    other = out / "runs" / "of-earlier-settings.unfinished"
    other.mkdir()
    (other / "epochs.json").touch()
    (out / "runs" / f"{plan.runs[1].id}.unfinished").mkdir()
    capsys.readouterr()
    assert runner.run_all(plan, out) == []
    assert len(trained) == 2 * 4  # no epoch twice
    said = capsys.readouterr().err
    assert "1 of 4 runs left was begun; each goes on after its best epoch, or its log says why not" in said
    assert "has *.unfinished of 1 run not in trial; remove what is not wanted" in said
    assert sorted(os.listdir(out / "runs")) == sorted([other.name, *(f"{run.id}.json" for run in plan.runs)])
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
