"""The README of an exported model: an example that runs with onnxruntime and NumPy alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recbole_iacn.serving.onnx.graph_inputs import TIMES

if TYPE_CHECKING:
    from recbole_iacn.serving.onnx.exporting import Graph
    from recbole_iacn.serving.recommender import Recommender

_START = """\
import json

import numpy as np
import onnxruntime

tokens = json.load(open("vocabulary.json", encoding="utf-8"))[{item!r}]
ids = {{token: number for number, token in enumerate(tokens)}}
session = onnxruntime.InferenceSession({file!r})
history = [ids[token] for token in {clicks} if token in ids][-{most}:] or [0]  # oldest first
"""

_SCORER = """\
items = [ids[token] for token in {candidates}]
inputs = {{"history": np.array([history]), "items": np.array([items])}}{columns}
scores = session.run(["scores"], inputs)[0]  # (rows, candidates)
print(scores[0])
"""

_USERS = """
known = np.load("users.npz")
user = 0  # a new user; a known one is the place of its token among those of {user!r}
inputs |= {{name: known[name][[user]] for name in known}}"""

_TOWER = """\
inputs = {{"history": np.array([history]){times}}}
interests, active = session.run(["interests", "active"], inputs)  # (rows, K, D) and which of them the row has
scores = np.where(active[..., None], interests @ np.load("items.npy").T, -np.inf).max(axis=1)
best = scores[0, 1:].argsort()[::-1][:10] + 1
print([tokens[item] for item in best])
"""


def readme(graph: Graph, recommender: Recommender, has_users: bool) -> str:
    """The text.

    Args:
        graph: what was exported.
        recommender: the model.
        has_users: whether there is a table of users beside the graph.
    """
    catalogue, name = recommender.catalogue, recommender.config["model"]
    example = catalogue.tokens[catalogue.item][1:4].tolist()
    start = _START.format(item=catalogue.item, file=graph.file, clicks=example[:2], most=catalogue.max_history)
    if graph.columns:
        columns = _USERS.format(user=catalogue.user) if has_users else ""
        columns += "".join(_line(one) for one in graph.columns if not (has_users and one.name.startswith("user.")))
    else:
        columns = ""
    if graph.file == "scorer.onnx":
        rest = _SCORER.format(candidates=example, columns=columns)
    else:
        rest = _TOWER.format(times=', "times": np.array([[0, 60]])' if TIMES in graph.inputs else "")
    lines = "\n".join(f"| `{one.name}` | {one.dtype} | {one.meaning} |" for one in graph.columns)
    table = f"\n| further input | type | values |\n|---|---|---|\n{lines}\n" if lines else ""
    times = "`times` has a whole number per click, in any unit. " if TIMES in graph.inputs else ""
    return (
        f"# {name} as an ONNX graph\n\n"
        f"Run this in the folder; it needs onnxruntime and NumPy.\n\n```python\n{start}{rest}```\n\n"
        "Histories of several rows are padded on the right by 0; a row has the newest "
        f"{catalogue.max_history} clicks at most, and an empty history is a 0. {times}"
        f"`graph.json` lists inputs, outputs and versions.\n{table}"
    )


def _line(column):
    shape = "(1, 1)" if column.kind.endswith("_seq") else "1"
    return f'\ninputs["{column.name}"] = np.zeros({shape}, np.{column.dtype})  # {column.meaning}'
