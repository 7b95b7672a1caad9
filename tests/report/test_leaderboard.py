"""The leaderboard of models without modes."""

import json

from made_runs import ranked

from recbole_iacn.report import leaderboard, tables
from recbole_iacn.report.writing import write_report


def test_models_without_modes_are_compared(tmp_path):
    """TiMiRec gains .01, .02, .03 over ComiRec, which is behind MIND; its control gains as much as TiMiRec itself."""
    results = []
    for seed in (1, 2, 3):
        results += [ranked("ComiRec", seed, 0.10), ranked("MIND", seed, 0.11), ranked("Mine", seed, 0.05)]
        results.append(ranked("TiMiRec", seed, 0.10 + 0.01 * seed))
        results += [ranked("TiMiRec", seed, 0.2, sweep={"stages": stages}) for stages in ("two", "extractor_twice")]
    entries = leaderboard.entries_of(results)
    names = ["MIND", "ComiRec", "TiMiRec", "TiMiRec, stages extractor_twice", "TiMiRec, stages two", "Mine"]
    assert [entry.name for entry in entries] == names
    heads, cells = leaderboard.cells_of(entries)
    assert heads[2:] == ["seeds", "HIT@10", "NDCG@10", "VALIDATION NDCG@5"]
    assert cells[2][2:] == ["3", ".2400 ± .0200", ".1200 ± .0100", ".0600 ± .0050"]
    pairs = leaderboard.pairs_of(entries)
    assert {(better.name, other.name): round(pair.gain, 4) for better, other, pair, _ in pairs} == {
        ("ComiRec", "MIND"): -0.01,
        ("TiMiRec", "ComiRec"): 0.02,
        ("TiMiRec, stages two", "TiMiRec, stages extractor_twice"): 0.0,
    }
    # t = 2 sqrt 3 gives .037, times the three pairs.
    cells = leaderboard.pair_cells(pairs)[1]
    assert ["Beauty", "TiMiRec", "ComiRec", "3", "+.0200", "2.0", ".111"] in cells
    first, second = leaderboard.verdict(pairs)
    assert first == "Ahead, but not shown: TiMiRec > ComiRec on Beauty."
    assert second.startswith("Does not hold: ComiRec > MIND on Beauty; TiMiRec, stages two > ")
    beside = leaderboard.beside_paper(entries)[1]
    assert ["Beauty", "MIND", ".1727", ".2200", "+.0473", ".0981", ".1100", "+.0119"] in beside
    assert [cells[1] for cells in beside] == ["MIND", "ComiRec", "TiMiRec"]  # no variants
    for other in ({"protocol": "leave_one_out_full"}, {"eval_negatives": 100}):
        changed = [{**one, "settings": {**one["settings"], **other}} for one in results]
        assert leaderboard.beside_paper(leaderboard.entries_of(changed)) is None
    assert tables.costs_of(results)[0][:3] == ["data set", "model", "seconds"]
    (tmp_path / "ranks").mkdir()
    (tmp_path / "ranks" / "runs.jsonl").write_text("".join(json.dumps(one) + "\n" for one in results))
    write_report(tmp_path / "ranks")
    text = (tmp_path / "ranks" / "report.md").read_text()
    assert first in text and "## Who is better, by ndcg@10" in text and "## Beside the paper" in text
    assert "Divergence" not in text
    assert (tmp_path / "ranks" / "report.html").read_text().count("Plotly.newPlot") >= 1 + 2 * 4
