"""Comparisons of swept values with the default, by hand."""

import pytest
from made_runs import result, swept

from recbole_iacn.report import sweeps, tables
from recbole_iacn.report.writing import sections_of


def test_comparison_with_the_default_by_hand():
    """With two degrees of freedom p = 1 - t / sqrt(t^2 + 2), two-sided: .0742 for t = 3.46, .0027 for 19.1."""
    pairs = sweeps.against_default(swept({0.5: (0.01, 0.02, 0.03), 1.0: (-0.010, -0.011, -0.012)}))
    assert [row.sweep[0][1] for row, _, _ in pairs] == [0.5, 1.0]
    assert [p for _, _, p in pairs] == pytest.approx([0.07418, 2 * 0.002744], rel=1e-3)
    heads, cells = sweeps.sweep_cells(pairs)
    assert heads[2:5] == ["iacn_delta", "pairs", "full − full at 0.3"]
    assert cells[0] == ["Beauty", "DIN", "0.5", "3", "+.0200", "2.0", ".074"]
    assert sweeps.sweep_verdict(pairs) == ["Worse than iacn_delta 0.3, p < .05: 1.0 (DIN on Beauty)."]


def test_better_and_equal_values_are_reported():
    better = sweeps.against_default(swept({"distilled": (0.010, 0.011, 0.012)}, "iacn_target", "label"))
    assert sweeps.sweep_verdict(better) == ["Better than iacn_target label, p < .05: distilled (DIN on Beauty)."]
    even = sweeps.against_default(swept({0.5: (0.01, -0.01, 0.0)}))
    assert sweeps.sweep_verdict(even) == ["No value is shown to be better or worse than iacn_delta 0.3."]


def test_without_the_default_there_is_no_comparison(results):
    assert sweeps.against_default(tables.rows_of(results)) == []
    assert sweeps.against_default(swept({0.5: (0.01,)}, base=0.4)) == []
    assert sweeps.sweep_verdict([]) == []
    assert "Beside the default" not in {title for title, *_ in sections_of(results, tables.rows_of(results))}


def test_what_histories_hold_is_compared_in_each_mode_and_metric():
    """Clicks are the default where there are labels: all loses .01, .02, .03 of AUC in mode off, none in full."""
    results = []
    for seed in (1, 2, 3):
        for mode in ("off", "full"):
            for rows, auc in (("clicks", 0.8), ("all", 0.8 - 0.01 * seed * (mode == "off"))):
                one = result(mode=mode, seed=seed, auc=auc, sweep={"history_rows": rows})
                results.append({**one, "test": {"auc": auc, "gauc": 0.7 - 0.001 * seed * (rows == "all")}})
    sections = {title: table for title, _, table in sections_of(results, tables.rows_of(results))}
    heads, cells = sections["Beside the default, off"]
    assert heads[2:5] == ["history_rows", "pairs", "off − off at clicks"]
    assert cells == [["Beauty", "DIN", "all", "3", "-.0200", "-2.0", ".074"]]
    assert sections["Beside the default"][1][0][4] == "+.0000"
    assert sections["GAUC beside the default"][1][0][4] == "-.0020"
    assert [line[2:] for line in sections["Test GAUC"][1]][1][:2] == ["clicks", "3"]


def test_shares_of_the_users_are_not_compared_with_each_other():
    """Each is a test of its own; a share of the training rows is not."""
    from made_runs import ranked

    from recbole_iacn.report import leaderboard

    assert sweeps.against_default(swept({0.5: (0.01, 0.02, 0.03)}, "user_share", 1)) == []
    assert len(sweeps.against_default(swept({0.5: (0.01, 0.02, 0.03)}, "train_share", 1))) == 1
    runs = [
        ranked(model, seed, 0.1 + 0.01 * (model == "MIND") + 0.1 * share, sweep={"user_share": share})
        for model in ("MIND", "ComiRec")
        for seed in (1, 2)
        for share in (1, 0.5)
    ]
    said = leaderboard.best_of(leaderboard.entries_of(runs))
    assert [sentence.split(",")[1].strip()[:20] for sentence in said] == [
        "user_share 0.5 (.160",
        "user_share 1 (.2100)",
    ]
