"""The notebook of examples/ runs from the first cell to the last in a kernel of its own."""

import json
from pathlib import Path

import pytest
from helpers import write_few_films

PATH = Path(__file__).parents[1] / "examples" / "first_steps.ipynb"


@pytest.mark.slow
def test_the_notebook_runs(tmp_path):
    """A kernel has flags of its own on its command line, and a loop of events."""
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    films = write_few_films(tmp_path / "recbole")
    notebook = nbformat.read(PATH, as_version=4)
    few = f"""
        import sys, pathlib, recbole_iacn
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from helpers import train_on_few_films
        train_on_few_films(pathlib.Path({str(films)!r}))
    """
    notebook.cells.insert(0, nbformat.v4.new_code_cell(few.replace(" " * 8, "")))
    client = nbclient.NotebookClient(notebook, timeout=200, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    shown = [
        "".join(one.get("text", "") or one["data"]["text/plain"])
        for cell in notebook.cells
        for one in cell.get("outputs", [])
    ]
    assert any("test AUC 0." in text for text in shown) and any("Beauty and the Beast" in text for text in shown)
    assert (tmp_path / "films" / "manifest.json").is_file()


def test_the_notebook_holds_small_outputs_only():
    """Text; no counters and no output of another kind, which would change with every run."""
    cells = [cell for cell in json.loads(PATH.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    assert {cell["execution_count"] for cell in cells} == {None}
    kinds = {kind for cell in cells for one in cell["outputs"] for kind in one.get("data", {})}
    assert kinds <= {"text/plain"} and PATH.stat().st_size < 20_000
