"""The trade-off of accuracy and diversity as a table and as a curve."""

from __future__ import annotations

import csv
import io
import math
from typing import Any

from tabulate import tabulate

from recbole_iacn.interests.trade_off import Point, TradeOff

SUFFIXES = (".md", ".csv")
_FIGURES = ("recall", "ndcg", "diversity")
_TITLES = {"recall": "Recall", "ndcg": "NDCG", "diversity": "Diversity"}
_MEANING = """λ: how much lower the score of an item may be that differs from one more item of the list; 0 is the list
of the highest scores. A row has one clicked item, so Recall is the hit rate. Diversity: the mean over all pairs of a
list of one minus the Jaccard similarity of the two items' {}; with one value per item the share of pairs that differ
(Cen et al., KDD '20)."""
_COLOURS = ("#2f7ed8", "#d9822b", "#3a9d5d", "#b84a9c", "#c43d3d", "#7a5fc0")


def trade_off_text(curve: TradeOff, suffix: str = "") -> str:
    """The curve as the text of a file.

    Args:
        curve: of a model.
        suffix: one of :data:`SUFFIXES`, or empty for a terminal.
    """
    if suffix == ".csv":
        return _csv(curve)
    heads, cells = trade_off_cells(curve)
    table = tabulate(cells, heads, "pipe" if suffix == ".md" else "simple", disable_numparse=True, stralign="left")
    first = f"{_named(curve)} on {curve.dataset}: {curve.rows:,} test rows, items differ by {curve.column}"
    said = "\n".join(f"- {note}" for note in curve.notes)
    return "\n\n".join((first, table, _MEANING.replace("\n", " ").format(curve.column), said)) + "\n"


def trade_off_cells(curve: TradeOff) -> tuple[list[str], list[list[str]]]:
    """Heads and cells: a row per λ, and for each length of list its three figures."""
    ks = sorted({point.k for point in curve.points})
    heads = ["λ", *(f"{_TITLES[name]}@{k}" for k in ks for name in _FIGURES)]
    at = {(point.weight, point.k): point for point in curve.points}
    cells = [
        [_number(weight), *(_figure_text(getattr(at[weight, k], name)) for k in ks for name in _FIGURES)]
        for weight in sorted({point.weight for point in curve.points})
    ]
    return heads, cells


def trade_off_figure(curve: TradeOff) -> Any:
    """The figures over λ: accuracy above, diversity below, a colour for each length of list."""
    from plotly.subplots import make_subplots

    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.08)
    for place, k in enumerate(sorted({point.k for point in curve.points})):
        points = sorted((point for point in curve.points if point.k == k), key=lambda point: point.weight)
        colour = _COLOURS[place % len(_COLOURS)]
        for name, row, dash in (("recall", 1, "solid"), ("ndcg", 1, "dot"), ("diversity", 2, "solid")):
            figure.add_scatter(
                x=[_number(point.weight) for point in points],
                y=[getattr(point, name) for point in points],
                mode="lines+markers",
                name=f"{_TITLES[name]}@{k}",
                line={"color": colour, "dash": dash},
                row=row,
                col=1,
            )
    grid = {"gridcolor": "rgba(128,128,128,.25)", "zeroline": False}
    figure.update_xaxes(type="category", **grid)
    figure.update_xaxes(title="λ", row=2, col=1)
    figure.update_yaxes(**grid)
    figure.update_yaxes(title="Recall, NDCG", rangemode="tozero", row=1, col=1)
    figure.update_yaxes(title="Diversity", row=2, col=1)
    figure.update_layout(
        title={"text": f"{_named(curve)} on {curve.dataset}", "font": {"size": 15}},
        plot_bgcolor="rgba(0,0,0,0)",
        margin={"l": 60, "r": 10, "t": 50, "b": 50},
        height=520,
    )
    return figure


def _csv(curve):
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(["dataset", "model", "seed", "by", "rows", "lambda", "k", *_FIGURES])
    for point in curve.points:
        figures = [_unless_nan(getattr(point, name)) for name in _FIGURES]
        seed = "" if curve.seed is None else curve.seed
        table.writerow([curve.dataset, curve.model, seed, curve.column, curve.rows, *_place(point), *figures])
    return out.getvalue()


def _place(point: Point) -> tuple[str, int]:
    return _number(point.weight), point.k


def _named(curve):
    return curve.model if curve.seed is None else f"{curve.model}, seed {curve.seed}"


def _number(value: float) -> str:
    """As it may be typed again."""
    return str(int(value)) if value == int(value) and value < 1e15 else repr(value)


def _figure_text(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.4f}"


def _unless_nan(value: float) -> float | str:
    return "" if math.isnan(value) else round(value, 6)
