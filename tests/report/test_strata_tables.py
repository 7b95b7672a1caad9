"""Tables of the test by stratum."""

import json

from made_runs import ranked, result

from recbole_iacn.report.compared import Compared
from recbole_iacn.report.strata_tables import bounds_text, strata_cells, strata_sections
from recbole_iacn.report.writing import write_report


def stratum(low, high, auc, rows=40, gauc=0.5):
    return {"at_least": low, "at_most": high, "rows": rows, "clicks": 20, "users": 20, "auc": auc, "gauc": gauc}


def by_history(one, *aucs, rows=40):
    bounds = [(0, 5), (6, 10), (11, None)]
    strata = [stratum(*both, auc, rows) for both, auc in zip(bounds, aucs)]
    return {**one, "test_by": {"history": strata, "category": None}}


def results():
    """off and full over two seeds; the difference is .1 and .3 where histories are short, and .2 .2 where longer."""
    return [
        by_history(result(mode="off", seed=1), 0.6, 0.6, None),
        by_history(result(mode="off", seed=2), 0.6, 0.6, None),
        by_history(result(mode="full", seed=1), 0.7, 0.8, None),
        by_history(result(mode="full", seed=2), 0.9, 0.8, None, rows=42),
    ]


def test_modes_beside_each_other():
    heads, cells = strata_cells(results(), "history", "auc")
    assert heads == ["dataset", "model", "history", "rows", "users", "off", "full", "full − off", "p"]
    # Differences .1 and .3: mean .2, t = 2 with one degree of freedom, so that p = 1 - 2 atan(2) / pi = .295; those of
    # the second stratum do not vary, so that no p is known.
    assert cells == [
        ["Beauty", "DIN", "≤ 5", "40–42", "20", ".6000 ± .0000", ".8000 ± .1414", "+.2000", ".295"],
        ["Beauty", "DIN", "6–10", "40–42", "20", ".6000 ± .0000", ".8000 ± .0000", "+.2000", "–"],
        ["Beauty", "DIN", "> 10", "40–42", "20", "–", "–", "–", "–"],
    ]


def test_swept_values_beside_each_other():
    """In order of size, with the first as what the others are compared with."""
    some = [
        by_history(result(seed=seed, sweep={"iacn_interests": k}), 0.5 + k / 100, 0.5, 0.5)
        for k in (8, 1)
        for seed in (1, 2)
    ]
    heads, cells = strata_cells(some, "history", "auc")
    first, other = "iacn_interests 1", "iacn_interests 8"
    assert heads[5:] == [first, other, f"{other} − {first}", "p"]
    assert cells[0][5:8] == [".5100 ± .0000", ".5800 ± .0000", "+.0700"] and cells[1][7:] == ["+.0000", "1.000"]
    off = [by_history(result(mode="off", seed=seed, sweep={"iacn_interests": 1}), 0.5, 0.5, 0.5) for seed in (1, 2)]
    heads, cells = strata_cells([*some, *off], "history", "auc")
    assert heads[5:9] == ["off, iacn_interests 1", f"full, {first}", f"full, {other}", f"full, {first} − off, {first}"]
    assert len(heads) == 10 and cells[0][8] == "+.0100"  # nothing else has both modes


def test_shares_of_the_users_are_tests_of_their_own():
    """Their rows are not counted together, and none is compared with another."""
    some = [
        by_history(result(seed=seed, mode=mode, sweep={"user_share": share}), auc, 0.5, 0.5, rows=int(80 * share))
        for share in (1, 0.5)
        for mode, auc in (("off", 0.6), ("full", 0.5 + share / 5))
        for seed in (1, 2)
    ]
    heads, cells = strata_cells(some, "history", "auc")
    assert heads == ["dataset", "model", "user_share", "history", "rows", "users", "off", "full", "full − off", "p"]
    assert [line[2:5] for line in cells[::3]] == [["0.5", "≤ 5", "40"], ["1", "≤ 5", "80"]]
    assert [line[8] for line in cells[::3]] == ["+.0000", "+.1000"]
    alone = [one for one in some if one["mode"] == "full"]
    heads, cells = strata_cells(alone, "history", "auc")
    assert heads[6:] == ["full"] and [line[6] for line in cells[::3]] == [".6000 ± .0000", ".7000 ± .0000"]


def test_the_pairs_of_a_file():
    """Named columns in the file's order, with the differences that it asks for alone."""
    some = [
        {**by_history(result(seed=seed), auc, 0.5, 0.5), "column": name}
        for name, auc in (("mean", 0.7), ("last", 0.6), ("routing", 0.75))
        for seed in (1, 2)
    ]
    heads, cells = strata_cells(some, "history", "auc", Compared(("routing", "mean", "last"), (("routing", "mean"),)))
    assert heads[5:] == ["routing", "mean", "last", "routing − mean", "p"] and cells[0][8] == "+.0500"


def test_bounds_in_words():
    given = [(0, 0), (0, 5), (6, 10), (3, 3), (51, None), (1, None)]
    assert [bounds_text(*one) for one in given] == ["0", "≤ 5", "6–10", "3", "> 50", "> 0"]


def test_a_section_per_kind_and_metric():
    assert strata_sections([result(), {**result(), "test_by": None}]) == []
    by_kind = {**result(), "test_by": {"categories": [stratum(0, None, 0.7)], "category": "genre"}}
    sections = {title: text for title, text, _ in strata_sections([*results(), by_kind])}
    assert list(sections) == [f"Test {m} by {by}" for by in ("history", "categories") for m in ("AUC", "GAUC")]
    assert "before it, not cut to L. Mean" in sections["Test AUC by history"]
    assert "as the model sees it (genre; of several values" in sections["Test AUC by categories"]


def test_both_kinds_of_report_have_them(tmp_path):
    board = [by_history(ranked("SASRec", seed, 0.1), 0.7, 0.8, 0.9) for seed in (1, 2)]
    for place, some, row in (("modes", results(), "| 6–10 | 40–42 |"), ("board", board, "| Beauty | SASRec | ≤ 5 |")):
        (tmp_path / place).mkdir()
        (tmp_path / place / "runs.jsonl").write_text("".join(json.dumps({**x, "best": 0.5}) + "\n" for x in some))
        write_report(tmp_path / place)
        text = (tmp_path / place / "report.md").read_text()
        assert "## Test AUC by history" in text and row in text


def test_a_board_compares_the_pairs_of_the_file(tmp_path):
    """Where a model without modes stands beside the columns, their order and pairs are still those of the file."""
    some = [by_history(ranked("SASRec", seed, 0.1), 0.5, 0.5, 0.5) for seed in (1, 2)]
    for name, auc in (("mean", 0.6), ("routing", 0.7), ("last", 0.8)):
        of_name = [{**ranked("DIN", seed, 0.1), "mode": "full", "column": name} for seed in (1, 2)]
        some += [by_history(one, auc, 0.5, 0.5) for one in of_name]
    (tmp_path / "runs.jsonl").write_text("".join(json.dumps(one) + "\n" for one in some))
    named = {name: {} for name in ("routing", "mean", "last")}
    (tmp_path / "experiment.json").write_text(json.dumps({"columns": named, "compare": [["routing", "last"]]}))
    write_report(tmp_path)
    table = (tmp_path / "report.md").read_text().partition("## Test AUC by history")[2]
    assert "| routing | mean | last | result | routing − last | p |" in table
