"""Run the notebooks of this folder, and write what they show into them.

    make notebooks            (or: python examples/execute.py [NOTEBOOK ...])

Each runs in a kernel of its own, in an empty folder. Plotly's figures become PNG images, which every viewer of
notebooks shows, without scripts; to draw them Kaleido needs a Chrome or Chromium. Counters are not kept.
"""

import base64
import os
import sys
import tempfile
from pathlib import Path

import nbformat
import plotly.graph_objects as go
from nbclient import NotebookClient

from recbole_iacn.system.atomic_writes import write_text

FOLDER = Path(__file__).parent
FIGURE = "application/vnd.plotly.v1+json"  # what a figure is as long as it can be zoomed
_KEPT = (FIGURE, "text/html", "text/plain")


def executed(path, folder, before=""):
    """The notebook with its outputs, figures as Plotly's JSON.

    Args:
        path (pathlib.Path): the notebook, which is not changed.
        folder (str or pathlib.Path): the working folder of its kernel.
        before (str): code to run first.
    """
    notebook = nbformat.read(path, as_version=4)
    if before:
        notebook.cells.insert(0, nbformat.v4.new_code_cell(before))
    client = NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(folder)}})
    client.execute(env={**os.environ, "PLOTLY_RENDERER": "plotly_mimetype"})
    if before:
        del notebook.cells[0]
    for cell in notebook.cells:
        cell.metadata.clear()
        if cell.cell_type == "code":
            cell.execution_count = None
            cell.outputs = list(map(_shown, cell.outputs))
    return notebook


def _shown(output):
    """An output without counters, and without forms that add nothing."""
    if "execution_count" in output:
        output.execution_count = None
    if "data" in output:
        kept = [kind for kind in _KEPT if kind in output.data]
        output.data = {kind: output.data[kind] for kind in (kept[:1] if FIGURE in kept else kept)}
    return output


def draw(notebook):
    """Replace Plotly's figures with images."""
    for output in (one for cell in notebook.cells for one in cell.get("outputs", ())):
        figure = output.get("data", {}).pop(FIGURE, None)
        if figure is not None:
            image = go.Figure(figure).to_image(format="png", scale=1.25)
            output.data["image/png"] = base64.b64encode(image).decode() + "\n"


def kinds(notebook):
    """The kinds of output of each code cell, by which two runs are compared: figures may differ in the last digit.

    Returns:
        list of list of list: the stream's name or type of each output, and the kinds of its data; a figure of Plotly's
        counts as its image.
    """
    return [list(map(_kind, cell.outputs)) for cell in notebook.cells if cell.cell_type == "code"]


def _kind(output):
    data = ["image/png" if kind == FIGURE else kind for kind in output.get("data", ())]
    return [output.get("name", output.output_type), *data]


def main():
    for path in map(Path, sys.argv[1:] or sorted(FOLDER.glob("*.ipynb"))):
        with tempfile.TemporaryDirectory() as folder:
            notebook = executed(path, folder)
        draw(notebook)
        write_text(path, nbformat.writes(notebook) + "\n")
        print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
