"""Rehearsals: which runs they make, and how they estimate the duration."""

import pytest

from recbole_iacn.cli import main
from recbole_iacn.experiments import rehearsal
from recbole_iacn.experiments.plan import read_plan


@pytest.mark.slow
def test_a_rehearsal_is_one_epoch_of_each_kind(small, tmp_path, capsys):
    main(["experiment", str(small), "--rehearse", "--jobs", "2", "--out", str(tmp_path / "out")])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" | ")[:4] for line in lines[2:4]] == [
        ["| tiny", "WideDeep", mode, "2"] for mode in ("off", "full")
    ]
    assert lines[-1].startswith("4 runs, 2 at a time: ") and not (tmp_path / "out").exists()


def test_the_estimate_of_a_rehearsal_by_hand(file, monkeypatch):
    """Two seeds: 2 x 10 s of loading, 2 x 30 s per epoch, at most 5 epochs; two jobs halve all times."""
    seen = []

    def run_all(plan, folder, jobs, progress):
        seen.extend(plan.runs)
        return []

    record = {"loading": 10.0, "epochs": [{"seconds": 40.0}], "peak_mb": 500.0}
    monkeypatch.setattr(rehearsal, "run_all", run_all)
    monkeypatch.setattr(rehearsal, "read_results", lambda folder: [{**vars(run), **record} for run in seen])
    plan = read_plan(file(modes=["full"], settings={"epochs": 5, "eval_step": 2}, sweep={"iacn_delta": [0]}))
    (heads, cells), estimate = rehearsal.rehearse(plan, jobs=2)
    assert dict(zip(heads, cells[0]))["epoch s"] == "30" and dict(zip(heads, cells[0]))["runs"] == "2"
    assert "10 s of loading, 30 s per epoch of all runs" in estimate and "at most 3 min" in estimate  # 10 + 5 x 30 s
    assert [(run.seed, run.settings["epochs"], run.settings["eval_step"]) for run in seen] == [(1, 1, 1)]
    record["peak_mb"] = None  # as on Windows
    seen.clear()
    assert rehearsal.rehearse(plan, jobs=2)[0][1][0][-1] == "–"


def test_a_rehearsal_counts_both_stages_and_the_models_own_epochs(file, monkeypatch):
    """An epoch takes 30 s in the first stage and 50 s in the second; 2 seeds x (10 s + 200 epochs x 80 s) are 8.9 h."""
    seen = []
    monkeypatch.setattr(rehearsal, "run_all", lambda plan, folder, jobs, progress: seen.extend(plan.runs))
    record = {"loading": 10.0, "epochs": [{"seconds": 40.0}, {"seconds": 90.0}], "peak_mb": 500.0}
    monkeypatch.setattr(rehearsal, "read_results", lambda folder: [{**vars(run), **record} for run in seen])
    (heads, cells), estimate = rehearsal.rehearse(read_plan(file(models=["TiMiRec"], modes=..., settings={})))
    assert dict(zip(heads, cells[0]))["epoch s"] == "80" and "at most 8.9 h" in estimate


@pytest.mark.slow
def test_a_rehearsal_that_fails_reports_the_reason(file, settings, data_path, capsys):
    """One that only the data can tell: the filter leaves no rows."""
    own = settings(data_path=..., show_progress=..., state=..., seed=..., user_inter_num_interval="[99,inf)")
    with pytest.raises(SystemExit):
        main(["experiment", str(file(data_path=str(data_path), modes=["off"], settings=own)), "--rehearse"])
    assert "rehearsal: WideDeep off on tiny, seed 1: " in capsys.readouterr().err


def test_a_rehearsal_of_swept_lists_has_one_run_of_each(file):
    plan = read_plan(file(modes=["full"], seeds=[1, 2], sweep={"mlp_hidden_size": [[16, 8], [32]]}))
    assert [run.sweep["mlp_hidden_size"] for run in rehearsal.first_of_each(plan)] == [[16, 8], [32]]
