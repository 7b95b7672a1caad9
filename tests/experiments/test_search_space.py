"""The space of a search: its form, which of it is for whom, and optima on its edge."""

import pytest

from recbole_iacn.errors import ConfigError
from recbole_iacn.experiments.plan import read_plan
from recbole_iacn.experiments.search_space import check_space, left_out, on_edge, own_space

COLUMNS = {"off": {"iacn_mode": "off"}, "k1": {"iacn_interests": 1}, "routing": {}}
SPACE = {
    "learning_rate": {"low": 0.001, "high": 0.1, "log": True},
    "iacn_lambda": {"choices": [0.5, 2]},
    "iacn_interests": {"choices": [1, 2, 4]},
    "iacn_power": {"low": 1.0, "high": 30.0, "columns": ["routing"]},
}


@pytest.fixture
def plan(file):
    return read_plan(file(models=["DIN", "MIND"], columns=COLUMNS, seeds=[1]))


def test_settings_are_searched_where_they_belong(plan):
    """The task's in mode full, a column's own nowhere, and those of named columns there."""
    found = {run.of: own_space(run, SPACE, plan.columns) for run in plan.runs}
    assert {name: list(own) for name, own in found.items()} == {
        "off": ["learning_rate"],
        "k1": ["learning_rate", "iacn_lambda"],
        "routing": list(SPACE),
        "": ["learning_rate"],
    }
    assert found["routing"]["iacn_power"] == {"low": 1.0, "high": 30.0}
    assert list(left_out(plan, SPACE)) == ["search: iacn_interests: is not searched where the column sets it: k1"]


def test_what_applies_to_no_run_is_reported(file):
    plan = read_plan(file(modes=["off"]))
    assert list(left_out(plan, {"iacn_lambda": {"choices": [1, 2]}})) == [
        "search: iacn_lambda: applies to no run of this file, and is not searched"
    ]


def test_columns_of_a_base_may_be_named(file):
    """So a file with fewer columns need not repeat the space."""
    file("low.yaml", columns=COLUMNS, search=SPACE)
    plan = read_plan(file(base="low.yaml", columns={"off": COLUMNS["off"], "k1": COLUMNS["k1"]}))
    check_space(plan.space, plan)
    assert "search: iacn_power: applies to no run of this file, and is not searched" in list(left_out(plan, SPACE))


@pytest.mark.parametrize(
    ("key", "names", "message"),
    [
        ("iacn_power", "routing", "columns: must be a list of columns, got 'routing'"),
        ("iacn_power", [], "columns: must be a list of columns, got []"),
        (
            "iacn_power",
            ["routin"],
            "columns: there is no 'routin'. Did you mean 'routing'? There are: off, k1, routing",
        ),
        ("iacn_power", [False], "columns: off has iacn_mode off, which has no task; leave off out"),
        ("iacn_interests", ["k1"], "columns: k1 has a value of its own; leave it out there, or k1 out here"),
    ],
)
def test_wrong_columns_of_a_space_are_rejected(plan, key, names, message):
    with pytest.raises(ConfigError) as error:
        check_space({key: {"choices": [1, 2], "columns": names}}, plan)
    assert str(error.value) == f"search: {key}: {message}"


@pytest.mark.parametrize(
    ("what", "value", "line"),
    [
        # .001 to .1 by ratio: the lower twentieth ends at .001 x 100 ** .05 = .001259
        ({"low": 0.001, "high": 0.1, "log": True}, 0.00125, "lower end of 0.001 to 0.1; widen the space"),
        ({"low": 0.001, "high": 0.1, "log": True}, 0.00127, None),
        ({"low": 0.001, "high": 0.1, "log": True}, 0.08, "upper end of 0.001 to 0.1; widen the space"),
        ({"low": 0.0, "high": 1.0}, 0.04, "lower end of 0.0 to 1.0; the setting itself ends there"),
        ({"low": 0.0, "high": 1.0}, 0.06, None),
        ({"choices": [0.1, 0.5, 0.02]}, 0.1, None),
        ({"choices": [0.1, 0.5, 0.02]}, 0.02, "lower end of the choices 0.1, 0.5, 0.02; widen the space"),
        ({"choices": [0.1]}, 0.1, None),
    ],
)
def test_an_optimum_on_the_edge_is_reported(plan, what, value, line):
    run = plan.runs[2]
    said = list(on_edge(run, {"learning_rate": what}, {"learning_rate": value}))
    assert said == ([f"tiny DIN routing: the best learning_rate, {value:.4g}, lies at the {line}"] if line else [])


def test_whole_numbers_and_words_on_the_edge(plan):
    """Below one interest there is nothing, so that end cannot be moved; words have no order."""
    run = plan.runs[2]
    space = {"iacn_interests": {"choices": [1, 2, 4]}, "iacn_attention": {"choices": ["pow", "scale"]}}
    (line,) = on_edge(run, space, {"iacn_interests": 1, "iacn_attention": "pow"})
    assert line.endswith(
        "the best iacn_interests, 1, lies at the lower end of the choices 1, 2, 4; the setting itself ends there"
    )
    (line,) = on_edge(run, space, {"iacn_interests": 4, "iacn_attention": "pow"})
    assert line.endswith("upper end of the choices 1, 2, 4; widen the space")
    (line,) = on_edge(run, {"train_batch_size": {"low": 1, "high": 100}}, {"train_batch_size": 99})
    assert line.endswith("the best train_batch_size, 99, lies at the upper end of 1 to 100; widen the space")


@pytest.mark.parametrize(
    ("space", "message"),
    [
        (None, "the file has no settings to search"),
        ({"learning_rte": {"low": 0, "high": 1}}, "learning_rte: no such setting"),
        ({"learning_rate": [0.1, 0.2]}, "learning_rate: must be {low, high, log} or {choices"),
        ({"learning_rate": {"low": 1}}, "learning_rate: must be"),
        ({"learning_rate": {"low": -1, "high": 1}}, "search: learning_rate: must be a number > 0, got -1"),
        ({"iacn_loss": {"choices": ["bpr", "bbr"]}}, "search: iacn_loss: must be sampled_softmax or bpr, got 'bbr'"),
        ({"eval_negatives": {"choices": [10, 100]}}, "search: eval_negatives: decides the test"),
        ({"seed": {"choices": [1, 2]}}, "search: seed: is what runs are told apart by, not a setting to search; leave"),
        ({"iacn_mode": {"choices": ["off", "full"]}}, "search: iacn_mode: is what runs are told apart by"),
        ({"learning_rate": {"low": 1, "high": 0.1}}, "low must be below high, got 1 and 0.1"),
    ],
)
def test_wrong_spaces_are_rejected(space, message):
    with pytest.raises(ConfigError) as error:
        check_space(space)
    assert message in str(error.value)


@pytest.mark.parametrize(
    "what, message",
    [
        ({"low": 0.1, "high": {"x": 1}}, r"learning_rate: high must be a number, got \{'x': 1\}"),
        ({"low": "0.1", "high": 1}, "learning_rate: low must be a number, got '0.1'"),
        ({"low": True, "high": 2}, "learning_rate: low must be a number, got True"),
        ({"low": 0.1, "high": float("inf")}, "learning_rate: high must be a number, got inf"),
        ({"low": float("nan"), "high": 1}, "learning_rate: low must be a number, got nan"),
        ({"low": 0.0, "high": 1, "log": True}, "learning_rate: a logarithmic range begins above 0, got low 0.0"),
        ({"low": 0.1, "high": 1, "log": 1}, "learning_rate: log must be true or false, got 1"),
        ({"choices": []}, "learning_rate: choices is empty; list the values to try"),
    ],
)
def test_a_range_that_is_none(what, message):
    with pytest.raises(ConfigError, match=f"^search: {message}"):
        check_space({"learning_rate": what})
