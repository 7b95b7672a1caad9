"""The trade-off as text, as CSV and as a curve, of points that are made by hand."""

import csv
import io
import math

import pytest

from recbole_iacn.interests.trade_off import Point, TradeOff
from recbole_iacn.report.trade_off_table import trade_off_cells, trade_off_figure, trade_off_text

POINTS = (
    Point(0.0, 20, 0.06781, 0.0281, 0.5),
    Point(0.0, 50, 0.1146, 0.0373, 0.6),
    Point(0.036, 20, 0.0673, 0.028, 0.75),
    Point(0.036, 50, 0.1125, 0.0368, math.nan),
)
CURVE = TradeOff("ComiRec", "Beauty", 2020, "categories", 22363, POINTS, ("Lists are of all items.",))


def test_a_row_per_weight_and_three_columns_per_length():
    heads, cells = trade_off_cells(CURVE)
    assert heads == ["λ", "Recall@20", "NDCG@20", "Diversity@20", "Recall@50", "NDCG@50", "Diversity@50"]
    assert cells == [
        ["0", "0.0678", "0.0281", "0.5000", "0.1146", "0.0373", "0.6000"],
        ["0.036", "0.0673", "0.0280", "0.7500", "0.1125", "0.0368", "–"],
    ]


def test_markdown_says_what_it_is_of():
    text = trade_off_text(CURVE, ".md")
    assert text.startswith("ComiRec, seed 2020 on Beauty: 22,363 test rows, items differ by categories\n\n| λ ")
    assert "| 0.036 | 0.0673 " in text and "of the two items' categories; with one" in text
    assert text.endswith("\n\n- Lists are of all items.\n")
    assert trade_off_text(CURVE).splitlines()[3].startswith("-----")


def test_csv_has_a_row_per_point():
    rows = list(csv.DictReader(io.StringIO(trade_off_text(CURVE, ".csv"))))
    assert len(rows) == 4 and rows[0] == {
        **{"dataset": "Beauty", "model": "ComiRec", "seed": "2020", "by": "categories", "rows": "22363"},
        **{"lambda": "0", "k": "20", "recall": "0.06781", "ndcg": "0.0281", "diversity": "0.5"},
    }
    assert [float(row["lambda"]) for row in rows] == [0, 0, 0.036, 0.036] and rows[3]["diversity"] == ""


def test_the_curve_has_a_line_per_figure_and_length():
    pytest.importorskip("plotly")
    figure = trade_off_figure(CURVE)
    lines = {line.name: line for line in figure.data}
    assert list(lines) == [f"{name}@{k}" for k in (20, 50) for name in ("Recall", "NDCG", "Diversity")]
    assert list(lines["Diversity@20"].x) == ["0", "0.036"] and list(lines["Diversity@20"].y) == [0.5, 0.75]
    assert lines["Diversity@20"].yaxis == "y2" and lines["NDCG@20"].yaxis == "y" and figure.layout.height == 520
