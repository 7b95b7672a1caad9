"""A report says what its runs were trained with, each setting once, of the most runs that share it."""

import pytest
from made_runs import result

from recbole_iacn.report.settings_table import settings_cells


def run(model, dataset="Beauty", mode="", column=None, sweep=None, seed=1, **settings):
    return result(model, mode, seed, dataset=dataset, column=column, sweep=sweep, settings={**settings, "seed": seed})


def test_what_all_share_comes_first_then_what_is_a_models_own():
    runs = [run("MIND", topk=[5, 10], epochs=9), run("REMI", topk=[5, 10], epochs=9, interest_diversity="none")]
    assert settings_cells(runs) == (
        ["dataset", "model", "settings"],
        [["all", "all", "epochs: 9; topk: [5, 10]"], ["all", "REMI", "interest_diversity: none"]],
    )


def test_what_a_dataset_has_of_its_own_is_said_once_for_all_of_its_models():
    lengths = {"Beauty": 20, "ml-1m": 50}
    runs = [run(model, dataset, L=length) for dataset, length in lengths.items() for model in ("MIND", "REMI")]
    runs[3]["settings"]["K"] = 8
    assert settings_cells(runs)[1] == [
        ["Beauty", "all", "L: 20"],
        ["ml-1m", "all", "L: 50"],
        ["ml-1m", "REMI", "K: 8"],
    ]


def test_columns_have_their_settings_and_modes_are_not_said_twice():
    columns = {"plain": {"iacn_mode": "off"}, "K1": {"iacn_mode": "full", "iacn_interests": 1}}
    runs = [run("DIN", mode=own["iacn_mode"], column=name, **own) for name, own in columns.items()]
    assert settings_cells(runs) == (
        ["dataset", "model", "column", "settings"],
        [["all", "all", "plain", "iacn_mode: off"], ["all", "all", "K1", "iacn_interests: 1; iacn_mode: full"]],
    )
    moded = [run("DIN", mode=mode, iacn_mode=mode, epochs=2) for mode in ("off", "full")]
    assert settings_cells(moded) == (["dataset", "model", "mode", "settings"], [["all", "all", "all", "epochs: 2"]])


def test_values_that_differ_in_one_row_of_the_other_tables_are_all_there():
    """As where runs of two experiments lie in one folder; a setting that a run lacks has its default there."""
    runs = [run("DIN", rate=0.1, K=4), run("DIN", rate=0.3, seed=2), run("FM")]
    assert settings_cells(runs)[1] == [["Beauty", "DIN", "K: 4 or its default; rate: 0.1 or 0.3"]]


def test_seeds_and_swept_settings_are_left_out():
    runs = [run("DIN", sweep={"K": value}, K=value, seed=value, epochs=3) for value in (1, 2)]
    assert settings_cells(runs)[1] == [["all", "all", "epochs: 3"]]
    assert settings_cells([run("DIN", sweep={"K": 1}, K=1)]) is None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (None, "null"),
        (1e-6, "1e-06"),
        ("[5,inf)", "[5,inf)"),
        ({"inter": ["a", "b"]}, "{inter: [a, b]}"),
        (["é|"], "[é|]"),
    ],
)
def test_values_are_written_as_in_a_file_in_one_line(value, text):
    assert settings_cells([run("DIN", name=value)])[1] == [["all", "all", f"name: {text}"]]


def test_the_results_are_not_changed():
    one = run("DIN", epochs=2)
    before = dict(one["settings"])
    settings_cells([one])
    assert one["settings"] == before
