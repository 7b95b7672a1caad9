"""The page and its pictures, in a real browser if there is one."""

import re
import time

import pytest

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
