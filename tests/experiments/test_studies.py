"""A search by Optuna that is stopped and continued makes the trials of one that was not."""

import itertools
import json

import pytest
import yaml
from made_runs import result_of

from recbole_iacn.cli import main
from recbole_iacn.errors import ConfigError
from recbole_iacn.experiments import studies, trial_base
from recbole_iacn.experiments.plan import read_plan
from recbole_iacn.experiments.results import run_of
from recbole_iacn.experiments.search import search
from recbole_iacn.experiments.store import published_runs, restore_runs
from recbole_iacn.experiments.trials import stored_trial

SPACE = {"learning_rate": {"low": 0.001, "high": 0.1, "log": True}, "iacn_lambda": {"choices": [0.5, 2]}}


@pytest.fixture
def plan(file, data_path, settings):
    own = settings(data_path=..., show_progress=..., state=..., seed=...)
    return read_plan(file(models=["FM"], modes=["full"], seeds=[3], data_path=str(data_path), settings=own))


@pytest.fixture
def trained(monkeypatch):
    """Notes the settings that were trained, in place of training; epochs differ, so that trials are pruned.
    ``trained.stop`` holds the numbers of epochs, counted over all trainings, at which they are interrupted."""

    class Trained(list):
        stop: set = set()  # noqa: RUF012

    seen, epochs = Trained(), itertools.count()

    def train(run, data_path, after_epoch):
        values = {key: run.settings[key] for key in SPACE}
        seen.append(values)
        score = 1 - abs(values["learning_rate"] - 0.01) + 0.01 * values["iacn_lambda"]
        for epoch in range(6):
            if next(epochs) in seen.stop:
                raise KeyboardInterrupt
            after_epoch(epoch, score + 0.001 * epoch)
        return result_of(run, best=score)

    monkeypatch.setattr(studies, "train", train)
    return seen


def trials(plan, folder, space=SPACE):
    """(state, settings, validations) of the trials with a result."""
    task = studies.Task(plan.runs[0], space, "", folder, 0, 2020)
    study, _ = studies._begin(task)
    return [(trial.state.name, trial.params, trial.intermediate_values) for trial in trial_base.results_of(study)]


@pytest.mark.slow
def test_a_stopped_search_makes_the_trials_of_one_that_was_not(plan, tmp_path, trained):
    """It is stopped in its first trial, in the random ones and in those that follow the sampler."""
    search(plan, SPACE, tmp_path / "whole", trials=9, report=lambda line: None)
    whole = trials(plan, tmp_path / "whole")
    assert {state for state, *_ in whole} == {"COMPLETE", "PRUNED"} and len(whole) == 9
    trained.stop = {len(whole) * 6 + k for k in range(0, 90, 7)}
    lines = []
    for _ in range(20):
        try:
            search(plan, SPACE, tmp_path / "stopped", trials=9, report=lines.append)
            break
        except KeyboardInterrupt:
            lines.clear()
    else:
        pytest.fail("it does not end")
    assert trials(plan, tmp_path / "stopped") == whole
    best = [(tmp_path / name / "best.yaml").read_bytes() for name in ("whole", "stopped")]
    assert best[0] == best[1] and lines[0].startswith("tiny FM full: goes on after ")


@pytest.mark.slow
def test_a_killed_trial_is_marked_and_does_not_count(plan, tmp_path, trained):
    """A process that was killed leaves it running, with settings or without."""
    from optuna.trial import TrialState

    search(plan, SPACE, tmp_path, trials=2, report=lambda line: None)
    study, _ = studies._begin(studies.Task(plan.runs[0], SPACE, "", tmp_path, 0, 2020))
    killed = [study.ask().number for _ in range(2)]
    lines = []
    search(plan, SPACE, tmp_path, trials=4, report=lines.append)
    assert len(trained) == 4 and len(trials(plan, tmp_path)) == 4
    assert lines[0] == "tiny FM full: goes on after 2 of 4 trials; what was stopped starts anew"
    assert [trial.state for trial in study.get_trials() if trial.number in killed] == [TrialState.FAIL] * 2


@pytest.mark.slow
def test_settings_that_were_tried_are_not_trained_again(plan, tmp_path, trained):
    """Nine settings, of which six are tried: those that are suggested again take the stored score."""
    space = {"learning_rate": {"choices": [0.001, 0.01, 0.1]}, "iacn_lambda": {"choices": [0.5, 1, 2]}}
    lines = []
    search(plan, space, tmp_path, trials=6, report=lines.append)
    made = trials(plan, tmp_path, space)
    again = len(made) - len(trained)
    assert len(trained) == 6 and not any(one in trained[:k] for k, one in enumerate(trained))
    assert again and f"tiny FM full: {again} suggestions repeat an earlier one: they took its stored score" in lines[0]
    assert len((tmp_path / "trials.jsonl").read_text().splitlines()) == 6
    assert not any("no result" in line for line in lines)  # the first has iacn_lambda: 1.0, which is the choice 1
    scores = {}
    for state, params, validations in made:
        assert scores.setdefault(str(params), (state, validations)) == (state, validations)


@pytest.mark.slow
def test_trials_of_other_settings_are_not_continued(plan, tmp_path, trained):
    search(plan, SPACE, tmp_path, trials=2, report=lambda line: None)
    plan.runs[0].settings["embedding_size"] = 4
    lines = []
    search(plan, SPACE, tmp_path, trials=2, report=lines.append)
    assert len(trained) == 4 and lines[0] == "tiny FM full: 2 trials of other settings are not continued"


@pytest.mark.slow
def test_a_training_that_diverges_counts_and_is_not_the_best(plan, tmp_path, monkeypatch):
    scores = iter([float("nan"), 0.5, float("nan")])
    monkeypatch.setattr(studies, "train", lambda *_: {"best": next(scores)})
    (rule,) = search(plan, SPACE, tmp_path, trials=3, report=lambda line: None)
    made = trials(plan, tmp_path)
    assert [state for state, *_ in made] == ["PRUNED", "COMPLETE", "PRUNED"] and rule["settings"] == made[1][1]
    monkeypatch.setattr(studies, "train", lambda *_: {"best": float("nan")})
    with pytest.raises(ConfigError, match="no trial has a score that is a number; narrow the space"):
        search(plan, SPACE, tmp_path / "other", trials=1, report=lambda line: None)


@pytest.mark.slow
def test_a_trial_that_fails_is_one_line_and_is_tried_again(plan, tmp_path, monkeypatch, trained):
    def fail(*_):
        raise RuntimeError("out of memory")

    with monkeypatch.context() as patch:
        patch.setattr(studies, "train", fail)
        with pytest.raises(ConfigError, match=r"search: tiny FM full: the trial with .* failed, see (.*\.error); "):
            search(plan, SPACE, tmp_path, trials=2, report=lambda line: None)
    (file,) = tmp_path.glob("*.error")
    assert "RuntimeError: out of memory" in file.read_text()
    search(plan, SPACE, tmp_path, trials=2, report=lambda line: None)
    assert len(trained) == 2 and not list(tmp_path.glob("*.error"))


def test_a_full_disk_is_one_line(plan, tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device", str(tmp_path / "x"))

    monkeypatch.setattr(studies, "train", fail)
    with pytest.raises(ConfigError, match=r"x: No space left on device, [\d,]+ MB are free; make space or set TMPDIR"):
        search(plan, SPACE, tmp_path, trials=2, report=lambda line: None)
    assert not list(tmp_path.glob("*.error"))


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["empty", "text", "cut", "zeros", "folder", "no tables"])
def test_a_damaged_database_is_one_line(plan, tmp_path, trained, damage):
    """Once it is removed, as the line says, the search is repeated."""
    import sqlite3

    search(plan, SPACE, tmp_path, trials=1, report=lambda line: None)
    path = tmp_path / "search.db"
    content = path.read_bytes()
    path.unlink()
    if damage == "folder":
        path.mkdir()
    elif damage == "no tables":
        base = sqlite3.connect(path)
        base.execute("create table x (y)")
        base.close()
    else:
        half = len(content) // 2
        texts = {"empty": b"", "text": b"trials\n" * 99, "cut": content[:half], "zeros": content[:half] + bytes(half)}
        path.write_bytes(texts[damage])
    with pytest.raises(
        ConfigError, match=r"search\.db: is damaged \(.*\); remove it, and the same command takes its trials from runs/"
    ) as e:
        search(plan, SPACE, tmp_path, trials=1, report=lambda line: None)
    assert "\n" not in str(e.value) and len(trained) == 1
    path.rmdir() if damage == "folder" else path.unlink()
    search(plan, SPACE, tmp_path, trials=1, report=lambda line: None)
    assert len(trained) == 1


@pytest.mark.slow
def test_an_interrupted_search_says_how_far_it_is(plan, tmp_path, trained, capsys):
    content = yaml.safe_load((tmp_path / "trial.yaml").read_text())
    (tmp_path / "trial.yaml").write_text(yaml.safe_dump({**content, "search": SPACE}))
    trained.stop = {13}
    with pytest.raises(SystemExit, match="130"):
        main(["search", str(tmp_path / "trial.yaml"), "--trials", "5", "--out", "out"])
    assert capsys.readouterr().err == "interrupted; out/trial has 2 of 5 trials; the same command goes on\n"


@pytest.mark.slow
def test_published_trials_are_not_trained_again(plan, tmp_path, trained):
    """A fresh clone has trials.jsonl and no search.db: trained and pruned trials are taken from there, and the search
    goes on to those that it would have tried."""
    search(plan, SPACE, tmp_path / "one" / "whole", trials=9, report=lambda line: None)
    whole = trials(plan, tmp_path / "one" / "whole")
    text = (tmp_path / "one" / "whole" / "trials.jsonl").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert len(lines) == len(trained) == 9
    made = [(state, params["learning_rate"]) for state, params, _ in whole]
    assert [(one["state"].upper(), one["settings"]["learning_rate"]) for one in lines] == made
    bests = [max(seen.values()) - 0.005 for state, _, seen in whole if state == "COMPLETE"]
    assert [one["best"] for one in lines if one["state"] == "complete"] == pytest.approx(bests)
    assert all(one["id"].startswith("tiny-FM-full-3-") for one in lines)
    folder = tmp_path / "two" / "whole"
    folder.mkdir(parents=True)
    (folder / "trials.jsonl").write_text(text)
    restore_runs(folder)
    trained.clear()
    search(plan, SPACE, folder, trials=9, report=lambda line: None)
    assert trained == [] and trials(plan, folder) == whole
    assert (folder / "trials.jsonl").read_text() == text
    search(plan, SPACE, folder, trials=10, report=lambda line: None)
    assert len(trained) == 1
    known = published_runs(folder, [plan.runs[0]])  # for an experiment: no trial that was pruned
    assert not any(name.endswith(".pruned") for name in known)


@pytest.mark.slow
def test_a_search_that_is_stopped_has_its_trials_so_far(plan, tmp_path, trained):
    trained.stop = {14}
    with pytest.raises(KeyboardInterrupt):
        search(plan, SPACE, tmp_path, trials=9, report=lambda line: None)
    assert len((tmp_path / "trials.jsonl").read_text().splitlines()) == 2


@pytest.mark.slow
def test_what_trials_warn_of_is_said_once_even_after_an_interruption(plan, tmp_path, trained, monkeypatch):
    made = studies.train

    def warned(run, data_path, after_epoch):
        first = not trained
        result = made(run, data_path, after_epoch)
        return {**result, "warnings": ["dropped 3 rows", *["only once"] * first, "Settings without effect: x"]}

    monkeypatch.setattr(studies, "train", warned)
    trained.stop, said = {14}, []
    with pytest.raises(KeyboardInterrupt):
        search(plan, SPACE, tmp_path, trials=9, report=lambda line: None)
    search(plan, SPACE, tmp_path, trials=9, report=said.append)
    complete = sum(state == "COMPLETE" for state, *_ in trials(plan, tmp_path))
    assert 1 < complete < 9  # the others were pruned, and have no result
    of = f"of {complete} complete trials"
    assert [line for line in said if of in line] == [f"dropped 3 rows ({complete} {of})", f"only once (1 {of})"]
    assert not any("without effect" in line for line in said)


@pytest.mark.slow
def test_a_trial_that_was_pruned_in_another_study_is_trained(plan, tmp_path, trained):
    """There it may not be."""
    search(plan, SPACE, tmp_path, trials=9, report=lambda line: None)
    (name,) = {json.loads(path.read_text())["study"] for path in (tmp_path / "runs").glob("*.pruned")}
    path = next((tmp_path / "runs").glob("*.pruned"))
    run = run_of(json.loads(path.read_text()))
    assert stored_trial(tmp_path, run, name)["state"] == "pruned" and stored_trial(tmp_path, run, "other") is None
    path.write_text(path.read_text()[:-9])
    with pytest.raises(ConfigError, match=r"\.pruned: is damaged \(.*\); remove it, and its trial is repeated"):
        stored_trial(tmp_path, run, name)


def test_a_damaged_published_trial_is_named(tmp_path):
    (tmp_path / "trials.jsonl").write_text('{"state": "pruned"}\n')
    with pytest.raises(
        ConfigError, match=r"trials\.jsonl, line 1: is damaged \(dataset: Field required\); omit --reuse"
    ):
        restore_runs(tmp_path)
