"""The notebooks of examples/ run from the first cell to the last, each in its kernel, and show what is committed."""

import json
import re
import runpy
from pathlib import Path

import pytest
from helpers import write_few_films

FOLDER = Path(__file__).parents[1] / "examples"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
# What a notebook leaves in its folder, and a word that it must show: of a figure, its axis.
SHOWS = {
    "comparing_models": ("compare.yaml", "difference of test AUC"),
    "first_steps": ("films/manifest.json", "Beauty and the Beast"),
    "interests_of_film_lovers": ("film_interests/manifest.json", "AMI with genres"),
    "own_table": ("shop_model/manifest.json", "score lost"),
}
# first_steps runs in short: on a few users, an epoch. The others have to show what they say of their figures.
SHORT = """
import sys, pathlib, recbole_iacn
sys.path.insert(0, {tests!r})
from helpers import train_on_few_films
train_on_few_films(pathlib.Path({films!r}))
"""


@pytest.fixture(scope="module")
def execute():
    """examples/execute.py, as a dict of its functions."""
    pytest.importorskip("nbclient")
    return runpy.run_path(str(FOLDER / "execute.py"))


@pytest.mark.slow
@pytest.mark.timeout(900)  # most of a minute of one core each, which others may share
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_shows_what_is_committed(path, execute, tmp_path):
    """A kernel has flags of its own on its command line, a loop of events, and an empty folder to work in."""
    import nbformat

    before = ""
    if path.stem == "first_steps":
        before = SHORT.format(tests=str(Path(__file__).parent), films=str(write_few_films(tmp_path / "recbole")))
    work = tmp_path / "work"
    work.mkdir()
    notebook = execute["executed"](path, work, before)
    left, word = SHOWS[path.stem]
    assert (work / left).is_file() and word in nbformat.writes(notebook)
    shown = execute["kinds"](notebook)
    if before:  # of few films not all are known, which a line of the log says
        shown = [[one for one in cell if one != ["stderr"]] for cell in shown]
    assert shown == execute["kinds"](nbformat.read(path, as_version=4))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_holds_small_outputs_of_no_machine(path):
    """No counters, which change with every run; no scripts, warnings, errors, folders or addresses."""
    text = path.read_text(encoding="utf-8")
    cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
    outputs = [one for cell in cells for one in cell["outputs"]]
    assert {cell["execution_count"] for cell in cells} == {None} and len(text) < 300_000
    assert {kind for one in outputs for kind in one.get("data", {})} <= {"text/plain", "text/html", "image/png"}
    assert not [one for one in outputs if one["output_type"] == "error" or one.get("name") == "stderr"]
    shown = json.dumps([{**one, "data": {**one.get("data", {}), "image/png": ""}} for one in outputs])
    assert not re.search(r"<script|https?:|[\"' ]/(home|root|tmp|usr|var|work|Users)\b|Warning|Traceback", shown)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_links_of_a_notebook_lead_somewhere(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    said = "".join(line for cell in cells if cell["cell_type"] == "markdown" for line in cell["source"])
    links = [link.split("#") for link in re.findall(r"\]\(([^)]+)\)", said)]
    assert links and all((FOLDER / file).is_file() for file, *_ in links)
    for file, *heading in links:
        if heading and file.endswith(".md"):
            titles = re.findall(r"(?m)^#+ (.+)$", (FOLDER / file).read_text(encoding="utf-8"))
            assert heading[0] in [re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles]
