"""Named columns of an experiment's file, and which of them are compared."""

import pytest

from recbole_iacn.cli import main
from recbole_iacn.errors import ConfigError
from recbole_iacn.experiments.plan import read_plan
from recbole_iacn.experiments.plan_checks import check_runs

COLUMNS = {"off": {"iacn_mode": "off"}, "k1": {"iacn_interests": 1}, "routing": {}}


def runs_of(path):
    return {run.of: run for run in read_plan(path).runs}


def test_columns_in_yaml_as_people_write_it(tmp_path):
    """off stands without quotes, as a name and as a mode; an empty column is the whole model."""
    path = tmp_path / "mine.yaml"
    path.write_text(
        "datasets: [tiny]\nmodels: [DIN, MIND]\nseeds: [1]\n"
        "columns:\n  off: {iacn_mode: off}\n  k1: {iacn_interests: 1}\n  routing:\n"
        "compare: {routing: [off, k1], k1: off}\n"
    )
    plan = read_plan(path)
    assert [(run.model, run.column, run.mode) for run in plan.runs] == [
        ("DIN", "off", "off"),
        ("DIN", "k1", "full"),
        ("DIN", "routing", "full"),
        ("MIND", "", ""),
    ]
    assert [run.settings for run in plan.runs] == [
        {"iacn_mode": "off", "seed": 1},
        {"iacn_mode": "full", "iacn_interests": 1, "seed": 1},
        {"iacn_mode": "full", "seed": 1},
        {"seed": 1},
    ]
    assert plan.compare == (("routing", "off"), ("routing", "k1"), ("k1", "off"))
    assert plan.runs[1].title == "DIN k1 on tiny, seed 1"


def test_a_column_is_a_label_of_a_run(file):
    """Runs of a file with modes serve one with columns, and the other way round."""
    moded = read_plan(file(modes=["off", "full"], settings={"epochs": 2}))
    named = read_plan(file(columns={"plain": {"iacn_mode": "off"}, "task": {}}, settings={"epochs": 2}))
    assert [run.id for run in moded.runs] == [run.id for run in named.runs]


def test_a_rule_for_many_runs_does_not_change_what_a_column_is(file):
    """Later rules override earlier ones, but only a rule that names the column overrides its own settings."""
    rules = [
        {"when": {"column": ["k1", "off"]}, "settings": {"learning_rate": 0.1}},
        {"when": {"dataset": "tiny"}, "settings": {"iacn_interests": 8, "learning_rate": 0.2}},
        {"when": {"column": "routing"}, "settings": {"iacn_interests": 2}},
        {"when": {"mode": "off"}, "settings": {"dropout_prob": 0.5}},
    ]
    runs = runs_of(file(columns=COLUMNS, only=rules, seeds=[1]))
    assert {name: run.settings.get("iacn_interests") for name, run in runs.items()} == {"off": 8, "k1": 1, "routing": 2}
    rates = {name: run.settings.get("learning_rate") for name, run in runs.items()}
    assert rates == {"off": 0.1, "k1": 0.1, "routing": 0.2}
    assert [name for name, run in runs.items() if "dropout_prob" in run.settings] == ["off"]


def test_the_upper_files_columns_are_all_columns(file):
    rules = [{"when": {"column": "k1"}, "settings": {"epochs": 9}}]
    file("low.yaml", columns=COLUMNS, compare=[["routing", "k1"]], only=rules)
    upper = dict.fromkeys(["datasets", "models", "seeds"], ...)
    same = read_plan(file(**upper, base="low.yaml", compare=[["k1", "off"]]))
    assert list(same.columns) == list(COLUMNS) and same.compare == (("k1", "off"),)
    other = read_plan(file(**upper, base="low.yaml", columns={"width": {"iacn_mode": "width"}, "k1": {}}))
    assert list(other.columns) == ["width", "k1"] and other.compare is None
    assert {run.settings.get("epochs") for run in other.runs if run.column == "k1"} == {9}
    moded = read_plan(file(**upper, base="low.yaml", modes=["full"]))
    assert {run.of for run in moded.runs} == {"full"} and moded.columns == {} and moded.compare is None
    file("modes.yaml", modes=["off", "full"])
    assert list(runs_of(file(**upper, base="modes.yaml", columns=COLUMNS))) == list(COLUMNS)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"columns": ["off"]}, "columns: must be a dict, got ['off']"),
        ({"columns": {}}, "columns: is empty; name at least one, such as routing: {}"),
        ({"columns": COLUMNS, "modes": ["off"]}, "columns: the file has modes, too; leave one of them out"),
        ({"columns": {1: {}}}, "columns: a name must be text of letters, digits and _ . + = -, at most 40, and begin"),
        ({"columns": {True: {}}}, "with a letter or a digit, got True; put a number, and a word such as on or yes"),
        ({"columns": {"a:b": {}}}, "got 'a:b'"),
        ({"columns": {"-a": {}}}, "got '-a'"),
        ({"columns": {"a" * 41: {}}}, "at most 40, and begin with a letter or a digit, got 'aaa"),
        ({"columns": {"a": [1]}}, "columns: a: must be a dict of settings, got [1]"),
        ({"columns": {"a": {"iacn_lamda": 1}}}, "iacn_lamda: no such setting"),
        ({"columns": {"a": {"seed": 1}}}, "columns: a: seed: is the same for all; give the file's key seeds"),
        ({"columns": {"a": {"model": "DIEN"}}}, "columns: a: model: is the same for all; give the file's key models"),
        ({"columns": {"a": {"iacn_mode": "ful"}}}, "columns: a: iacn_mode: must be off, width or full, got 'ful'"),
        ({"columns": {"a": {}, "b": {}}}, "columns: a and b have the same settings for WideDeep on tiny; leave one"),
        ({"columns": {"a": {}, "b": {"iacn_interests": 4}}}, "columns: a and b have the same settings for WideDeep on"),
        ({"columns": COLUMNS, "models": ["SASRec"]}, "columns: SASRec has no columns; these models have: "),
        (
            {"columns": COLUMNS, "sweep": {"iacn_interests": [1, 2]}},
            "sweep: iacn_interests: is set by column k1; leave it out of one of them",
        ),
        ({"columns": COLUMNS, "compare": 3}, "compare: must be a list of pairs such as [[routing, mean]], or a dict"),
        ({"columns": COLUMNS, "compare": [["k1"]]}, "compare: must be a list of pairs"),
        ({"columns": COLUMNS, "compare": [["k1", "of"]]}, "compare: there is no 'of'. Did you mean 'off'? There are: "),
        ({"columns": COLUMNS, "compare": [["k1", "k1"]]}, "compare: k1 is compared with itself; name two columns"),
        ({"columns": COLUMNS, "compare": {"k1": ["off", "off"]}}, "compare: k1 is compared with off twice"),
        ({"modes": ["off", "full"], "compare": [["full", "width"]]}, "compare: there is no 'width'. There are: off, "),
        (
            {"columns": COLUMNS, "only": [{"when": {"column": "k2"}, "settings": {}}]},
            "only: when: column: there is no 'k2'. Did you mean 'k1'? There are: off, k1, routing",
        ),
        (
            {"only": [{"when": {"column": "off"}, "settings": {}}]},
            "only: when: column: the file has no columns; give mode",
        ),
    ],
)
def test_wrong_columns_are_rejected_in_one_line(file, changes, message):
    with pytest.raises(ConfigError) as error:
        read_plan(file(**changes))
    assert message in str(error.value) and "\n" not in str(error.value) and "trial.yaml" in str(error.value)


def test_a_wrong_value_in_a_column_names_the_column(file):
    path = file(columns={"bad": {"iacn_interests": 0}})
    with pytest.raises(ConfigError, match=r"trial\.yaml: WideDeep bad on tiny: iacn_interests: must be"):
        check_runs(read_plan(path, "nowhere"))


def test_the_plan_is_listed_by_columns(file, tmp_path, capsys):
    path = file(columns=COLUMNS, seeds=[1], data_path=str(tmp_path))
    main(["experiment", str(path), "--plan", "--out", str(tmp_path / "out")])
    assert capsys.readouterr().out.splitlines() == [f"to do  WideDeep {name} on tiny, seed 1" for name in COLUMNS]
