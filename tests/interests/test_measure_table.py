"""The table of measures, and its page."""

import re
from pathlib import Path

from recbole_iacn.interests.measure_table import NAMES

PAGE = Path(__file__).parents[2] / "docs" / "interests.md"


def test_the_page_has_a_line_for_every_measure_and_no_other():
    lines = re.findall(r"^\| `(\w+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert lines == [*NAMES, "stability"]


def test_the_pages_example_runs():
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        exec(block, {})
