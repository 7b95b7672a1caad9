"""Every code block of docs/extending.md runs, its checks pass, and it fits on a screen."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[1] / "docs" / "extending.md").read_text(encoding="utf-8")
HEAD, *PARTS = PAGE.split("\n## ")


def blocks(text):
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


SECTIONS = {part.partition("\n")[0]: blocks(part) for part in PARTS}


def test_the_page_has_six_additions_of_at_most_25_lines():
    names = ("backbone", "retrieval model", "extractor", "auxiliary task", "protocol", "metric")
    assert [title.partition(" ")[2] for title in SECTIONS] == list(names)
    for title, code in SECTIONS.items():
        longest = max(len([line for line in block.splitlines() if line.strip()]) for block in code)
        assert longest <= 25, title


@pytest.mark.slow
@pytest.mark.parametrize("title", SECTIONS)
def test_the_blocks_run(title, tmp_path):
    """They run one after the other as a module of tests, in a fresh process, without any other code."""
    path = tmp_path / "test_mine.py"
    path.write_text("\n".join([*blocks(HEAD), *SECTIONS[title]]), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(path)]
    if "class Test" not in path.read_text():
        command = [sys.executable, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
