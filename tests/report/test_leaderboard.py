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
    # t = 2 sqrt 3 gives .037, times the two pairs with a p: ComiRec and MIND differ by the same in every seed.
    cells = leaderboard.pair_cells(pairs)[1]
    assert ["Beauty", "TiMiRec", "ComiRec", "3", "+.0200", "2.0", ".074"] in cells
    first, second = leaderboard.verdict(pairs)
    assert first == "Ahead, but not shown: TiMiRec > ComiRec on Beauty."
    assert second.startswith("Does not hold: ComiRec > MIND on Beauty; TiMiRec, stages two > ")
    fewer = leaderboard.entries_of([one for one in results if one["seed"] < 3])
    (better, other, comparison, _), *_ = [pair for pair in leaderboard.pairs_of(fewer) if pair[2].gain > 0]
    assert comparison.pairs == 2
    assert leaderboard.verdict([(better, other, comparison, 0.01)]) == [first]  # two seeds show nothing
    beside = leaderboard.beside_paper(entries)[1]
    assert ["Beauty", "MIND", ".1727", ".2200", "+.0473", ".0981", ".1100", "+.0119"] in beside
    assert [cells[1] for cells in beside] == ["MIND", "ComiRec", "TiMiRec"]  # no variants
    films = leaderboard.entries_of([{**one, "dataset": "ml-1m"} for one in results])
    assert leaderboard.beside_paper(films)[1][0] == (
        ["ml-1m", "MIND", ".2881", ".2200", "-.0681", ".1558", ".1100", "-.0458"]
    )
    for other in ({"protocol": "leave_one_out_full"}, {"eval_negatives": 100}):
        changed = [{**one, "settings": {**one["settings"], **other}} for one in results]
        assert leaderboard.beside_paper(leaderboard.entries_of(changed)) is None
    assert tables.costs_of(results)[0][:4] == ["dataset", "model", "stages", "seconds"]
    (tmp_path / "ranks").mkdir()
    (tmp_path / "ranks" / "runs.jsonl").write_text("".join(json.dumps(one) + "\n" for one in results))
    write_report(tmp_path / "ranks")
    text = (tmp_path / "ranks" / "report.md").read_text()
    assert first in text and "## Who is better, by ndcg@10" in text and "## Beside the paper" in text
    assert "Divergence" not in text
    assert (tmp_path / "ranks" / "report.html").read_text().count("Plotly.newPlot") >= 1 + 2 * 4


def test_click_and_retrieval_models_stand_in_one_table(tmp_path):
    """A backbone's modes are entries of their own; no cell moves where a model has no mode."""
    results = []
    for seed, gain in ((1, 0.010), (2, 0.011), (3, 0.012)):
        results += [ranked("MIND", seed, 0.1), {**ranked("DIN", seed, 0.1 + gain), "mode": "full"}]
        results.append({**ranked("DIN", seed, 0.1 + gain / 10 * (-1) ** seed), "mode": "off"})
    (tmp_path / "runs.jsonl").write_text("".join(json.dumps(one) + "\n" for one in results))
    write_report(tmp_path)
    text = (tmp_path / "report.md").read_text()
    assert "| Beauty | DIN full | 3 | .2220 ± .0020 | .1110 ± .0010 |" in text and "| Beauty | MIND | 3 |" in text
    heads, cells = tables.costs_of(results)
    assert all(len(line) == len(heads) for line in cells) and ["Beauty", "MIND", ""] in [line[:3] for line in cells]
    # .011 / (.001 / sqrt 3) = 19.1, of which p is .0027, twice
    assert "Best on Beauty by ndcg@10: DIN full (.1110), better than every other, p < .05." in text


def test_models_that_may_be_as_good_as_the_best_are_named():
    results = [ranked("MIND", seed, 0.1 + 0.01 * (seed == 1)) for seed in (1, 2, 3)]
    results += [ranked("ComiRec", seed, 0.1) for seed in (1, 2, 3)]
    results += [ranked("Other", seed, 0.05) for seed in (1, 2)] + [ranked("Mine", 4, 0.05, dataset="Toys")]
    (sentence,) = leaderboard.best_of(leaderboard.entries_of(results))
    assert sentence.startswith("Best on Beauty by ndcg@10: MIND (.1033), not shown to be better than ComiRec")


def test_backbones_without_an_auc_are_ranked(tmp_path):
    results = [{**ranked("DIN", 1, 0.1), "mode": mode} for mode in ("off", "full")]
    (tmp_path / "runs.jsonl").write_text("".join(json.dumps(one) + "\n" for one in results))
    write_report(tmp_path)
    assert "| Beauty | DIN off | 1 |" in (tmp_path / "report.md").read_text()


def test_models_with_other_metrics_stand_in_one_report(tmp_path):
    """A model measured by others than the main metric is in the table, and neither compared nor drawn."""
    results = [ranked(model, seed, 0.1) for model in ("MIND", "ComiRec") for seed in (1, 2)]
    results += [{**ranked("TiMiRec", seed, 0.1), "test": {"auc": 0.7}} for seed in (1, 2)]
    pairs = leaderboard.pairs_of(leaderboard.entries_of(results))
    assert [(better.name, other.name) for better, other, *_ in pairs] == [("ComiRec", "MIND")]
    (tmp_path / "runs.jsonl").write_text("".join(json.dumps(one) + "\n" for one in results))
    write_report(tmp_path)
    assert "| TiMiRec |" in (tmp_path / "report.md").read_text()
