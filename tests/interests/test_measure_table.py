"""The table of measures, and its page."""

import re
from pathlib import Path

import pytest
from sklearn.metrics import adjusted_mutual_info_score

from recbole_iacn.interests.measure_table import NAMES

PAGE = Path(__file__).parents[2] / "docs" / "interests.md"


def test_the_page_has_a_line_for_every_measure_and_no_other():
    lines = re.findall(r"^\| `(\w+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert lines == [*NAMES, "stability"]


def test_the_pages_example_prints_what_it_says(capsys):
    """Four of five clicks lie in their group's most frequent category; exp(H) of 1/2, 1/4, 1/4 is 2 ** 1.5."""
    (block,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    exec(block, {})
    ami, purity, effective = map(float, re.findall(r"[\d.]+", capsys.readouterr().out))
    assert (purity, effective) == pytest.approx((0.8, 2**1.5))
    assert ami == pytest.approx(adjusted_mutual_info_score([0, 0, 1, 1, 1], [5, 5, 3, 3, 5]))
