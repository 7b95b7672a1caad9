"""Hyperparameter search: equal budgets, continuation, and validation data only."""

import json
import logging
import shutil
import sys
from dataclasses import replace

import pytest
import yaml
from made_runs import result_of

from recbole_iacn.cli import main
from recbole_iacn.errors import ConfigError
from recbole_iacn.experiments import studies
from recbole_iacn.experiments.plan import read_plan
from recbole_iacn.experiments.search import first_runs, search
from recbole_iacn.experiments.store import result_path

SPACE = {"learning_rate": {"low": 0.001, "high": 0.1, "log": True}, "iacn_lambda": {"choices": [0.5, 2]}}


@pytest.fixture
def file(tmp_path, data_path, settings):
    own = settings(data_path=..., show_progress=..., state=..., seed=...)
    content = {
        "data_path": str(data_path),
        "datasets": ["tiny"],
        "models": ["FM"],
        "modes": [False, "full"],
        "seeds": [3, 4],
        "search": SPACE,
        "settings": own,
    }
    (tmp_path / "trial.yaml").write_text(yaml.safe_dump({**content, "sweep": {"iacn_delta": [0, 1]}}))
    return tmp_path / "trial.yaml"


@pytest.fixture
def trained(monkeypatch):
    """Replaces training by a score that is higher the nearer the rate is to .01, and slightly higher with lambda 2."""
    seen = []

    def train(run, data_path, after_epoch):
        rate = run.settings["learning_rate"]
        value = 1 - abs(rate - 0.01) + 0.001 * (run.settings.get("iacn_lambda") == 2)
        seen.append((run.mode, run.seed, run.settings))
        for epoch in range(3):
            after_epoch(epoch, value)
        return result_of(run, best=value, test={"auc": -1.0})

    monkeypatch.setattr(studies, "train", train)
    return seen


@pytest.mark.slow
def test_every_mode_has_the_same_budget_and_its_own_settings(file, tmp_path, trained):
    plan = read_plan(file)
    rules = search(plan, plan.space, tmp_path / "out", trials=8, report=lambda line: None)
    assert [mode for mode, _, _ in trained] == ["off"] * 8 + ["full"] * 8
    assert {seed for _, seed, _ in trained} == {3}
    assert all(("iacn_lambda" in given) == (mode == "full") for mode, _, given in trained)
    assert all("iacn_delta" not in given for _, _, given in trained)
    assert [set(rule["settings"]) for rule in rules] == [{"learning_rate"}, {"learning_rate", "iacn_lambda"}]
    assert yaml.safe_load((tmp_path / "out" / "best.yaml").read_text()) == {"only": rules}
    for mode, rule in zip(("off", "full"), rules):
        tried = [given["learning_rate"] for one, _, given in trained if one == mode]
        assert abs(rule["settings"]["learning_rate"] - 0.01) <= min(abs(rate - 0.01) for rate in tried) + 0.0011


@pytest.mark.slow
def test_the_first_trial_has_the_settings_without_a_search(file, tmp_path, trained):
    plan = read_plan(file)
    space = {**SPACE, "iacn_delta": {"low": 0.2, "high": 0.9}, "iacn_interests": {"choices": [1, 2]}}
    search(plan, space, tmp_path / "out", trials=2, report=lambda line: None)
    firsts = [trained[0][2], trained[2][2]]
    assert [one["learning_rate"] for one in firsts] == [0.001, 0.001]  # RecBole's default
    assert firsts[1]["iacn_delta"] == 0.3  # our default; those of lambda and K, 1 and 4, are not among the choices


@pytest.mark.slow
def test_every_column_has_the_same_budget_and_its_own_settings(file, tmp_path, trained):
    content = yaml.safe_load(file.read_text())
    columns = {"off": {"iacn_mode": "off"}, "one": {"iacn_lambda": 1}, "routing": {}}
    space = {**SPACE, "iacn_interests": {"choices": [1, 2, 4], "columns": ["routing"]}}
    del content["modes"], content["sweep"]
    file.write_text(yaml.safe_dump({**content, "columns": columns, "search": space}, sort_keys=False))
    plan, lines = read_plan(file), []
    rules = search(plan, plan.space, tmp_path / "out", trials=5, report=lines.append)
    assert [rule["when"] for rule in rules] == [
        {"dataset": "tiny", "model": "FM", "column": column} for column in ("off", "one", "routing")
    ]
    assert [list(rule["settings"]) for rule in rules] == [
        ["learning_rate"],
        ["learning_rate"],
        ["learning_rate", "iacn_lambda", "iacn_interests"],
    ]
    assert [mode for mode, _, _ in trained] == ["off"] * 5 + ["full"] * 10
    assert {given["iacn_lambda"] for _, _, given in trained[5:10]} == {1}
    assert lines[0] == "search: iacn_lambda: is not searched where the column sets it: one"
    tried = [json.loads(line) for line in (tmp_path / "out" / "trials.jsonl").read_text().splitlines()]
    assert [one["column"] for one in tried] == ["off"] * 5 + ["one"] * 5 + ["routing"] * 5
    file.write_text(file.read_text() + yaml.safe_dump({"only": rules}, sort_keys=False))
    rates = {run.column: run.settings["learning_rate"] for run in read_plan(file).runs}
    assert rates == {rule["when"]["column"]: rule["settings"]["learning_rate"] for rule in rules}


@pytest.mark.slow
def test_an_interrupted_search_is_continued(file, tmp_path, trained):
    plan = read_plan(file)
    search(plan, plan.space, tmp_path / "out", trials=2, report=lambda line: None)
    assert len(trained) == 4
    search(plan, plan.space, tmp_path / "out", trials=3, report=lambda line: None)
    assert len(trained) == 6


@pytest.mark.slow
def test_the_best_settings_can_be_added_to_the_experiments_file(file, tmp_path, trained):
    plan = read_plan(file)
    rules = search(plan, plan.space, tmp_path / "out", trials=2, report=lambda line: None)
    file.write_text(file.read_text() + yaml.safe_dump({"only": rules}))
    rates = {run.mode: run.settings["learning_rate"] for run in read_plan(file).runs}
    assert rates == {rule["when"]["mode"]: rule["settings"]["learning_rate"] for rule in rules}


@pytest.mark.slow
def test_poor_trials_end_early(file, tmp_path, monkeypatch):
    """From the fourth trial on, a trial below the median of the others at the fourth epoch is ended."""
    lengths = []

    def train(run, data_path, after_epoch):
        lengths.append(0)
        for epoch in range(10):
            lengths[-1] += 1
            after_epoch(epoch, 1.0 / len(lengths))  # each trial is worse than the one before
        return result_of(run, best=1.0 / len(lengths))

    monkeypatch.setattr(studies, "train", train)
    plan = read_plan(file)
    search(plan, plan.space, tmp_path / "out", trials=5, report=lambda line: None)
    assert lengths[:3] == [10, 10, 10] and max(lengths[3:5]) < 10


@pytest.mark.slow
def test_second_stages_are_not_compared_with_first_ones(file, tmp_path, monkeypatch, recwarn):
    """The fourth trial is the best in its first stage, but worse than all in its second stage, which is longer."""
    lengths = []

    def train(run, data_path, after_epoch):
        lengths.append(0)
        for epoch, score in [
            *((epoch, 0.1 * len(lengths)) for epoch in range(4)),
            *((epoch, 0.0) for epoch in range(9)),
        ]:
            lengths[-1] += 1
            after_epoch(epoch, score)
        return result_of(run, best=0.5)

    monkeypatch.setattr(studies, "train", train)
    plan = read_plan(file)
    search(plan, plan.space, tmp_path / "out", trials=4, report=lambda line: None)
    assert lengths == [13] * 8
    assert not [one for one in recwarn if "already reported" in str(one.message)]


@pytest.mark.slow
def test_a_search_leaves_the_log_as_it_was(file, tmp_path, trained, caplog):
    """Optuna's database sets logging up anew; warnings of ours would no longer be seen."""
    logger, handlers = logging.getLogger("recbole_iacn.serving.queries"), list(logging.getLogger().handlers)
    plan = read_plan(file)
    search(plan, plan.space, tmp_path / "out", trials=1, report=lambda line: None)
    assert not logger.disabled and logging.getLogger().handlers == handlers
    logger.warning("heard")
    assert "heard" in caplog.text


def test_few_choices_are_all_tried_without_optuna(file, tmp_path, monkeypatch):
    """Finished trials are not repeated; here all trials have results, with made-up scores."""
    monkeypatch.setitem(sys.modules, "optuna", None)
    file.write_text(file.read_text().replace("seeds:", "divergence: 5\nseeds:"))
    plan = read_plan(file)
    space = {"learning_rate": {"choices": [0.001, 0.01]}, "iacn_delta": {"choices": [0.3, 0.5]}}
    scores = {
        "off": {(0.001,): 0.7, (0.01,): 0.7},
        "full": {(0.001, 0.3): 0.6, (0.001, 0.5): 0.5, (0.01, 0.3): 0.4, (0.01, 0.5): 0.8},
    }
    folder = tmp_path / "out"
    (folder / "runs").mkdir(parents=True)
    for run in first_runs(plan):
        assert run.divergence == 5  # otherwise the experiment would reuse a result without a divergence
        for values, best in scores[run.mode].items():
            one = replace(run, settings={**run.settings, **dict(zip(space, values))})
            result_path(folder, one).write_text(json.dumps(result_of(one, best=best)))
    lines = []
    rules = search(plan, space, folder, trials=4, report=lines.append)
    assert [rule["settings"] for rule in rules] == [
        {"learning_rate": 0.001},  # the first of equal ones
        {"learning_rate": 0.01, "iacn_delta": 0.5},
    ]
    assert yaml.safe_load((folder / "best.yaml").read_text()) == {"only": rules}
    assert lines[0] == "tiny FM off: 0.7000 by {'learning_rate': 0.001}, 3 epochs"
    assert "tiny FM full: best 0.8000 by {'learning_rate': 0.01, 'iacn_delta': 0.5}" in lines
    assert (
        lines[-1]
        == "tiny FM full: the best iacn_delta, 0.5, lies at the upper end of the choices 0.3, 0.5; widen the space"
    )
    tried = [json.loads(line) for line in (folder / "trials.jsonl").read_text().splitlines()]
    assert [one["best"] for one in tried[:2]] == [0.7, 0.7] and len(tried) == 6
    with pytest.raises(ConfigError, match="needs Optuna"):
        search(plan, space, folder, trials=3)


def test_an_interrupted_grid_search_keeps_its_trials(file, tmp_path, monkeypatch, capsys):
    """It is continued from there, even in a fresh clone, which contains only trials.jsonl. The scores are made up."""
    content = yaml.safe_load(file.read_text())
    space = {"learning_rate": {"choices": [0.001, 0.01]}}
    file.write_text(yaml.safe_dump({**content, "modes": ["full"], "search": space}))
    folder, tried = tmp_path / file.stem, []

    def by_processes(jobs):
        def call(function, tasks):
            for task in tasks:
                if len(tried) == 1:
                    tried.append("interrupted")
                    raise KeyboardInterrupt
                tried.append(task.run.settings["learning_rate"])
                yield task, (json.dumps(result_of(task.run, best=tried[-1])), None), None

        return call

    monkeypatch.setattr("recbole_iacn.experiments.grid.by_processes", by_processes)
    monkeypatch.setattr("recbole_iacn.experiments.plan_checks.check_data", lambda plan: None)
    command = ["search", str(file), "--trials", "2", "--out", str(tmp_path)]
    with pytest.raises(SystemExit, match="130"):
        main(command)
    assert capsys.readouterr().err.endswith(f"interrupted; {folder} has 1 of 2 trials; the same command goes on\n")
    assert len((folder / "trials.jsonl").read_text().splitlines()) == 1
    shutil.rmtree(folder / "runs")
    main([*command, "--reuse"])
    first, _, second = tried
    assert {first, second} == {0.001, 0.01}
    assert yaml.safe_load((folder / "best.yaml").read_text())["only"][0]["settings"] == {"learning_rate": 0.01}


@pytest.mark.slow
def test_an_experiment_reuses_a_trial(tmp_path, settings, data_path):
    """With real trainings: after a search over two choices, an experiment with the better one does not repeat its
    first seed."""
    own = settings(epochs=1, learning_rate=0.01, data_path=..., show_progress=..., state=..., seed=...)
    content = {
        "data_path": str(data_path),
        "datasets": ["tiny"],
        "models": ["FM"],
        "modes": ["full"],
        "seeds": [1],
        "search": {"learning_rate": {"choices": [0.001, 0.01]}},
    }
    file = tmp_path / "few.yaml"
    file.write_text(yaml.safe_dump({**content, "settings": own}))
    main(["search", str(file), "--trials", "2", "--jobs", "2", "--out", str(tmp_path)])
    runs = tmp_path / "few" / "runs"
    trials = {path: path.read_bytes() for path in runs.iterdir()}
    assert len(trials) == 2
    (rule,) = yaml.safe_load((tmp_path / "few" / "best.yaml").read_text())["only"]
    bests = {json.loads(path.read_text())["settings"]["learning_rate"]: path for path in runs.iterdir()}
    chosen = json.loads(bests[rule["settings"]["learning_rate"]].read_text())["best"]
    assert chosen == max(json.loads(text)["best"] for text in trials.values())
    file.write_text(yaml.safe_dump({**content, "settings": {**own, **rule["settings"]}}))
    main(["experiment", str(file), "--out", str(tmp_path)])
    assert {path: path.read_bytes() for path in runs.iterdir()} == trials


@pytest.mark.slow
def test_trials_that_fail_are_named(file, tmp_path):
    plan = read_plan(file)
    with pytest.raises(ConfigError, match=r"2 trials failed, see .*\.error"):
        search(
            plan, {"normalize_field": {"choices": [["nowhere"]]}}, tmp_path / "out", trials=1, report=lambda line: None
        )
    assert not (tmp_path / "out" / "best.yaml").exists()


def test_first_runs_have_one_seed_and_no_swept_settings(file):
    runs = first_runs(read_plan(file))
    assert [(run.mode, run.seed, run.sweep) for run in runs] == [("off", 3, {}), ("full", 3, {})]


def test_a_metric_to_be_minimized_is_rejected(file, tmp_path):
    plan = read_plan(file)
    plan.runs[0].settings["valid_metric"] = "LogLoss"
    with pytest.raises(ConfigError, match="lower values of LogLoss are better"):
        search(plan, plan.space, tmp_path / "out", 1)


@pytest.mark.slow
def test_the_command_trains_models(tmp_path, settings, data_path):
    own = settings(epochs=2, data_path=..., show_progress=..., state=..., seed=...)
    content = {
        "datasets": ["tiny"],
        "models": ["FM"],
        "modes": ["width", "full"],
        "seeds": [1],
        "search": SPACE,
        "settings": own,
    }
    (tmp_path / "real.yaml").write_text(yaml.safe_dump({**content, "settings": own}))
    command = ["search", str(tmp_path / "real.yaml"), "--data_path", str(data_path), "--trials", "2"]
    main([*command, "--out", "out"])
    best = yaml.safe_load((tmp_path / "out" / "real" / "best.yaml").read_text())
    assert [rule["when"]["mode"] for rule in best["only"]] == ["width", "full"]
    main([*command, "--jobs", "2", "--out", "beside"])
    assert yaml.safe_load((tmp_path / "beside" / "real" / "best.yaml").read_text()) == best
