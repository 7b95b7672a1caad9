"""The report: its files, its verdicts, and the comparison with the paper."""

import json
import math
import re
import shutil

import pytest
from made_runs import ranked, result

from recbole_iacn.cli import main
from recbole_iacn.report import settings_table, tables
from recbole_iacn.report.writing import sections_of, verdict, write_report

MODES = ("off", "width", "full")


def test_the_verdict_states_what_holds_and_what_does_not(results):
    rows = tables.rows_of(results)
    assert verdict(rows) == ["Not shown to beat every control: DIN on Beauty.", "Too few runs to tell: DIEN on Beauty."]
    assert verdict(tables.rows_of([result(sweep={"iacn_delta": delta}) for delta in (0, 1)])) == []
    gain = {"off": lambda seed: 1e-4 * (seed % 2), "width": lambda seed: 0.0, "full": lambda seed: 0.01}
    steady = [result(mode=mode, seed=s, auc=0.7 + 0.001 * s + gain[mode](s)) for mode in MODES for s in range(5)]
    assert verdict(tables.rows_of(steady)) == ["full beats every control, p < .05: DIN on Beauty."]


def test_two_seeds_show_nothing():
    """Their difference is the same to a ten-thousandth, which gives any p, and may be chance."""
    steady = [
        result(mode=mode, seed=s, auc=0.7 + 0.01 * (mode == "full") * (1 + s / 1e4)) for mode in MODES for s in (1, 2)
    ]
    row = tables.rows_of(steady)[0]
    assert max(row.p_values[pair, "t_test"] for pair in row.columns.pairs) < 0.05
    assert verdict([row]) == ["Too few runs to tell: DIN on Beauty."]
    text = next(text for title, text, _ in sections_of(steady, [row]) if title == "Test AUC")
    assert "2 seeds leave Wilcoxon 1/4 at best, before that. Fewer than 3 seeds show nothing" in text
    three = tables.rows_of([*steady, *(result(mode=m, seed=3, auc=0.7 + 0.0101 * (m == "full")) for m in MODES)])
    assert verdict(three) == ["full beats every control, p < .05: DIN on Beauty."]


def test_the_divergence_is_a_mean_over_seeds():
    kinds = (("label", 1, 0.2), ("label", 2, 0.4), ("distilled", 1, 0.1), ("distilled", 2, 0.2))
    results = [{**result(sweep={"iacn_target": kind}, seed=seed), "divergence": x} for kind, seed, x in kinds]
    sections = {title: table for title, _, table in sections_of(results, tables.rows_of(results))}
    heads, cells = sections["Of the interest that is next?"]
    assert heads == ["dataset", "backbone", "iacn_target", "seeds", "full"]
    assert cells == [
        ["Beauty", "DIN", "distilled", "2", ".1500 ± .0707"],
        ["Beauty", "DIN", "label", "2", ".3000 ± .1414"],
    ]
    # Differences -.1 and -.2: mean -.15, deviation .0707; with one degree of freedom t = -3 has p = 1 - 2 atan(3) / pi.
    assert sections["Its divergence beside the default's"][1] == [
        ["Beauty", "DIN", "distilled", "2", "-.1500", "-2.1", ".205"]
    ]
    assert "Of the interest that is next?" not in {
        title for title, _, _ in sections_of([result()], tables.rows_of([result()]))
    }


def test_swept_values_may_have_any_type(tmp_path):
    """A swept setting may be null or text, in the page, too."""
    results = [result(sweep={"sparse_embedding_rows": rows}) for rows in (None, 10, 2, "a")]
    assert [row.sweep[0][1] for row in tables.rows_of(results)] == [2, 10, None, "a"]
    (tmp_path / "runs.jsonl").write_text("".join(json.dumps(one) + "\n" for one in results))
    write_report(tmp_path)
    assert "| Beauty | DIN | None | 1 |" in (tmp_path / "report.md").read_text()


def test_all_files_of_the_report_are_written(folder, capsys):
    main(["report", str(folder)])
    assert capsys.readouterr().out.split() == [str(folder / f"report.{kind}") for kind in ("md", "tex", "html")] + [
        str(folder / "runs.jsonl")
    ]
    text = (folder / "report.md").read_text()
    assert text.startswith("# table\n\n11 runs, made with version 1.") and "| Books (paper) | DIEN |" in text
    assert text.endswith("\n| (all) | (all) | (all) | embedding_size: 16 |\n")
    assert f"\n\n## Settings\n\n{settings_table.TEXT}\n\n| dataset |" in text
    assert (folder / "report.tex").read_text().count(r"\begin{tabular}") == 3  # all tables but that of the settings
    page = (folder / "report.html").read_text()
    assert page.count("Plotly.newPlot") >= 7 and page.index("<h2>Cost</h2>") < page.index("<h2>Settings</h2>")
    assert not re.search(r"(src|href)=", re.sub(r"(?s)>.*?</script>", ">", page))  # nothing is fetched
    assert not list(folder.glob("*.partial*"))


def test_a_report_can_be_written_from_the_published_runs(folder):
    write_report(folder)
    names = ("report.md", "report.tex", "runs.jsonl")
    before = {name: (folder / name).read_text() for name in names}
    shutil.rmtree(folder / "runs")
    write_report(folder)
    assert {name: (folder / name).read_text() for name in names} == before


@pytest.mark.parametrize(
    ("key", "values", "theirs", "ours"),
    [
        ("iacn_delta", (0.3, 0.5), ["Books (paper)", "DIEN, δ 0.3", "–", ".8638 ± .0005", "–"], "DIEN, δ 0.3"),
        (
            "MAX_ITEM_LIST_LENGTH",
            (10, 50),
            ["Books (paper)", "DIEN, length 20", ".8534 ± .0018", ".8633 ± .0019", "+.0099"],
            "DIEN, length 10",
        ),
        ("iacn_interests", (1, 2), None, None),
    ],
)
def test_the_papers_sweeps_are_shown_with_ours(key, values, theirs, ours):
    results = [result("DIEN", mode, auc=0.7, sweep={key: value}) for mode in ("off", "full") for value in values]
    sections = {title: table for title, _, table in sections_of(results, tables.rows_of(results))}
    if theirs is None:
        assert "Beside the paper" not in sections
        return
    cells = sections["Beside the paper"][1]
    assert theirs in cells and ["Beauty", ours, ".7000", ".7000", "+.0000"] in cells
    own = [{**one, "dataset": "shop"} for one in results]
    assert "Beside the paper" not in {title for title, *_ in sections_of(own, tables.rows_of(own))}


def test_a_divergence_is_explained(tmp_path):
    (tmp_path / "runs.jsonl").write_text(json.dumps({**ranked("ComiRec", 1, 0.1), "divergence": 0.3}) + "\n")
    write_report(tmp_path)
    text = (tmp_path / "report.md").read_text()
    assert "Divergence: Jensen-Shannon divergence, in nats" in text and "| .3000 |" in text


def test_missing_results_are_reported_in_one_line(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["report", str(tmp_path)])
    assert "run recbole-iacn experiment first" in capsys.readouterr().err


def test_lists_may_be_swept(tmp_path):
    """Such as the sizes of layers, with modes and without."""
    for mode, name in (("full", "modes"), ("", "board")):
        results = [{**result(mode=mode, sweep={"mlp_hidden_size": size}), "best": 0.8} for size in ([16, 8], [32])]
        folder = tmp_path / name
        folder.mkdir()
        (folder / "runs.jsonl").write_text("".join(json.dumps(one) + "\n" for one in results))
        write_report(folder)
        text = (folder / "report.md").read_text()
        assert "[16, 8]" in text and "[32]" in text


def test_figures_that_there_are_not_are_dashes(tmp_path):
    """Windows does not say the peak of memory; a metric can be undefined."""
    odd = [
        {**result(mode="", seed=seed), "best": 0.8, "peak_mb": None, "divergence": x}
        for seed, x in ((1, 0.5), (2, math.nan))
    ]
    (tmp_path / "runs.jsonl").write_text("".join(json.dumps(one) + "\n" for one in odd))
    write_report(tmp_path)
    text = (tmp_path / "report.md").read_text()
    assert "| Beauty | DIN | 2 | .8000 ± .0000 | .8000 ± .0000 | – |" in text
    assert "| Beauty | DIN | 10 | 3 | 2.0 | – |" in text


def test_a_run_that_improved_to_its_last_epoch_is_named(tmp_path):
    one = ranked("MIND", 1, 0.2)
    one["best"] = one["epochs"][-1]["valid"]
    (tmp_path / "runs.jsonl").write_text(json.dumps(one) + "\n")
    write_report(tmp_path)
    said = "Best in the last epoch, so that longer trainings (epochs) may reach more: MIND on Beauty (1 of 1)."
    text = (tmp_path / "report.md").read_text()
    assert text.index("1 run, made with version 1.") < text.index(said) < text.index("## Test")
    assert said in (tmp_path / "report.html").read_text()


def test_names_in_results_are_no_html(tmp_path):
    name = "x\n\n<script>alert(1)</script>"
    rows = [result(mode=mode, seed=seed, sweep={"loss": name}) for mode in ("off", "full") for seed in (1, 2)]
    (tmp_path / "runs.jsonl").write_text("".join(json.dumps({**one, "version": name}) + "\n" for one in rows))
    write_report(tmp_path)
    for kind in ("md", "html"):
        assert "<script>alert" not in (tmp_path / f"report.{kind}").read_text()
    lines = (tmp_path / "report.md").read_text().splitlines()
    assert "4 runs, made with version x &lt;script>alert(1)&lt;/script>." in lines


def test_a_folder_in_the_place_of_a_report_is_one_line(folder, capsys):
    (folder / "report.tex").mkdir()
    with pytest.raises(SystemExit):
        main(["report", str(folder)])
    message = (
        f"error: {folder / 'report.tex'}: cannot be written (Is a directory); move what is in the way, or make space"
    )
    assert message in capsys.readouterr().err
