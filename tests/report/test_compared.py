"""Which columns a report compares: what the file says, what the command asks for, or each with the first."""

import json
import shutil

import pytest
from made_runs import result, result_of, store

from recbole_iacn.cli import main
from recbole_iacn.errors import ConfigError
from recbole_iacn.experiments.plan import read_plan
from recbole_iacn.experiments.store import record_plan
from recbole_iacn.report import tables
from recbole_iacn.report.compared import compared
from recbole_iacn.report.writing import sections_of, verdict, write_report

GAINS = {"off": (0, 0, 0), "mean": (0.01, 0.02, 0.03), "routing": (0.012, 0.019, 0.03)}
MODES = {"off": "off", "mean": "full", "routing": "full"}


def columns_of(model="DIN", sweep=None):
    return [
        result(model, MODES[name], seed, 0.7 + gain, sweep, column=name, settings={"iacn_extractor": name})
        for name, of_seeds in GAINS.items()
        for seed, gain in enumerate(of_seeds, 1)
    ]


def test_each_column_is_compared_with_the_first_by_default():
    results = columns_of()
    made = compared(results, ["mean", "routing", "off"])
    assert made.names == ("mean", "routing", "off") and made.pairs == (("routing", "mean"), ("off", "mean"))
    assert compared(results).names == ("off", "mean", "routing")  # where nothing is recorded: modes, then by name
    moded = compared([result(mode=mode) for mode in ("full", "off")])
    assert moded.moded and moded.pairs == (("full", "off"), ("full", "width")) and moded.names == ("off", "full")
    assert not compared(results).moded
    named = compared([result(mode=mode, column=mode) for mode in ("full", "off")])
    assert named.names == ("off", "full") and named.pairs == (("full", "off"),)  # columns that are called as modes are


def test_comparisons_by_hand():
    """mean - off: .01, .02, .03, so t = 2 sqrt 3 and p = .0371; routing - mean: .002, -.001, 0, so t = .378 and
    p = .371. DIEN has the same, so there are four: .0371 x 4 = .148 twice, as a later one is no smaller, and .371 x 2
    twice."""
    rows = tables.rows_of(
        columns_of() + columns_of("DIEN"), columns=compared(columns_of(), GAINS, [("mean", "off"), ("routing", "mean")])
    )
    heads, cells = tables.cells_of(rows)
    assert heads == ["dataset", "backbone", "seeds", "off", "mean", "routing"]
    assert cells[1] == ["Beauty", "DIN", "3", ".7000 ± .0000", ".7200 ± .0100", ".7203 ± .0091"]
    heads, cells = tables.comparison_cells(rows)
    assert heads == ["columns", "dataset", "backbone", "seeds", "difference", "d", "p (t)", "p (Wilcoxon)"]
    assert cells[0] == ["mean − off", "Beauty", "DIEN", "3", "+.0200", "2.0", ".148", ".500"]
    assert [line[0] for line in cells] == ["mean − off"] * 2 + ["routing − mean"] * 2
    assert cells[3][1:7] == ["Beauty", "DIN", "3", "+.0003", ".2", ".742"]


def test_the_text_says_what_p_is_over():
    results = [*columns_of(), result("DIEN", "off", 1, 0.6, column="off")]
    sections = {title: text for title, text, _ in sections_of(results, tables.rows_of(results))}
    text = " ".join(sections["Test AUC, compared"].split())
    assert "p: that the first column is no better, one-sided, by Student's paired t over 3 seeds" in text
    assert "corrected after Holm for all 2 comparisons of this table" in text
    alone = [one for one in results if one["seed"] == 1]
    sections = {title: text for title, text, _ in sections_of(alone, tables.rows_of(alone))}
    assert sections["Test AUC, compared"].endswith("which is the same test; one seed has no p.")


def test_every_pair_has_its_verdict():
    steady = [
        result(mode=MODES[name], seed=seed, auc=0.7 + gain + 1e-4 * (seed % 2) * gain, column=name)
        for name, gain in (("off", 0), ("mean", 0.01), ("routing", 0.01))
        for seed in range(5)
    ]
    pairs = [("mean", "off"), ("routing", "mean"), ("routing", "off")]
    lone = result("DIEN", "off", 0, column="off"), result("DIEN", "full", 0, column="mean")
    columns = compared(steady, GAINS, pairs)
    assert verdict(tables.rows_of([*steady, *lone], columns=columns)) == [
        "mean beats off, p < .05: DIN on Beauty.",
        "Too few runs to tell whether mean beats off: DIEN on Beauty.",
        "routing is not shown to beat mean: DIN on Beauty.",
        "routing beats off, p < .05: DIN on Beauty.",
    ]


def test_swept_settings_are_compared_within_each_column():
    results = []
    for seed in (1, 2, 3):
        for name in ("off", "mean"):
            for delta in (0.3, 0.5):
                auc = 0.8 + 0.01 * seed * (delta == 0.5 and name == "mean")
                results.append(result(mode=MODES[name], seed=seed, auc=auc, sweep={"iacn_delta": delta}, column=name))
    sections = {title: table for title, _, table in sections_of(results, tables.rows_of(results))}
    assert sections["Beside the default, mean"][1] == [["Beauty", "DIN", "0.5", "3", "+.0200", "2.0", ".074"]]
    assert sections["Cost"][0][:4] == ["dataset", "backbone", "column", "iacn_delta"]
    assert [line[2] for line in sections["Cost"][1]] == ["off", "off", "mean", "mean"]


@pytest.fixture
def experiment(file, tmp_path):
    """A folder with the results of a file with columns, made up."""
    path = file(columns={name: {"iacn_mode": MODES[name], "iacn_extractor": name} for name in GAINS}, seeds=[1, 2, 3])

    def make(**changes):
        plan = read_plan(file(**changes) if changes else path)
        for run in plan.runs:
            auc = 0.7 + GAINS[run.column or "off"][run.seed - 1]
            store(tmp_path / "out", result_of(run, test={"auc": auc}, column="earlier name"))
        record_plan(plan, tmp_path / "out")
        return tmp_path / "out"

    return make


def test_the_comparisons_of_a_file_go_with_its_published_runs(file, experiment, tmp_path, capsys):
    columns = {name: {"iacn_mode": MODES[name], "iacn_extractor": name} for name in ("routing", "off", "mean")}
    folder = experiment(columns=columns, compare=[["mean", "off"]], seeds=[1, 2, 3])
    write_report(folder)
    text = (folder / "report.md").read_text()
    assert "| dataset | backbone | seeds | routing | off | mean |" in text and "earlier name" not in text
    assert "| mean − off | tiny | WideDeep | 3 | +.0200 | 2.0 | .037 | .125 |" in text
    assert "for the one comparison of" in " ".join(text.split()) and "routing − " not in text
    copy = tmp_path / "elsewhere"
    copy.mkdir()
    for name in ("runs.jsonl", "experiment.json"):
        shutil.copy(folder / name, copy)
    write_report(copy)
    assert (copy / "report.md").read_text().replace("# elsewhere", "# out") == text
    (copy / "experiment.json").unlink()
    main(["report", str(copy), "--compare", "mean:off"])
    assert "| mean − off | tiny | WideDeep | 3 | +.0200" in (copy / "report.md").read_text()
    with pytest.raises(SystemExit):
        main(["report", str(copy), "--compare", "mean:of"])
    assert "compare: there is no 'of'. Did you mean 'off'? There are: off, mean, routing" in capsys.readouterr().err
    with pytest.raises(ConfigError, match="compare: must be two columns such as routing:mean, got 'mean'"):
        write_report(copy, asked=["mean"])


def test_a_file_that_goes_back_to_modes_forgets_its_columns(experiment, file):
    folder = experiment()
    assert json.loads((folder / "experiment.json").read_text())["compare"] is None
    write_report(folder)
    assert "| mean − off | tiny |" in (folder / "report.md").read_text()
    record_plan(read_plan(file(modes=["off"], settings={"iacn_extractor": "off"}, seeds=[1, 2, 3])), folder)
    assert not (folder / "experiment.json").exists()
    write_report(folder)
    text = (folder / "report.md").read_text()
    assert "| dataset | backbone | seeds | off |" in text and "3 runs" in text
    assert all("column" not in json.loads(line) for line in (folder / "runs.jsonl").read_text().splitlines())


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it is empty"),
        ("[]", "columns is not a dict"),
        ('{"columns": {}, "compare": [["a"]]}', "compare is not a list of pairs of names"),
        ('{"columns": {}, "compare": [["a", 1]]}', "compare is not a list of pairs of names"),
    ],
)
def test_a_damaged_record_is_named(experiment, text, why):
    folder = experiment()
    (folder / "experiment.json").write_text(text)
    with pytest.raises(ConfigError, match=rf"experiment\.json: is damaged \({why}.*\); remove it, and name the pairs"):
        write_report(folder)


def test_columns_under_a_ranking_test_are_compared_too():
    """The leaderboard, for models and metrics without modes' tables."""
    from recbole_iacn.report import leaderboard

    results = [
        {**one, "best": 0.1, "test": {"hit@10": 0.5, "ndcg@10": one["test"]["auc"]}}
        for one in columns_of() + columns_of("DIEN")
    ]
    entries = leaderboard.entries_of(results)
    assert [entry.name for entry in entries][:3] == ["DIEN mean", "DIEN off", "DIEN routing"]
    pairs = leaderboard.pairs_of(entries, [("mean", "off")])
    assert [(one.name, other.name) for one, other, *_ in pairs] == [("DIEN mean", "DIEN off"), ("DIN mean", "DIN off")]
    heads, cells = leaderboard.pair_cells(pairs)
    assert heads[1] == "first" and cells[0][3:] == ["3", "+.0200", "2.0", ".074"]
