"""The picture of how it works is what tools/how_it_works.py draws, and can be read by everybody."""

import runpy
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TOOL = runpy.run_path(str(ROOT / "tools" / "how_it_works.py"))
DRAWINGS = TOOL["drawings"]()
SVG = "{http://www.w3.org/2000/svg}"


def test_there_is_one_for_light_and_one_for_dark_pages():
    assert [path.name for path in DRAWINGS] == ["how-it-works-light.svg", "how-it-works-dark.svg"]


@pytest.mark.parametrize("path", DRAWINGS, ids=lambda path: path.stem)
def test_the_file_is_what_the_tool_draws(path):
    assert path.read_text(encoding="utf-8") == DRAWINGS[path], "run python tools/how_it_works.py"


@pytest.mark.parametrize("path", DRAWINGS, ids=lambda path: path.stem)
def test_it_is_described_and_its_words_are_text(path):
    root = ET.fromstring(DRAWINGS[path])
    assert root.get("role") == "img"
    title, description = (root.find(f"{SVG}{name}") for name in ("title", "desc"))
    assert root.get("aria-labelledby").split() == [title.get("id"), description.get("id")]
    assert title.text and "E auxiliary" in description.text
    words = " ".join("".join(text.itertext()) for text in root.iter(f"{SVG}text"))
    for word in (
        "History of clicked items",
        "⊕",
        "Auxiliary network",
        "training only",
        "K interests",
        "Backbone",
        "λ",
        "δ",
    ):
        assert word in words
    assert "sans-serif" in root.get("font-family")


def luminance(colour):
    """WCAG 2.2's relative luminance of ``#rrggbb``."""
    parts = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("name", TOOL["COLOURS"])
def test_every_text_stands_out_from_what_lies_behind_it(name):
    """By 4.5 to 1, which WCAG asks of text."""
    colours = TOOL["COLOURS"][name]
    pairs = [("text", behind) for behind in ("ground", "tile", "box", "original", "auxiliary")]
    pairs += [("soft", "box"), ("auxiliary_edge", "box"), ("auxiliary_edge", "ground")]
    for text, behind in pairs:
        low, high = sorted((luminance(colours[text]), luminance(colours[behind])))
        assert (high + 0.05) / (low + 0.05) >= 4.5, (text, behind)
