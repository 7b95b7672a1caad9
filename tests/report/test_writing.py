"""Tables by hand, and the page in a real browser where there is one."""

import json
import re
import shutil
import time

import pytest

from recbole_iacn.cli import main
from recbole_iacn.report import leaderboard, sweeps, tables
from recbole_iacn.report.writing import sections_of, verdict, write_report

MODES = ("off", "width", "full")


def result(model="DIN", mode="full", seed=1, auc=0.8, sweep=None, dataset="Beauty"):
    epochs = [
        {
            "losses": {"main": 0.7 - 0.1 * step, **({"iacn": 6.0 - step} if mode == "full" else {})},
            "valid": auc,
            "seconds": s,
        }
        for step, s in enumerate((5.0, 7.0, 9.0))
    ]
    told = {"dataset": dataset, "model": model, "mode": mode, "sweep": sweep or {}, "seed": seed, "settings": {}}
    return {
        **told,
        "valid": {"auc": auc},
        "test": {"auc": auc},
        "epochs": epochs,
        "seconds": 10.0,
        "peak_mb": 600.0,
        "version": "1",
    }


@pytest.fixture
def results():
    """DIN gains .01, .02, .03 over off and nothing over width; DIEN has one seed."""
    found = []
    for seed, gain in ((1, 0.01), (2, 0.02), (3, 0.03)):
        found += [
            result(mode="off", seed=seed, auc=0.7),
            result(mode="width", seed=seed, auc=0.7 + gain),
            result(mode="full", seed=seed, auc=0.7 + gain),
        ]
    return [*found, result("DIEN", "off", auc=0.6), result("DIEN", "full", auc=0.65)]


@pytest.fixture
def folder(tmp_path, results):
    runs = tmp_path / "table" / "runs"
    runs.mkdir(parents=True)
    for place, one in enumerate(results):
        (runs / f"{place}.json").write_text(json.dumps(one))
    return tmp_path / "table"


def test_the_table_by_hand(results):
    """Two tests are corrected, .037 of off (t = 2 sqrt 3) and .5 of width: times 2 and 1."""
    heads, cells = tables.cells_of(tables.rows_of(results))
    assert heads[:6] == ["data set", "backbone", "seeds", "off", "width", "full"]
    dien, din = (dict(zip(heads[:10], line)) for line in cells)
    assert din["off"] == ".7000 ± .0000" and din["full"] == ".7200 ± .0100" == din["width"]
    assert (din["full − off"], din["d"], din["p (t)"], din["p (Wilcoxon)"]) == ("+.0200", "2.0", ".074", ".250")
    assert (dien["seeds"], dien["off"], dien["width"], dien["full"]) == ("1", ".6000", "–", ".6500")
    assert (dien["full − off"], dien["p (t)"]) == ("+.0500", "–")


def test_the_verdict_says_what_holds_and_what_not(results):
    rows = tables.rows_of(results)
    assert verdict(rows) == ["Not shown to beat every control: DIN on Beauty.", "Too few runs to tell: DIEN on Beauty."]
    assert verdict(tables.rows_of([result(sweep={"iacn_delta": delta}) for delta in (0, 1)])) == []
    gain = {"off": lambda seed: 1e-4 * (seed % 2), "width": lambda seed: 0.0, "full": lambda seed: 0.01}
    steady = [result(mode=mode, seed=s, auc=0.7 + 0.001 * s + gain[mode](s)) for mode in MODES for s in range(5)]
    assert verdict(tables.rows_of(steady)) == ["full beats every control, p < .05: DIN on Beauty."]


def test_swept_values_are_rows_of_their_own_in_order():
    swept = [result(mode=mode, sweep={"iacn_delta": d}) for d in (1.0, 0.3, 0.0) for mode in ("off", "full")]
    rows = tables.rows_of(swept)
    assert [row.sweep for row in rows] == [(("iacn_delta", 0.0),), (("iacn_delta", 0.3),), (("iacn_delta", 1.0),)]
    assert tables.cells_of(rows)[0][2] == "iacn_delta"


def test_the_divergence_is_a_mean_over_seeds():
    kinds = (("label", 1, 0.2), ("label", 2, 0.4), ("distilled", 1, 0.1), ("distilled", 2, 0.2))
    found = [{**result(sweep={"iacn_target": kind}, seed=seed), "divergence": x} for kind, seed, x in kinds]
    sections = {title: table for title, _, table in sections_of(found, tables.rows_of(found))}
    heads, cells = sections["Of the interest that is next?"]
    assert heads == ["data set", "backbone", "iacn_target", "seeds", "full"]
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


def swept(changes, key="iacn_delta", base=0.3):
    """The default at .8 for seeds 1 to 3, and for every other value what it changes."""
    found = [result(sweep={key: base}, seed=seed) for seed in (1, 2, 3)]
    for value, of_seeds in changes.items():
        found += [result(sweep={key: value}, seed=seed, auc=0.8 + x) for seed, x in enumerate(of_seeds, 1)]
    return tables.rows_of(found)


def test_swept_values_beside_the_default_by_hand():
    """With two degrees of freedom p = 1 - t / sqrt(t^2 + 2), two-sided: .0742 for t = 3.46, .0027 for 19.1."""
    pairs = sweeps.against_default(swept({0.5: (0.01, 0.02, 0.03), 1.0: (-0.010, -0.011, -0.012)}))
    assert [row.sweep[0][1] for row, _, _ in pairs] == [0.5, 1.0]
    assert [p for _, _, p in pairs] == pytest.approx([0.07418, 2 * 0.002744], rel=1e-3)
    heads, cells = sweeps.sweep_cells(pairs)
    assert heads[2:5] == ["iacn_delta", "pairs", "full − full at 0.3"]
    assert cells[0] == ["Beauty", "DIN", "0.5", "3", "+.0200", "2.0", ".074"]
    assert sweeps.sweep_verdict(pairs) == ["Worse than iacn_delta 0.3, p < .05: 1.0 (DIN on Beauty)."]


def test_a_better_value_and_an_even_one_are_told():
    better = sweeps.against_default(swept({"distilled": (0.010, 0.011, 0.012)}, "iacn_target", "label"))
    assert sweeps.sweep_verdict(better) == ["Better than iacn_target label, p < .05: distilled (DIN on Beauty)."]
    even = sweeps.against_default(swept({0.5: (0.01, -0.01, 0.0)}))
    assert sweeps.sweep_verdict(even) == ["No value is shown to be better or worse than iacn_delta 0.3."]


def test_without_the_default_there_is_nothing_to_stand_beside(results):
    assert sweeps.against_default(tables.rows_of(results)) == []
    assert sweeps.against_default(swept({0.5: (0.01,)}, base=0.4)) == []
    assert sweeps.sweep_verdict([]) == []
    assert "Beside the default" not in {title for title, *_ in sections_of(results, tables.rows_of(results))}


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.71234, ".7123"), (-0.002, "-.0020"), (1.5, "1.5000"), (10.25, "10.2500"), (float("nan"), "–")],
)
def test_numbers_as_the_papers_print_them(value, text):
    assert tables.number(value) == text


def test_costs_leave_the_loading_out(results):
    heads, cells = tables.costs_of(results)
    assert dict(zip(heads, cells[-1]))["seconds an epoch"] == "2.0" and dict(zip(heads, cells[-1]))["epochs"] == "3"


def test_costs_tell_swept_values_apart():
    swept = [result(sweep={"iacn_delta": delta}) for delta in (1.0, 0.5)]
    heads, cells = tables.costs_of(swept)
    assert heads[:4] == ["data set", "backbone", "mode", "iacn_delta"]
    assert [line[:4] for line in cells] == [["Beauty", "DIN", "full", delta] for delta in ("0.5", "1.0")]


def test_swept_values_of_any_kind_are_rows(tmp_path):
    """A setting that is null, or text, beside numbers; in the page, too."""
    found = [result(sweep={"sparse_embedding_rows": rows}) for rows in (None, 10, 2, "a")]
    assert [row.sweep[0][1] for row in tables.rows_of(found)] == [2, 10, None, "a"]
    (tmp_path / "runs.jsonl").write_text("".join(json.dumps(one) + "\n" for one in found))
    write_report(tmp_path)
    assert "| Beauty | DIN | None | 1 |" in (tmp_path / "report.md").read_text()


def test_latex_is_escaped():
    text = tables.latex(["a_b", "c"], [["1 ± 2", "− & –"]])
    assert r"a\_b & c \\" in text and r"1 $\pm$ 2 & $-$ \& -- \\" in text
    text = tables.latex(["a"], [[r"50% of #1 $x_{i}~\ < .001"]])
    assert r"50\% of \#1 \$x\_\{i\}\textasciitilde{}\textbackslash{} $<$ .001" in text


def test_tables_to_the_character():
    """Text that looks like a number stays as it is, and nothing is aligned: one changed cell is one changed line."""
    heads, cells = ["a|b", "auc"], [["x|y", ".8240 ± .0026"], ["1e5", "+.0100"], ["", "–"]]
    assert tables.markdown(heads, cells) == (
        "| a\\|b | auc |\n| --- | --- |\n| x\\|y | .8240 ± .0026 |\n| 1e5 | +.0100 |\n|  | – |\n"
    )
    assert tables.latex(heads, cells[1:]) == (
        "\\begin{tabular}{ll}\n\\toprule\na|b & auc \\\\\n\\midrule\n1e5 & +.0100 \\\\\n & -- \\\\\n"
        "\\bottomrule\n\\end{tabular}\n"
    )


def test_the_report_is_written_whole(folder, capsys):
    main(["report", str(folder)])
    assert capsys.readouterr().out.split() == [str(folder / f"report.{kind}") for kind in ("md", "tex", "html")] + [
        str(folder / "runs.jsonl")
    ]
    text = (folder / "report.md").read_text()
    assert text.startswith("# table\n\n11 runs, made with version 1.") and "| Books (paper) | DIEN |" in text
    assert (folder / "report.tex").read_text().count(r"\begin{tabular}") == 3
    page = (folder / "report.html").read_text()
    assert page.count("Plotly.newPlot") >= 7
    assert not re.search(r"(src|href)=", re.sub(r"(?s)>.*?</script>", ">", page))  # nothing is fetched
    assert not list(folder.glob("*.partial"))


def test_a_report_can_be_made_from_the_runs_in_one_file(folder):
    write_report(folder)
    names = ("report.md", "report.tex", "runs.jsonl")
    before = {name: (folder / name).read_text() for name in names}
    shutil.rmtree(folder / "runs")
    write_report(folder)
    assert {name: (folder / name).read_text() for name in names} == before


@pytest.mark.skipif(not shutil.which("chromium"), reason="Kaleido draws in a Chromium")
def test_pictures_are_drawn_and_shown(folder, capsys):
    (folder / "runs" / "swept.json").write_text(json.dumps(result(sweep={"iacn_delta": 0.5})))
    main(["report", str(folder), "--pictures"])
    assert str(folder / "iacn_delta.svg") in capsys.readouterr().out
    for name, text in (("gain", "full − off"), ("iacn_delta", "DIN full, Beauty")):
        assert text in (folder / f"{name}.svg").read_text()
        assert f"]({name}.svg)" in (folder / "report.md").read_text()
    drawn = {path.name: path.read_bytes() for path in folder.glob("*.svg")}
    assert len(drawn) == 2
    main(["report", str(folder), "--pictures"])
    assert {path.name: path.read_bytes() for path in folder.glob("*.svg")} == drawn


def test_pictures_that_cannot_be_drawn_are_told(folder, monkeypatch, capsys):
    def to_image(figure, **given):
        raise RuntimeError("Kaleido requires Google Chrome to be installed.\nmore")

    monkeypatch.setattr("plotly.graph_objects.Figure.to_image", to_image)
    with pytest.raises(SystemExit):
        main(["report", str(folder), "--pictures"])
    told = capsys.readouterr().err
    assert "pictures: Plotly could not draw (Kaleido requires Google Chrome to be installed.)" in told
    assert not list(folder.glob("report.*"))


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
def test_the_papers_sweeps_stand_beside_ours(key, values, theirs, ours):
    found = [result("DIEN", mode, auc=0.7, sweep={key: value}) for mode in ("off", "full") for value in values]
    sections = {title: table for title, _, table in sections_of(found, tables.rows_of(found))}
    if theirs is None:
        assert "Beside the paper" not in sections
        return
    cells = sections["Beside the paper"][1]
    assert theirs in cells and ["Beauty", ours, ".7000", ".7000", "+.0000"] in cells


def ranked(model, seed, ndcg, dataset="Beauty", sweep=None):
    one = result(model, "", seed, dataset=dataset, sweep=sweep)
    chosen = {"best": ndcg / 2, "settings": {"valid_metric": "NDCG@5"}}
    return {**one, **chosen, "test": {"hit@10": 2 * ndcg, "ndcg@10": ndcg}}


def test_models_without_modes_are_set_side_by_side(tmp_path):
    """TiMiRec gains .01, .02, .03 over ComiRec, which is behind MIND; its control gains as much as itself."""
    found = []
    for seed in (1, 2, 3):
        found += [ranked("ComiRec", seed, 0.10), ranked("MIND", seed, 0.11), ranked("Mine", seed, 0.05)]
        found.append(ranked("TiMiRec", seed, 0.10 + 0.01 * seed))
        found += [ranked("TiMiRec", seed, 0.2, sweep={"stages": stages}) for stages in ("two", "extractor_twice")]
    entries = leaderboard.entries_of(found)
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
        changed = [{**one, "settings": {**one["settings"], **other}} for one in found]
        assert leaderboard.beside_paper(leaderboard.entries_of(changed)) is None
    assert tables.costs_of(found)[0][:3] == ["data set", "model", "seconds"]
    (tmp_path / "ranks").mkdir()
    (tmp_path / "ranks" / "runs.jsonl").write_text("".join(json.dumps(one) + "\n" for one in found))
    write_report(tmp_path / "ranks")
    text = (tmp_path / "ranks" / "report.md").read_text()
    assert first in text and "## Who is better, by ndcg@10" in text and "## Beside the paper" in text
    assert "Divergence" not in text
    assert (tmp_path / "ranks" / "report.html").read_text().count("Plotly.newPlot") >= 1 + 2 * 4


def test_a_divergence_says_what_it_is(tmp_path):
    (tmp_path / "runs.jsonl").write_text(json.dumps({**ranked("ComiRec", 1, 0.1), "divergence": 0.3}) + "\n")
    write_report(tmp_path)
    text = (tmp_path / "report.md").read_text()
    assert "Divergence: Jensen-Shannon divergence, in nats" in text and "| .3000 |" in text


def test_no_results_is_one_line(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["report", str(tmp_path)])
    assert "run recbole-iacn experiment first" in capsys.readouterr().err


@pytest.fixture(scope="module")
def browser():
    webdriver = pytest.importorskip("selenium.webdriver")
    chromium, driver = (shutil.which(name) for name in ("chromium", "chromedriver"))
    if not (chromium and driver):
        pytest.skip("needs chromium and chromedriver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    quiet = "headless=new no-sandbox disable-gpu no-first-run disable-background-networking disable-component-update"
    for flag in [*quiet.split(), "disable-sync", "disable-quic"]:
        options.add_argument(f"--{flag}")
    window = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield window
    window.quit()


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (390, "light"), (1280, "light"), (1280, "dark")])
def test_the_page_in_a_browser(browser, folder, width, scheme):
    """Every figure is drawn, nothing is wider than the window, text can be read, nothing is said on the console."""
    write_report(folder)
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    browser.get((folder / "report.html").as_uri())
    ask = """const plots = [...document.querySelectorAll('.js-plotly-plot')];
        return {page: document.documentElement.scrollWidth, window: innerWidth,
                drawn: plots.filter(plot => plot.querySelector('.main-svg')).length, plots: plots.length,
                wide: Math.max(...plots.map(plot => plot.getBoundingClientRect().right)),
                fetched: performance.getEntriesByType('resource').map(entry => entry.name),
                text: getComputedStyle(document.body).color, paper: getComputedStyle(document.body).backgroundColor,
                labels: [...new Set(plots.map(plot => plot._fullLayout.font.color))]}"""
    for _ in range(50):
        found = browser.execute_script(ask)
        if found["labels"] == [found["text"]]:
            break
        time.sleep(0.1)
    assert found["drawn"] == found["plots"] >= 7 and found["fetched"] == []
    assert found["page"] <= found["window"] and found["wide"] <= found["window"]
    assert found["labels"] == [found["text"]]
    brightness = [sum(map(int, re.findall(r"\d+", found[key])[:3])) / 3 for key in ("text", "paper")]
    assert abs(brightness[0] - brightness[1]) > 150 and (brightness[1] > brightness[0]) == (scheme == "light")
    assert not [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
