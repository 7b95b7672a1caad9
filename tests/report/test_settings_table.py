"""A report says what its runs were trained with, each setting once, of the most runs that share it."""

import pytest
import yaml
from made_runs import result

from recbole_iacn.report.settings_table import settings_cells


def run(model, dataset="Beauty", mode="", column=None, sweep=None, seed=1, **settings):
    return result(model, mode, seed, dataset=dataset, column=column, sweep=sweep, settings={**settings, "seed": seed})


def cells(runs, *names):
    return settings_cells(runs, names)[1]


def test_what_all_share_comes_first_then_what_is_a_models_own():
    runs = [run("MIND", topk=[5, 10], epochs=9), run("REMI", epochs=9, topk=[5, 10], interest_diversity="none")]
    assert settings_cells(runs) == (
        ["dataset", "model", "settings"],
        [["(all)", "(all)", "epochs: 9; topk: [5, 10]"], ["(all)", "REMI", "interest_diversity: none"]],
    )


def test_what_a_dataset_has_of_its_own_is_there_once_for_all_of_its_models():
    lengths = {"Beauty": 20, "ml-1m": 50}
    runs = [run(model, dataset, L=length) for dataset, length in lengths.items() for model in ("MIND", "REMI")]
    runs[3]["settings"]["K"] = 8
    assert cells(runs) == [
        ["(all)", "(all)", "–"],
        ["Beauty", "(all)", "L: 20"],
        ["ml-1m", "(all)", "L: 50"],
        ["ml-1m", "REMI", "K: 8"],
    ]


def test_pairs_come_after_what_they_are_made_of():
    """Of two models, datasets and columns each: ``a`` is the dataset's, ``b`` the model's, ``c`` the column's, and so
    on to ``f`` of the model's column."""
    runs = [
        run(m, d, mode="full", column=c, a=d, b=m, c=c, d=f"{d}{m}", e=f"{d}{c}", f=f"{m}{c}", g=f"{d}{m}{c}")
        for d in ("D", "E")
        for m in ("M", "N")
        for c in ("x", "y")
    ]
    found = cells(runs)
    rows = {("D", "(all)", "(all)"): "a: D", ("(all)", "M", "(all)"): "b: M", ("(all)", "(all)", "y"): "c: y"}
    rows |= {("E", "M", "(all)"): "d: EM", ("E", "(all)", "x"): "e: Ex", ("(all)", "N", "y"): "f: Ny"}
    rows |= {("E", "M", "y"): "g: EMy"}
    assert {tuple(row[:3]): row[3] for row in found if tuple(row[:3]) in rows} == rows and len(found) == 1 + 6 + 12 + 8
    levels = [tuple(name == "(all)" for name in row[:3]) for row in found]
    assert list(dict.fromkeys(levels)) == [
        (True, True, True),
        *[(False, True, True), (True, False, True), (True, True, False)],
        *[(False, False, True), (False, True, False), (True, False, False)],
        (False, False, False),
    ]


def test_columns_have_their_settings_in_the_order_of_the_report_and_modes_are_not_repeated():
    columns = {"plain": {"iacn_mode": "off"}, "K1": {"iacn_mode": "full", "iacn_interests": 1}}
    runs = [run("DIN", mode=own["iacn_mode"], column=name, **own) for name, own in columns.items()]
    assert settings_cells(runs, ["K1", "plain"]) == (
        ["dataset", "model", "column", "settings"],
        [
            ["(all)", "(all)", "(all)", "–"],
            ["(all)", "(all)", "K1", "iacn_interests: 1; iacn_mode: full"],
            ["(all)", "(all)", "plain", "iacn_mode: 'off'"],
        ],
    )
    moded = [run("DIN", mode=mode, iacn_mode=mode, epochs=2) for mode in ("off", "full")]
    assert settings_cells(moded) == (
        ["dataset", "model", "mode", "settings"],
        [["(all)", "(all)", "(all)", "epochs: 2"]],
    )


def test_a_model_without_modes_has_a_dash_beside_columns():
    runs = [run("DIN", mode="full", column="all", L=3), run("SASRec", L=3), run("SASRec", L=4, seed=2)]
    assert settings_cells(runs) == (
        ["dataset", "model", "column", "settings"],
        [
            ["(all)", "(all)", "(all)", "–"],
            ["(all)", "DIN", "(all)", "L: 3"],
            ["Beauty", "SASRec", "–", "L: 3 or L: 4"],
        ],
    )


def test_values_that_differ_in_one_row_of_the_other_tables_are_all_there():
    """As where runs of two experiments lie in one folder; a setting that a run lacks had its default."""
    runs = [run("DIN", rate=0.1, K=4), run("DIN", rate=0.3, seed=2), run("FM")]
    found = cells(runs)
    assert found == [
        ["(all)", "(all)", "–"],
        ["Beauty", "DIN", "K: 4 or K by default; rate: 0.1 or rate: 0.3"],
    ]


def test_seeds_and_swept_settings_are_left_out():
    runs = [run("DIN", sweep={"K": value, "L": 2}, K=value, L=2, seed=value, epochs=3) for value in (1, 2)]
    assert cells(runs) == [["(all)", "(all)", "epochs: 3"]]
    assert cells([run("DIN", sweep={"K": 1}, K=1)]) == cells([run("DIN")]) == [["(all)", "(all)", "–"]]


def test_what_is_swept_in_some_runs_has_no_default_in_the_others():
    """Two experiments in one folder, each of which sweeps what the other has set: no run had a default."""
    runs = [run("DIN", sweep={"K": 1}, K=1, L=20), run("DIN", sweep={"L": 9}, K=4, L=9)]
    assert cells(runs) == [["(all)", "(all)", "–"], ["Beauty", "DIN", "K: 4; L: 20"]]
    mixed = [run("DIN", mode="off", column="off", iacn_mode="off"), run("DIN", mode="off", iacn_mode="off")]
    assert cells(mixed)[1:] == [["Beauty", "DIN", "off", "iacn_mode: 'off'"]]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        ("true", "'true'"),
        (None, "null"),
        (1e-6, "1.0e-06"),
        ("[5,inf)", "'[5,inf)'"),
        ("a; b: 2", "'a; b: 2'"),
        ("", "''"),
        ({"inter": ["a", "b"]}, "{inter: [a, b]}"),
        (["é|"], "[é|]"),
        (["a_long_name_of_a_column"] * 9, f"[{', '.join(['a_long_name_of_a_column'] * 9)}]"),
        ([[1], [1]], "[[1], [1]]"),
    ],
)
def test_values_are_yaml_in_one_line(value, text):
    assert cells([run("DIN", name=value)]) == [["(all)", "(all)", f"name: {text}"]]
    assert yaml.safe_load(f"name: {text}") == {"name": value}


def test_a_list_that_stands_in_two_places_is_written_twice():
    both = [1, 2]
    assert cells([run("DIN", name={"a": both, "b": both})]) == [["(all)", "(all)", "name: {a: [1, 2], b: [1, 2]}"]]


def test_the_results_are_not_changed():
    one = run("DIN", epochs=2)
    before = dict(one["settings"])
    settings_cells([one])
    assert one["settings"] == before
