"""The page and its pictures, in a real browser if there is one."""

import re
import time

import pytest
from made_runs import ranked, result

from recbole_iacn.report.page import training
from recbole_iacn.report.writing import write_report


@pytest.mark.slow
@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (390, "light"), (1280, "light"), (1280, "dark")])
def test_the_page_in_a_browser(browser, folder, width, scheme):
    """Every figure is drawn, nothing is wider than the window, text is readable, and the console has no errors."""
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
        state = browser.execute_script(ask)
        if state["labels"] == [state["text"]]:
            break
        time.sleep(0.1)
    assert state["drawn"] == state["plots"] >= 7 and state["fetched"] == []
    assert state["page"] <= state["window"] and state["wide"] <= state["window"]
    assert state["labels"] == [state["text"]]
    brightness = [sum(map(int, re.findall(r"\d+", state[key])[:3])) / 3 for key in ("text", "paper")]
    assert abs(brightness[0] - brightness[1]) > 150 and (brightness[1] > brightness[0]) == (scheme == "light")
    assert not [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]


def test_the_effective_number_of_interests_has_a_curve_where_it_was_stored():
    """The mean over seeds; results of earlier versions have none."""
    runs = [ranked("ComiRec", seed, 0.1) for seed in (1, 2)]
    assert [title for title, _ in training(runs)] == ["ComiRec on Beauty: validation", "ComiRec on Beauty: main loss"]
    for seed, one in enumerate(runs):
        for step, epoch in enumerate(one["epochs"]):
            epoch["interests"] = {"effective": 3.0 - step + seed, "own": 4.0}
    title, figure = training(runs)[-1]
    assert title == "ComiRec on Beauty: effective number of interests"
    assert list(figure.data[-1].y) == [3.5, 2.5, 1.5]


def test_curves_are_over_epochs_and_not_over_validations():
    runs = [result(seed=seed, settings={"eval_step": 2}) for seed in (1, 2)]
    figure = dict(training(runs))["DIN on Beauty: validation"]
    assert list(figure.data[-1].x) == [2, 4, 6]
