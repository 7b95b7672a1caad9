"""The report as one HTML page, which needs no network and adapts to light and dark, wide and narrow screens."""

import html
from collections.abc import Sequence

import plotly.graph_objects as go
import plotly.io
from scipy import stats

from recbole_iacn.experiments.results import column_of
from recbole_iacn.report.compared import Compared, compared
from recbole_iacn.report.leaderboard import Entry, main_metric
from recbole_iacn.report.tables import Result, Row, Table, epochs_apart, in_order, mean_and_deviation

Figures = dict[str, tuple[str, go.Figure]]  # name -> (title, figure)

COLOURS = {"off": "#8a8a8a", "width": "#d9822b", "full": "#2f7ed8"}
_OTHERS = ("#2f7ed8", "#3a9d5d", "#b84a9c", "#c43d3d", "#7a5fc0", "#1f9aa8", "#8c6d31", "#5f6f1f")  # of named columns

_STYLE = """
:root { color-scheme: light dark; --text: #1c1c1c; --paper: #ffffff; --line: #d0d0d0; }
@media (prefers-color-scheme: dark) { :root { --text: #e6e6e6; --paper: #16181c; --line: #43474f; } }
body { margin: 0 auto; max-width: 72rem; padding: 1rem; color: var(--text); background: var(--paper);
       font: 16px/1.5 system-ui, sans-serif; }
.table { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; white-space: nowrap; }
th, td { padding: .3rem .7rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
td:last-child { white-space: normal; }
figure { margin: 1.5rem 0; }
"""

# Plotly's own colours do not follow the page's.
_SCRIPT = """
function recolour() {
  const text = getComputedStyle(document.body).color;
  document.querySelectorAll('.js-plotly-plot').forEach(plot => Plotly.relayout(plot, {'font.color': text}));
}
window.addEventListener('load', recolour);
window.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', recolour);
"""


def page(name: str, figures: Figures, sections: Sequence[tuple[str, str, Table]], verdict: Sequence[str]) -> str:
    """Write the whole page.

    Args:
        name (str): the experiment's name.
        figures (dict): the figures, as :func:`figures_of` returns them.
        sections (list of tuple): (title, text, (heads, cells)).
        verdict (list of str): sentences on the outcome.

    Returns:
        str: HTML that contains Plotly.
    """
    parts = [f"<h1>{html.escape(name)}</h1>", *(f"<p>{html.escape(sentence)}</p>" for sentence in verdict)]
    for place, (title, figure) in enumerate(figures.values()):
        parts.append(f"<figure><figcaption>{html.escape(title)}</figcaption>{_html(figure, place == 0)}</figure>")
    for title, text, (heads, cells) in sections:
        parts += [f"<h2>{html.escape(title)}</h2>", f"<p>{html.escape(text)}</p>", _table(heads, cells)]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(name)}</title><style>{_STYLE}</style></head><body>\n"
        + "\n".join(parts)
        + f"\n<script>{_SCRIPT}</script></body></html>\n"
    )


def figures_of(results: Sequence[Result], rows: Sequence[Row]) -> Figures:
    """All figures of a report on models with modes.

    Args:
        results (list of dict): the results of the runs.
        rows (list of Row): the rows of the table.

    Returns:
        dict: name -> (title, plotly Figure): ``gain`` if there are comparisons, one figure per swept setting, with the
        setting's name, and ``training 0``, ``training 1`` ….
    """
    figures = {}
    if any(comparison for row in rows for comparison in row.comparisons.values()):
        figures["gain"] = ("Gain in test AUC, with its 95 % interval", gains(rows))
    for key in sorted({key for row in rows for key, _ in row.sweep}):
        figures[key] = (f"Test AUC by {key}, mean ± SD", curve(rows, key))
    figures.update({f"training {place}": one for place, one in enumerate(training(results, rows[0].columns))})
    return figures


def board_figures_of(results: Sequence[Result], entries: Sequence[Entry]) -> Figures:
    """All figures of a report on models without modes.

    Args:
        results (list of dict): the results of the runs.
        entries (list of Entry): the entries of the table.

    Returns:
        dict: name -> (title, plotly Figure): ``board``, and ``training 0``, ``training 1`` ….
    """
    metric = main_metric(entries)
    figure = _figure(f"test {metric}")
    for dataset in dict.fromkeys(entry.dataset for entry in entries):
        some = [entry for entry in entries if entry.dataset == dataset and metric in entry.metrics]
        if not some:
            continue
        means, deviations = zip(*(mean_and_deviation(entry.metrics[metric].values()) for entry in some))
        figure.add_scatter(
            x=means,
            y=[entry.name for entry in some],
            error_x={"array": [0.0 if one != one else one for one in deviations]},
            mode="markers",
            name=dataset,
            marker={"size": 9},
        )
    figure.update_layout(height=140 + 44 * len(entries), yaxis={"autorange": "reversed", "automargin": True})
    curves = {f"training {place}": one for place, one in enumerate(training(results))}
    return {"board": (f"Test {metric}, mean ± SD", figure), **curves}


def colours(columns: Compared) -> dict[str, str]:
    """A colour for each column: the modes' own, and others in turn."""
    others = [name for name in columns.names if name not in COLOURS]
    return {**COLOURS, **{name: _OTHERS[place % len(_OTHERS)] for place, name in enumerate(others)}}


def gains(rows: Sequence[Row]) -> go.Figure:
    """A figure of the mean gain of the first column of each pair over the second, with Student's 95 % interval."""
    columns = rows[0].columns
    of = colours(columns)
    figure = _figure(f"test AUC of {'full − control' if columns.moded else 'the first column − the second'}")
    for place, (first, second) in enumerate(columns.pairs):
        known = [row for row in rows if row.comparisons[first, second]]
        if not known:
            continue
        names = [", ".join([row.dataset, row.model, *(f"{k} {v}" for k, v in row.sweep)]) for row in known]
        comparisons = [one for row in known if (one := row.comparisons[first, second])]
        figure.add_scatter(
            x=[one.gain for one in comparisons],
            y=names,
            error_x={"array": [_reach(one) for one in comparisons]},
            mode="markers",
            name=f"{first} − {second}",
            marker={"color": of[second] if columns.moded else _OTHERS[place % len(_OTHERS)], "size": 9},
        )
    figure.update_layout(height=140 + 44 * len(rows), yaxis={"autorange": "reversed", "automargin": True})
    figure.add_vline(x=0, line_width=1, line_color="#8a8a8a")
    return figure


def _reach(comparison):
    """Half the width of Student's 95 % interval of a mean; 0 for one pair."""
    if comparison.pairs == 1:
        return 0.0
    return comparison.deviation * float(stats.t.ppf(0.975, comparison.pairs - 1)) / comparison.pairs**0.5


def curve(rows: Sequence[Row], key: str) -> go.Figure:
    """A figure of the test AUC over a swept setting, with a band of one standard deviation."""
    figure = _figure(key)
    of = colours(rows[0].columns)
    rows = [row for row in rows if key in dict(row.sweep)]
    for dataset, model in sorted({(row.dataset, row.model) for row in rows}):
        for mode in rows[0].columns.names:
            points = [
                (dict(row.sweep)[key], *mean_and_deviation(row.results[mode].values()))
                for row in rows
                if (row.dataset, row.model) == (dataset, model) and mode in row.results
            ]
            if points:
                x, means, deviations = zip(*sorted(points, key=lambda point: in_order(point[:1])))
                x = x if all(isinstance(value, int | float) for value in x) else tuple(map(str, x))
                _band(figure, x, means, deviations, f"{model} {mode}, {dataset}", of[mode])
    return figure


def training(results: Sequence[Result], columns: Compared | None = None) -> list[tuple[str, go.Figure]]:
    """Figures of the validation metric, both losses and the effective number of interests over the epochs, means over
    seeds, per backbone and dataset."""
    columns = compared(results) if columns is None else columns
    figures, of = [], colours(columns)
    unswept = [one for one in results if not one["sweep"]]
    for dataset, model in sorted({(one["dataset"], one["model"]) for one in unswept}):
        runs = [one for one in unswept if (one["dataset"], one["model"]) == (dataset, model)]
        for title, value in (
            ("validation", lambda epoch: epoch["valid"]),
            ("main loss", lambda epoch: epoch["losses"].get("main")),
            ("loss of the task", lambda epoch: epoch["losses"].get("iacn")),
            ("effective number of interests", lambda epoch: (epoch.get("interests") or {}).get("effective")),
        ):
            figure = _figure("epoch")
            there = {column_of(one) for one in runs}
            for name in [name for name in (*columns.names, "") if name in there]:
                series = [[value(epoch) for epoch in one["epochs"]] for one in runs if column_of(one) == name]
                steps = list(zip(*series)) if series else []  # up to the last epoch that every seed has
                if not steps or None in steps[0]:
                    continue
                means, deviations = zip(*(mean_and_deviation(step) for step in steps))
                x = [epochs_apart(runs[0]) * step for step in range(1, len(steps) + 1)]
                _band(figure, x, means, deviations, name or model, of.get(name, COLOURS["full"]))
            figure.update_xaxes(tickformat="d", dtick=1 if len(figure.data) and figure.data[0].x[-1] < 16 else 5)
            if figure.data:
                figures.append((f"{model} on {dataset}: {title}", figure))
    return figures


def _band(figure, x, means, deviations, name, colour):
    low = [mean - (deviation if deviation == deviation else 0) for mean, deviation in zip(means, deviations)]
    high = [mean + (deviation if deviation == deviation else 0) for mean, deviation in zip(means, deviations)]
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    around = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False, "legendgroup": name}
    figure.add_scatter(x=x, y=high, **around)
    figure.add_scatter(x=x, y=low, fill="tonexty", fillcolor=f"rgba({red},{green},{blue},.18)", **around)
    figure.add_scatter(x=x, y=means, mode="lines+markers", name=name, legendgroup=name, line={"color": colour})


def _figure(x_title):
    grid = {"gridcolor": "rgba(128,128,128,.25)", "zeroline": False}
    clear = "rgba(0,0,0,0)"
    return go.Figure(
        layout={
            "xaxis": {"title": x_title, **grid},
            "yaxis": grid,
            "paper_bgcolor": clear,
            "plot_bgcolor": clear,
            "margin": {"l": 50, "r": 10, "t": 20, "b": 50},
            "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom"},
            "height": 320,
        }
    )


def _html(figure, first):
    settings = {"responsive": True, "displayModeBar": False}
    return plotly.io.to_html(figure, full_html=False, include_plotlyjs=first, default_width="100%", config=settings)


def _table(heads, cells):
    def line(tag, texts):
        return "<tr>" + "".join(f"<{tag}>{html.escape(text)}</{tag}>" for text in texts) + "</tr>"

    body = "".join(line("td", texts) for texts in cells)
    return f'<div class="table"><table><thead>{line("th", heads)}</thead><tbody>{body}</tbody></table></div>'
