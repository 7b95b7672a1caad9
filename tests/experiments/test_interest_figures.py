"""An experiment that measures interests: what its file may say, what a run's result has, what is repeated."""

import json
from dataclasses import replace

import pytest
from helpers import SHORT_RANKING
from made_runs import result_of, store

from recbole_iacn.cli import main
from recbole_iacn.errors import ConfigError
from recbole_iacn.experiments import interest_figures, runner
from recbole_iacn.experiments.one_run import train
from recbole_iacn.experiments.plan import read_plan
from recbole_iacn.experiments.store import has_result, published_runs, read_result
from recbole_iacn.interests.measure_table import NAMES

ASKED = {"rows": 12, "measures": ["ami", "effective", "cosine"]}


def test_the_key_of_the_file(file):
    asked = read_plan(file(interests=200)).runs[0].interests
    assert (asked.rows, asked.measures, asked.category) == (200, NAMES, None)
    asked = read_plan(file(interests={**ASKED, "category": "genres"})).runs[0].interests
    assert (asked.rows, asked.measures, asked.category) == (12, ("ami", "effective", "cosine"), "genres")
    for nothing in (0, None, ...):
        assert read_plan(file(interests=nothing)).runs[0].interests is None
    runs = [read_plan(file(interests=value)).runs[0] for value in (0, 200)]
    assert runs[0].id == runs[1].id  # a measure changes no training


@pytest.mark.parametrize(
    "value, message",
    [
        (-1, "interests: must be a number of rows, 0 or more, or a dict of rows, measures and category, got -1$"),
        (True, "interests: must be a number of rows, 0 or more, or a dict .*, got True$"),
        ([5], r"interests: must be a number of rows, 0 or more, or a dict .*, got \[5\]$"),
        ({"row": 5}, "interests: row: no such key. Did you mean 'rows'"),
        ({"measures": ["amy"]}, "interests: measures: there is no 'amy'. Did you mean 'ami'.* There are: ami, purity"),
        ({"measures": []}, r"interests: measures: must be a list of names, got \[\]$"),
        ({"measures": "ami"}, "interests: measures: must be a list of names, got 'ami'$"),
        ({"category": 3}, "interests: category: must be the name of a column of items, got 3$"),
    ],
)
def test_a_wrong_key_is_one_line(file, value, message):
    with pytest.raises(ConfigError, match=message):
        read_plan(file(interests=value))


@pytest.mark.slow
def test_a_runs_result_has_the_measures(file, settings, data_path, tmp_path):
    """And no other figure differs from those of the run without them."""
    own = settings(epochs=1, data_path=..., show_progress=..., state=..., seed=...)
    asked = {"models": ["DIN"], "modes": ["off", "full"], "seeds": [1], "settings": own, "interests": ASKED}
    off, full = read_plan(file(data_path=str(data_path), **asked)).runs
    plain = train(replace(full, interests=None), str(data_path))
    found, without = train(full, str(data_path)), train(off, str(data_path))
    assert plain["interests"] is None and without["interests"] == {} and found["test"] == plain["test"]
    assert list(found["interests"]) == ASKED["measures"]
    for name, figures in found["interests"].items():
        assert 0 < figures["users"] <= 12 and isinstance(figures["model"], float)
        assert (figures["chance"] is None) == (name == "effective") and isinstance(figures["k_means"], float)
        assert figures.get("category") == ("categories" if name == "ami" else None)
    assert 1 <= found["interests"]["effective"]["model"] <= 4
    path = store(tmp_path, found)
    assert read_result(path) == json.loads(json.dumps(found))


@pytest.mark.slow
def test_a_model_with_one_interest_has_dashes(file, settings, data_path):
    own = {**settings(data_path=..., show_progress=..., state=..., seed=...), **SHORT_RANKING, "epochs": 1}
    own = {key: value for key, value in own.items() if value is not ...}
    plan = read_plan(
        file(
            models=["YouTubeDNN"], seeds=[1], settings=own, interests={**ASKED, "measures": ["ami", "vector_diversity"]}
        )
    )
    found = train(plan.runs[0], str(data_path))["interests"]
    assert found["ami"] == {"model": None, "chance": None, "k_means": None, "users": 0}
    assert found["vector_diversity"]["users"] > 0 and found["vector_diversity"]["chance"] > 0


def test_a_column_that_is_not_there_is_reported_before_training(file, settings, data_path):
    own = settings(data_path=..., show_progress=..., state=..., seed=...)
    plan = read_plan(file(models=["DIN_IaCN"], seeds=[1], settings=own, interests={**ASKED, "category": "genres"}))
    epochs = []
    with pytest.raises(
        ConfigError, match=r"category: the bundle has no column 'genres' of items.*Of the bundle: columns"
    ):
        train(plan.runs[0], str(data_path), after_epoch=lambda *given: epochs.append(given))
    assert not epochs


def measured(*names):
    return {name: {"model": 0.5, "chance": 0.1, "k_means": 0.2, "users": 9} for name in names}


def test_a_result_without_the_measures_is_repeated(file, tmp_path):
    """Not one of a model without interests, nor one that has more measures than are asked for."""
    run = read_plan(file(interests=ASKED)).runs[0]
    cases = [(None, True), ({}, False), (measured("ami"), True), (measured("ami", "effective", "cosine", "gap"), False)]
    for found, lacking in cases:
        result = result_of(run, interests=found)
        assert interest_figures.lacks(run, result) == lacking
        store(tmp_path, result)
        assert has_result(tmp_path, run) != lacking
        assert has_result(tmp_path, replace(run, interests=None))


@pytest.mark.parametrize(
    ("model", "lacking"),
    [("SASRec", False), ("YouTubeDNN", False), ("Popularity", False), ("ComiRec", True), ("TiMiRecPlus", True)],
)
def test_a_result_of_an_earlier_version_may_say_nothing_of_one_vector(file, model, lacking):
    run = read_plan(file(models=[model], interests=ASKED)).runs[0]
    assert interest_figures.lacks(run, result_of(run, interests=None)) == lacking


@pytest.mark.parametrize(
    ("asked", "had", "lacking"),
    [("genres", "tags", True), ("genres", "genres", False), ("genres", None, False), (None, "tags", False)],
)
def test_a_result_by_another_column_is_repeated(file, tmp_path, asked, had, lacking):
    """Otherwise one row of a report would average agreement with different columns. Results of earlier versions do not
    say theirs."""
    run = read_plan(file(interests={**ASKED, **({"category": asked} if asked else {})})).runs[0]
    found = measured(*ASKED["measures"])
    if had:
        found["ami"]["category"] = had
    assert interest_figures.lacks(run, result_of(run, interests=found)) == lacking
    store(tmp_path, result_of(run, interests=found))
    assert has_result(tmp_path, run) != lacking


def test_published_runs_without_the_measures_are_not_reused(file, tmp_path):
    runs = read_plan(file(interests=ASKED)).runs
    for place, names in (("here", ("ami",)), ("beside", ("ami", "effective", "cosine"))):
        (tmp_path / place).mkdir()
        lines = [json.dumps(result_of(run, interests=measured(*names))) for run in runs]
        (tmp_path / place / "runs.jsonl").write_text("\n".join(lines) + "\n")
    assert set(published_runs(tmp_path / "here", runs)) == {run.id for run in runs}
    (tmp_path / "beside" / "runs.jsonl").unlink()
    assert published_runs(tmp_path / "here", runs) == {}


def test_what_is_repeated_is_said(file, settings, data_path, tmp_path, capsys, monkeypatch):
    own = settings(data_path=..., show_progress=..., state=..., seed=...)
    path = file(data_path=str(data_path), modes=["full"], settings=own, interests=ASKED)
    runs = read_plan(path).runs
    store(tmp_path / "out" / path.stem, result_of(runs[0]))
    monkeypatch.setattr(runner, "by_processes", lambda jobs: lambda function, tasks: (yield from ()))
    main(["experiment", str(path), "--out", str(tmp_path / "out")])
    assert capsys.readouterr().out.startswith(
        "1 of 2 runs have a result without the measures of interests or the strata that are asked for: they are "
        "repeated\n"
    )
    main(["experiment", str(path), "--out", str(tmp_path / "out"), "--plan"])
    assert [line.split()[:2] for line in capsys.readouterr().out.splitlines()] == [["to", "do"]] * 2
