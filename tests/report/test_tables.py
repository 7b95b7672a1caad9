"""Rows, cells, costs and LaTeX of tables, by hand."""

import pytest
from made_runs import result

from recbole_iacn.report import tables


def test_the_table_by_hand(results):
    """Two p values are corrected, .037 for off (t = 2 sqrt 3) and .5 for width: times 2 and 1."""
    heads, cells = tables.cells_of(tables.rows_of(results))
    assert heads[:6] == ["dataset", "backbone", "seeds", "off", "width", "full"]
    dien, din = (dict(zip(heads[:10], line)) for line in cells)
    assert din["off"] == ".7000 ± .0000" and din["full"] == ".7200 ± .0100" == din["width"]
    assert (din["full − off"], din["d"], din["p (t)"], din["p (Wilcoxon)"]) == ("+.0200", "2.0", ".074", ".250")
    assert (dien["seeds"], dien["off"], dien["width"], dien["full"]) == ("1", ".6000", "–", ".6500")
    assert (dien["full − off"], dien["p (t)"]) == ("+.0500", "–")


def test_each_swept_value_has_its_own_row_in_order():
    swept = [result(mode=mode, sweep={"iacn_delta": d}) for d in (1.0, 0.3, 0.0) for mode in ("off", "full")]
    rows = tables.rows_of(swept)
    assert [row.sweep for row in rows] == [(("iacn_delta", 0.0),), (("iacn_delta", 0.3),), (("iacn_delta", 1.0),)]
    assert tables.cells_of(rows)[0][2] == "iacn_delta"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.71234, ".7123"), (-0.002, "-.0020"), (1.5, "1.5000"), (10.25, "10.2500"), (float("nan"), "–")],
)
def test_numbers_as_the_papers_print_them(value, text):
    assert tables.number(value) == text


def test_costs_exclude_the_loading(results):
    heads, cells = tables.costs_of(results)
    assert dict(zip(heads, cells[-1]))["seconds an epoch"] == "2.0" and dict(zip(heads, cells[-1]))["epochs"] == "3"


def test_costs_count_the_epochs_between_validations(results):
    every = [{**one, "settings": {**one["settings"], "eval_step": 2}} for one in results]
    heads, cells = tables.costs_of(every)
    assert dict(zip(heads, cells[-1]))["seconds an epoch"] == "1.0" and dict(zip(heads, cells[-1]))["epochs"] == "6"


def test_costs_are_grouped_by_swept_values():
    swept = [result(sweep={"iacn_delta": delta}) for delta in (1.0, 0.5)]
    heads, cells = tables.costs_of(swept)
    assert heads[:4] == ["dataset", "backbone", "mode", "iacn_delta"]
    assert [line[:4] for line in cells] == [["Beauty", "DIN", "full", delta] for delta in ("0.5", "1.0")]


def test_costs_of_runs_with_different_swept_settings():
    heads, cells = tables.costs_of([result(sweep={"iacn_delta": 0.5}), result(sweep={"iacn_lambda": 2, "epochs": 3})])
    assert heads[3:6] == ["epochs", "iacn_delta", "iacn_lambda"]
    assert [line[3:6] for line in cells] == [["3", "–", "2"], ["–", "0.5", "–"]]
    assert {len(line) for line in cells} == {len(heads)}


def test_costs_name_the_device_where_one_was_a_gpu():
    heads, cells = tables.costs_of([{**result(seed=seed), "device": "cpu"} for seed in (1, 2)])
    assert "device" not in heads and len(cells) == 1
    heads, cells = tables.costs_of([result(), *({**result(), "device": name} for name in ("cpu", "GPU A", "GPU A"))])
    assert heads[3:5] == ["device", "seconds"]
    assert [line[3] for line in cells] == ["GPU A", "cpu", "–"]  # one of an earlier version does not say


def test_latex_is_escaped():
    text = tables.latex(["a_b", "c"], [["1 ± 2", "− & –"]])
    assert r"a\_b & c \\" in text and r"1 $\pm$ 2 & $-$ \& -- \\" in text
    text = tables.latex(["a"], [[r"50% of #1 $x_{i}~\ < .001"]])
    assert r"50\% of \#1 \$x\_\{i\}\textasciitilde{}\textbackslash{} $<$ .001" in text


def test_tables_to_the_character():
    """Text that looks like a number stays unchanged, and nothing is aligned, so that one changed cell changes one
    line."""
    heads, cells = ["a|b", "auc"], [["x|y", ".8240 ± .0026"], ["1e5", "+.0100"], ["", "–"]]
    assert tables.markdown(heads, cells) == (
        "| a\\|b | auc |\n| --- | --- |\n| x\\|y | .8240 ± .0026 |\n| 1e5 | +.0100 |\n|  | – |\n"
    )
    assert tables.latex(heads, cells[1:]) == (
        "\\begin{tabular}{ll}\n\\toprule\na|b & auc \\\\\n\\midrule\n1e5 & +.0100 \\\\\n & -- \\\\\n"
        "\\bottomrule\n\\end{tabular}\n"
    )


def test_no_cell_is_a_command_a_line_or_a_tag():
    """Names come from runs.jsonl, which may be another's."""
    cells = [["\\input{/etc/passwd}", "a\n\n\\end{tabular}", "<script>x</script>", "p < .05"]]
    made = tables.latex(["model", "x^_", "%", "$"], cells)
    assert r"\textbackslash{}input\{/etc/passwd\}" in made and r"x\^{}\_ & \% & \$" in made
    assert r"a \textbackslash{}end\{tabular\}" in made and made.count(r"\end{tabular}") == 1
    shown = tables.markdown(["model", "x", "y", "z"], cells)
    assert "&lt;script>x&lt;/script>" in shown and "p < .05" in shown and len(shown.splitlines()) == 3
