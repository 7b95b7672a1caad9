"""Stored results: a damaged file is named with its mend, and is never taken for a run that is done."""

import json
import os

import pytest
from made_runs import result_of, store

from recbole_iacn.cli import main
from recbole_iacn.errors import ConfigError
from recbole_iacn.experiments.plan import read_plan
from recbole_iacn.experiments.store import (
    has_result,
    prepare,
    read_results,
    record_plan,
    restore_runs,
    result_path,
)

MEND = "; remove it, and the next experiment or search repeats the run"


@pytest.fixture
def plan(file):
    return read_plan(file(modes=["full"], settings={"epochs": 2}))


def text_of(run, **changes):
    return json.dumps({key: value for key, value in result_of(run, **changes).items() if value is not ...}, indent=1)


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda run: "", "it is empty"),
        (lambda run: text_of(run)[:100], "line 7: Expecting value"),
        (lambda run: "\0" * 20, "column 1: Expecting value"),
        (lambda run: "[]", "not a dict, but []"),
        (lambda run: text_of(run, test=...), "test: Field required"),
        (lambda run: text_of(run, test={"auc": "high"}), "test.auc: Input should be a valid number"),
        (lambda run: text_of(run, epochs=[]), "epochs: List should have at least 1 item"),
        (lambda run: text_of(run, seed="1"), "seed: Input should be a valid integer"),
        (lambda run: text_of(run, seed=7), "it is the result of tiny-WideDeep-full-7-"),
        (lambda run: text_of(run, settings={"epochs": 9}), "it is the result of tiny-WideDeep-full-1-"),
        (lambda run: text_of(run, mode="fall"), "mode: Input should be '', 'off', 'width' or 'full'"),
        (lambda run: text_of(run, mode="", best=...), "best: Field required"),
        (lambda run: text_of(run, version="\ud800"), "it has half a character"),
        (lambda run: text_of(run, sweep={"epochs": 2**63}), "sweep: has an integer of more than 64 bits"),
        (lambda run: text_of(run, dataset="../tiny"), "run: '../tiny-WideDeep-full-1-"),
    ],
)
def test_a_damaged_result_is_named(plan, tmp_path, damage, why):
    path = result_path(tmp_path, plan.runs[0])
    path.parent.mkdir()
    path.write_text(damage(plan.runs[0]))
    for look in (lambda: has_result(tmp_path, plan.runs[0]), lambda: read_results(tmp_path)):
        with pytest.raises(ConfigError) as error:
            look()
        assert str(error.value).startswith(f"{path}: is damaged ({why}") and str(error.value).endswith(MEND)
    path.unlink()
    assert not has_result(tmp_path, plan.runs[0])


def test_a_pipe_in_the_place_of_a_result_is_named(plan, tmp_path):
    path = result_path(tmp_path, plan.runs[0])
    path.parent.mkdir()
    os.mkfifo(path)
    with pytest.raises(ConfigError, match=r"is damaged \(a pipe in the place of a file\)"):
        has_result(tmp_path, plan.runs[0])


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", None])
def test_a_result_that_is_not_text_or_not_a_file_is_named(plan, tmp_path, content):
    path = result_path(tmp_path, plan.runs[0])
    path.parent.mkdir()
    path.mkdir() if content is None else path.write_bytes(content)
    why = "a folder in the place of a file" if content is None else "not valid UTF-8 at byte 0"
    with pytest.raises(ConfigError, match=f"is damaged .{why}"):
        has_result(tmp_path, plan.runs[0])


@pytest.mark.parametrize("command", ["experiment", "--plan", "report"])
def test_commands_name_a_damaged_result(file, tmp_path, capsys, monkeypatch, command):
    path = file(modes=["full"])
    run = read_plan(path).runs[0]
    folder = tmp_path / "out" / "trial"
    damaged = store(folder, result_of(run))
    damaged.write_text(damaged.read_text()[:-9])
    monkeypatch.setattr("recbole_iacn.experiments.plan_checks.check_runs", lambda *_: [])
    monkeypatch.setattr("recbole_iacn.experiments.plan_checks.check_data", lambda *_: None)
    given = ["experiment", str(path), "--out", str(tmp_path / "out")]
    commands = {"experiment": given, "--plan": [*given, "--plan"], "report": ["report", str(folder)]}
    with pytest.raises(SystemExit, match="2"):
        main(commands[command])
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and said.startswith(f"error: {damaged}: is damaged (column ")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"tiny": 3}', '{"tiny": [3]}'])
def test_a_damaged_plan_is_named(plan, tmp_path, text):
    (tmp_path / "plan.json").write_text(text)
    for look in (lambda: record_plan(plan, tmp_path), lambda: read_results(tmp_path)):
        with pytest.raises(ConfigError, match=r"plan\.json: is damaged \(.*\); remove it, and the next experiment"):
            look()
    (tmp_path / "plan.json").unlink()
    record_plan(plan, tmp_path)
    assert json.loads((tmp_path / "plan.json").read_text()) == {"tiny": [run.id for run in plan.runs]}


def test_a_damaged_line_of_published_runs_is_named(plan, tmp_path):
    whole = json.dumps(result_of(plan.runs[0]))
    (tmp_path / "runs.jsonl").write_text(f"{whole}\n{whole[:-9]}")
    with pytest.raises(ConfigError, match=r"runs\.jsonl, line 2: is damaged \(column \d+: .*\); restore the file"):
        read_results(tmp_path)


@pytest.mark.parametrize("names", [(), ("runs",)])
def test_a_file_in_the_place_of_a_folder_is_one_line(tmp_path, names):
    place = tmp_path.joinpath("out", *names)
    place.parent.mkdir(exist_ok=True)
    place.write_text("")
    with pytest.raises(ConfigError, match=r"cannot be written .*is a file.*; name another folder \(--out\)"):
        prepare(tmp_path / "out", *names)


def test_what_a_killed_command_has_left_is_removed(tmp_path):
    for place in ("", "runs", "bundles"):
        (tmp_path / "out" / place / ".x.partial-1").mkdir(parents=True)
    prepare(tmp_path / "out", "runs", "bundles")
    assert sorted(path.name for path in (tmp_path / "out").rglob("*")) == ["bundles", "runs"]


def test_names_of_published_runs_stay_in_the_folder(plan, tmp_path):
    folder = tmp_path / "one" / "results"
    folder.mkdir(parents=True)
    (folder / "runs.jsonl").write_text(json.dumps(result_of(plan.runs[0], dataset="../../outside")) + "\n")
    with pytest.raises(ConfigError, match=r"^reuse: .*runs\.jsonl, line 1: is damaged \(run: '\.\./\.\./outside-Wide"):
        restore_runs(folder)
    assert [path.name for path in (tmp_path / "one").rglob("*") if path.is_file()] == ["runs.jsonl"]


@pytest.mark.parametrize("text", ["[" * 100_000, '{"seed": ' + "9" * 5000 + "}"])
def test_a_result_without_end_is_named(plan, tmp_path, text):
    path = result_path(tmp_path, plan.runs[0])
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"\.json: is damaged \("):
        read_results(tmp_path)
