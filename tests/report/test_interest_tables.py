"""The table of interests: means over seeds, of each model beside its controls."""

import json

from made_runs import ranked, result

from recbole_iacn.report.interest_tables import interest_cells, legend
from recbole_iacn.report.writing import write_report


def measured(model, chance=0.0, k_means=None, **more):
    return {"model": model, "chance": chance, "k_means": k_means, "users": 9, **more}


def results():
    """AMI .2 and .4 over two seeds (mean .3, SD .1414); one run has not been measured, one model has no interests."""
    runs = [
        {**result(seed=seed), "interests": {"ami": measured(ami, k_means=0.1 * seed, k_means_id=0.5, k_means_own=0.7)}}
        for seed, ami in ((1, 0.2), (2, 0.4))
    ]
    runs.append({**result(seed=3), "interests": None})
    runs.append({**result(mode="off"), "interests": {}})
    undefined = {"ami": measured(None, None), "diversity": measured(0.7, 0.9, 0.6)}
    return [*runs, {**ranked("YouTubeDNN", 1, 0.1), "interests": undefined}]


def test_a_row_for_the_model_and_for_each_control():
    heads, cells = interest_cells(results())
    assert heads == ["dataset", "model", "of", "seeds", "ami ↑", "diversity"]
    assert cells == [
        ["Beauty", "DIN full", "model", "2", ".3000 ± .1414", "–"],
        ["Beauty", "DIN full", "chance", "2", ".0000 ± .0000", "–"],
        ["Beauty", "DIN full", "k-means", "2", ".1500 ± .0707", "–"],
        ["Beauty", "DIN full", "k-means by id", "2", ".5000 ± .0000", "–"],
        ["Beauty", "DIN full", "k-means in E_auxiliary", "2", ".7000 ± .0000", "–"],
        ["Beauty", "YouTubeDNN", "model", "1", "–", ".7000"],
        ["Beauty", "YouTubeDNN", "chance", "1", "–", ".9000"],
        ["Beauty", "YouTubeDNN", "k-means", "1", "–", ".6000"],
    ]
    assert legend(results()) == (
        "ami: Adjusted mutual information of interest and category; "
        "diversity: Diversity of the list by categories, ILD@k."
    )


def test_without_measures_there_is_no_table():
    assert interest_cells([result(), {**result(mode="off"), "interests": {}}]) is None


def test_both_kinds_of_report_have_it(tmp_path):
    board = {**ranked("MIND", 1, 0.1), "interests": {"ami": measured(0.25)}}
    for place, some, row in (
        ("modes", results()[:4], "| Beauty | DIN full | k-means by id | 2 | .5000 ± .0000 |"),
        ("board", [board, results()[-1]], "| Beauty | MIND | model | 1 | .2500 | – |"),
    ):
        folder = tmp_path / place
        folder.mkdir()
        lines = [json.dumps({**one, "best": 0.5}) for one in some]
        (folder / "runs.jsonl").write_text("\n".join(lines) + "\n")
        write_report(folder)
        text = (folder / "report.md").read_text()
        assert "## Interests\n\nMeasures of the interests on test rows, beside two controls" in text
        assert row in text and "<h2>Interests</h2>" in (folder / "report.html").read_text()


def test_models_without_several_interests_leave_no_empty_table():
    undefined = {"cosine": measured(None, None), "effective": measured(None, None)}
    assert interest_cells([{**ranked("ESASRec", 1, 0.1), "interests": undefined}]) is None
