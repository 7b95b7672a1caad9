"""Reading an experiment's file: every combination, rules, bases, and errors in a file."""

import json
from pathlib import Path

import pytest

from recbole_iacn.errors import ConfigError
from recbole_iacn.experiments.plan import Run, read_plan
from recbole_iacn.experiments.results import RUN_FIELDS

FILES = Path(__file__).parents[2] / "experiments"
PAGE = FILES.parent / "docs" / "experiments.md"


def test_a_plan_has_every_combination_ordered_by_seed(file):
    plan = read_plan(file(models=["DIN", "DIEN"], modes=[False, "full"], sweep={"iacn_delta": [0, 0.5]}))
    assert plan.name == "trial" and len(plan.runs) == 2 * 2 * 2 * 2
    assert [run.seed for run in plan.runs] == [1] * 8 + [2] * 8
    first = plan.runs[0]
    assert (first.model, first.mode, first.sweep) == ("DIN", "off", {"iacn_delta": 0})
    assert first.settings == {"iacn_delta": 0, "iacn_mode": "off", "seed": 1}
    assert first.title == "DIN off on tiny, iacn_delta 0, seed 1"


def test_rules_change_the_settings_of_some_runs(file):
    rules = [
        {"when": {"mode": [False, "width"]}, "settings": {"learning_rate": 0.01}},
        {"when": {"model": "DIN", "mode": "width"}, "settings": {"learning_rate": 0.02}},
    ]
    plan = read_plan(file(models=["DIN", "FM"], seeds=[1], settings={"learning_rate": 0.001}, only=rules))
    rates = {(run.model, run.mode): run.settings["learning_rate"] for run in plan.runs}
    assert rates == {
        ("DIN", "off"): 0.01,
        ("DIN", "width"): 0.02,
        ("DIN", "full"): 0.001,
        ("FM", "off"): 0.01,
        ("FM", "width"): 0.01,
        ("FM", "full"): 0.001,
    }


def test_a_runs_id_depends_on_all_that_may_change_its_result(file):
    def ids(**changes):
        return [run.id for run in read_plan(file(**changes)).runs]

    assert ids() == ids() == ids(data_path="elsewhere")
    assert len(set(ids())) == 6
    assert not set(ids()) & set(ids(settings={"learning_rate": 0.1}))
    assert ids(seeds=[1, 2, 3])[:6] == ids()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": ["DIN"]}, "trial.yaml: model: no such key. Did you mean 'models'"),
        ({"models": ["DINN"]}, "models: there is no 'DINN'. Did you mean 'DIN'"),
        ({"models": ...}, "models: must be a list, got None"),
        ({"seeds": 5}, "seeds: must be a list, got 5"),
        ({"seeds": [1, "2"]}, "seeds: must be a list of integers, got '2' in it"),
        ({"seeds": [True]}, "seeds: must be a list of integers, got True in it"),
        ({"datasets": [True]}, "datasets: must be a list of names, got True in it; put a number in quotes"),
        ({"datasets": ["tiny", {}]}, "datasets: must be a list of names, got {} in it"),
        ({"models": [["DIN"]]}, "models: must be a list of names, got ['DIN'] in it"),
        ({"data_path": ["x"]}, "data_path: must be the path of a folder, got ['x']"),
        ({"base": 1}, "base: must be the path of another such file, got 1"),
        ({"divergence": -1}, "divergence: must be a number of rows, 0 or more, got -1"),
        ({"divergence": True}, "divergence: must be a number of rows, 0 or more, got True"),
        ({"modes": ["both"]}, "modes: there is no 'both'"),
        ({"settings": {"learning_rte": 1}}, "learning_rte: no such setting"),
        ({"sweep": {"iacn_delta": 0.3}}, "iacn_delta: must be a list, got 0.3"),
        ({"sweep": {"iacn_dleta": [1]}}, "iacn_dleta: no such setting"),
        ({"only": [{"when": {"mode": "full"}}]}, "only: each entry has the keys when and settings"),
        ({"sweep": [1]}, "sweep: must be a dict, got [1]"),
        ({"settings": [1]}, "settings: must be a dict"),
        ({"only": {"a": 1}}, "only: must be a list"),
        ({"modes": "full"}, "modes: must be a list"),
        ({"search": 3}, "search: must be a dict"),
        ({"divergence": "all"}, "divergence: must be an int"),
        ({"settings": {"model": "DIN"}}, "model: is not a setting of the runs; give the file's key models"),
        ({"sweep": {"dataset": ["a"]}}, "dataset: is not a setting of the runs; give the file's key datasets"),
        ({"sweep": {"seed": [1]}}, "seed: is not a setting of the runs; give the file's key seeds"),
        ({"settings": {"iacn_mode": "full"}}, "iacn_mode: is not a setting of the runs; give the file's key modes"),
        ({"config_files": "a.yaml"}, "config_files: must be a list"),
        ({"config_files": [1]}, "config_files: must be a list of YAML files, got [1]"),
        ({"config_files": ["none.yaml"]}, "none.yaml: not found"),
        ({"models": ["SASRec"], "modes": ["full"]}, "modes: SASRec has no modes; these models have: "),
        ({"only": [{"when": "full", "settings": {}}]}, "only: when: must be a dict"),
        (
            {"only": [{"when": {"modes": "full"}, "settings": {}}]},
            "only: when: modes: no such key. There are: dataset, model, mode",
        ),
    ],
)
def test_a_wrong_file_is_rejected_in_one_line(file, changes, message):
    with pytest.raises(ConfigError) as error:
        read_plan(file(**changes))
    assert message in str(error.value) and "\n" not in str(error.value)


def test_a_file_overrides_its_base(file, tmp_path):
    rules = [{"when": {"mode": "full"}, "settings": {"iacn_delta": delta}} for delta in (0.1, 0.2)]
    file("low.yaml", settings={"epochs": 3, "learning_rate": 0.1}, modes=["full"], only=rules[:1])
    file(
        "middle.yaml",
        **dict.fromkeys(["datasets", "models", "seeds"], ...),
        base="low.yaml",
        settings={"epochs": 4},
        only=rules[1:],
    )
    plan = read_plan(file(models=["DIN"], datasets=..., seeds=..., base="middle.yaml", sweep={"iacn_lambda": [1]}))
    assert [(run.dataset, run.model, run.mode, run.seed) for run in plan.runs] == [
        ("tiny", "DIN", "full", 1),
        ("tiny", "DIN", "full", 2),
    ]
    expected = {"epochs": 4, "learning_rate": 0.1, "iacn_delta": 0.2, "iacn_lambda": 1, "iacn_mode": "full", "seed": 1}
    assert plan.runs[0].settings == expected and plan.name == "trial"


def test_modes_are_those_of_backbones_alone(file):
    plan = read_plan(file(models=["DIN", "MIND"], modes=["off", "full"], seeds=[1]))
    assert [(run.model, run.mode) for run in plan.runs] == [("DIN", "off"), ("DIN", "full"), ("MIND", "")]


def test_config_files_rank_below_the_files_own_settings(file, tmp_path):
    """As for train: beside the data < the file's config_files < the command's < settings, rules, sweep."""
    (tmp_path / "data" / "tiny").mkdir(parents=True)
    own = tmp_path / "data" / "tiny" / "tiny.yaml"
    own.write_text("epochs: 1\nlearning_rate: 0.1\nembedding_size: 1\nweight_decay: 0.1\ndata_path: nowhere\n")
    (tmp_path / "low.yaml").write_text("learning_rate: 0.2\nembedding_size: 2\nweight_decay: 0.2\ndata_path: data\n")
    (tmp_path / "high.yaml").write_text("embedding_size: 3\nweight_decay: 0.3\n")
    (tmp_path / "sub").mkdir()
    base = file("sub/base.yaml", config_files=["../low.yaml"], seeds=[1], modes=["off"], settings={"weight_decay": 0.4})
    path = file(models=..., datasets=..., seeds=..., base="sub/base.yaml")
    plan = read_plan(path, config_files=["high.yaml"])
    assert plan.data_path == "data" and plan.beside == ("data/tiny/tiny.yaml",)
    expected = {"epochs": 1, "learning_rate": 0.2, "embedding_size": 3, "weight_decay": 0.4}
    assert plan.runs[0].settings == {**expected, "seed": 1, "iacn_mode": "off"}
    without = read_plan(path, dataset_yaml=False)
    assert "epochs" not in without.runs[0].settings and without.beside == ()
    assert read_plan(base, data_path="nowhere").beside == ()


def test_a_config_files_wrong_key_names_the_file(file, tmp_path):
    (tmp_path / "low.yaml").write_text("epohcs: 1\n")
    with pytest.raises(ConfigError, match=r"epohcs: no such setting \(.*low\.yaml\)"):
        read_plan(file(config_files=["low.yaml"]))


def test_settings_beside_the_data_do_not_rename_runs_that_override_them(file, tmp_path):
    """prepare writes load_col, which the project's files set: their published runs keep their ids."""
    (tmp_path / "data" / "tiny").mkdir(parents=True)
    (tmp_path / "data" / "tiny" / "tiny.yaml").write_text("load_col: {inter: [user_id, item_id]}\n")
    path = file(settings={"load_col": {"inter": ["user_id", "item_id", "timestamp"]}})
    found, none = read_plan(path, data_path="data"), read_plan(path, data_path="nowhere")
    assert found.beside and not none.beside
    assert [run.id for run in found.runs] == [run.id for run in none.runs]


def test_an_invalid_base_is_rejected(file):
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: not found"):
        read_plan(file(base="nowhere.yaml"))
    file("other.yaml", base="trial.yaml")
    for base in ("trial.yaml", "other.yaml"):
        with pytest.raises(ConfigError, match=r"base: .*trial\.yaml has this file as its own base"):
            read_plan(file(base=base))


@pytest.mark.parametrize("name", ["table1", "delta", "lambda", "interests", "target"])
def test_the_projects_files_are_plans(name):
    plan = read_plan(FILES / f"{name}.yaml")
    assert {run.dataset for run in plan.runs} == {"Beauty", "Sports_and_Outdoors", "ml-100k", "Electronics", "Books"}
    assert {run.seed for run in plan.runs} == set(range(2020, 2025))
    rules = {run.dataset: run.settings.get("protocol") for run in plan.runs}
    assert (rules["Electronics"], rules["Books"], rules["Beauty"]) == ("din_electronics", "dien_books", None)
    some = read_plan(FILES / f"{name}.yaml", datasets=["Beauty"])
    assert {run.dataset for run in some.runs} == {"Beauty"} and len(some.runs) * 5 == len(plan.runs)


def test_the_ranking_files_are_plans():
    plan = read_plan(FILES / "multi_interest.yaml", datasets=["Beauty"])
    assert len(plan.runs) == 8 * 3 and {run.mode for run in plan.runs} == {""}
    rates = {run.model: run.settings["learning_rate"] for run in plan.runs}
    assert (rates["ComiRec"], rates["TiMiRecPlus"]) == (0.001, 0.0001)
    assert len(read_plan(FILES / "timirec_variants.yaml").runs) == 2 * 2 * 3 * 3


def test_every_file_is_a_plan():
    assert all(read_plan(path).runs for path in FILES.glob("*.yaml")) and len(list(FILES.glob("*.yaml"))) >= 11


@pytest.mark.parametrize("path", sorted(FILES.parent.glob("results/*/runs.jsonl")), ids=lambda path: path.parent.name)
def test_published_runs_are_recognised(path):
    """A run's name is a digest of its settings: what is read below them must not rename it."""
    ids = {run.id for run in read_plan(FILES / f"{path.parent.name}.yaml").runs}
    published = [json.loads(line) for line in path.read_text().splitlines()]
    assert {Run(**{key: one[key] for key in RUN_FIELDS}).id for one in published} <= ids


def test_the_tuned_file_has_settings_per_backbone_and_mode():
    plan = read_plan(FILES / "tuned.yaml", datasets=["Beauty"])
    rates = {(run.model, run.mode): run.settings["learning_rate"] for run in plan.runs}
    assert len(rates) == 9 and 0.001 not in rates.values()
    assert {run.mode for run in plan.runs if "iacn_delta" in run.settings} == {"full"}


def test_the_example_in_the_documentation_is_a_plan(tmp_path):
    """Two datasets x two backbones x two modes x three seeds x three values, based on one of the project's files."""
    (tmp_path / "table1.yaml").write_text((FILES / "table1.yaml").read_text())
    (tmp_path / "common.yaml").write_text("")
    (tmp_path / "mine.yaml").write_text(PAGE.read_text().split("```yaml\n")[1].split("```")[0])
    plan = read_plan(tmp_path / "mine.yaml")
    assert len(plan.runs) == 72 and plan.space == {"learning_rate": {"choices": [0.0003, 0.001]}}
    weights = {run.settings["iacn_lambda"] for run in plan.runs if run.dataset == "Beauty" and run.mode == "full"}
    assert weights == {0.5} and plan.runs[0].divergence == 200


def test_the_documentation_names_every_file_of_the_project():
    named = PAGE.read_text().split("## The files that are here")[1]
    for path in FILES.glob("*.yaml"):
        assert f"`{path.stem}`" in named, path
