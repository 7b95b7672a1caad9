"""The folder of an exported model: the graph, the vocabulary, and how to call it.

    graph.json        inputs, outputs and versions
    scorer.onnx       of a click model: (history, items, columns) -> scores
    users.onnx        of the family: history -> vectors; with items.npy, the vectors of all items by id
    vocabulary.json   the tokens of each column, in the order of their ids
    users.npz         the known users' columns, where the graph reads columns of users
    README.md         an example that needs onnxruntime and NumPy alone

(A graph beyond 2 GB has its weights in a file ``….onnx.data`` beside it.)
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import logging
import os
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from recbole_iacn.data.dataset_folder import making
from recbole_iacn.errors import ConfigError
from recbole_iacn.model.click.interest_aware import InterestAware
from recbole_iacn.model.retrieval.base import InterestRecommender
from recbole_iacn.serving.onnx.click_graphs import click_graph
from recbole_iacn.serving.onnx.comparison import compare
from recbole_iacn.serving.onnx.graph_inputs import (
    HISTORY,
    ITEMS,
    ROWS,
    TIMES,
    ColumnInput,
    columns_of,
    random_histories,
    random_times,
)
from recbole_iacn.serving.onnx.readme import readme
from recbole_iacn.serving.onnx.tower_graph import TowerGraph
from recbole_iacn.system import disk
from recbole_iacn.system.atomic_writes import check_named, put_right
from recbole_iacn.version import __version__

if TYPE_CHECKING:
    from recbole_iacn.serving.recommender import Recommender

ABOUT, VOCABULARY, USERS, ITEM_VECTORS = "graph.json", "vocabulary.json", "users.npz", "items.npy"
_OPSET = 20
_PACKAGES = ("onnx", "onnxscript", "onnxruntime")


@dataclass(frozen=True)
class Graph:
    """What is exported, and what goes in and comes out.

    Attributes:
        module: computes it in PyTorch.
        file: the file's name.
        inputs: name to the names of its axes.
        outputs: names.
        columns: those of the inputs that are columns of users and rows.
        example: values of all inputs.
    """

    module: nn.Module
    file: str
    inputs: dict[str, tuple[str, ...]]
    outputs: tuple[str, ...]
    columns: Sequence[ColumnInput]
    example: tuple[Tensor, ...]


def export(recommender: Recommender, path: str | os.PathLike, overwrite: bool = False) -> Path:
    """Write a model as an ONNX graph, and compare what onnxruntime computes with PyTorch's.

    Args:
        recommender: the trained model, on the CPU.
        path: the folder to make.
        overwrite: replace a folder that an earlier export has made. Defaults to False.

    Returns:
        The folder.

    Raises:
        ConfigError: the model cannot be exported, onnxruntime's results differ, a package is missing, or the folder
            cannot be written. Nothing is left behind then.
    """
    folder = Path(path)
    check_target(folder, overwrite)
    device = torch.device(recommender.config["device"])
    if device.type != "cpu":
        raise ConfigError(f"export: the model is on {device}; open its bundle with device='cpu'")
    graph = graph_of(recommender)
    with making(folder, overwrite, "export", "name another folder (--out)") as partial:
        _write_graph(graph, partial / graph.file, recommender.config["model"])
        apart = compare(recommender, graph, partial / graph.file)
        _write_beside(graph, partial, recommender, apart)
    return folder


def graph_of(recommender: Recommender) -> Graph:
    """The graph of a model.

    Args:
        recommender: the trained model.

    Raises:
        ConfigError: there is none for this model; says why.
    """
    model, generator = recommender.model, torch.Generator().manual_seed(0)
    longest = recommender.catalogue.max_history or 1
    history = random_histories(3, max(min(longest, 5), 2), model.n_items, generator)
    inputs: dict[str, tuple[str, ...]] = {HISTORY: (ROWS, "length")}
    if isinstance(model, InterestRecommender):
        example = [history]
        if hasattr(model, "ELAPSED"):
            inputs[TIMES] = (ROWS, "length")
            example.append(random_times(history, generator))
        return Graph(TowerGraph(model).eval(), "users.onnx", inputs, ("interests", "active"), (), tuple(example))
    if isinstance(model, InterestAware):
        columns = columns_of(model, recommender.catalogue, recommender.config)
        buckets = [c.column for c in columns if c.kind == "bucket" and c.column not in recommender.catalogue.users]
        if buckets:
            raise ConfigError(
                f"export: {recommender.config['model']} reads the bucket of {buckets[0]!r} of each row, whose bounds a "
                "bundle does not have; train it without this column's discretization"
            )
        inputs |= {ITEMS: (ROWS, "candidates")} | {column.name: column.axes for column in columns}
        items = torch.randint(1, model.n_items, (3, 4), generator=generator)
        values = [column.random(3, generator) for column in columns]
        module = click_graph(model, columns).eval()
        return Graph(module, "scorer.onnx", inputs, ("scores",), columns, (history, items, *values))
    name = recommender.config["model"]
    raise ConfigError(
        f"export: {name} has no graph; <Backbone>_IaCN has one (with iacn_mode: off it is the plain backbone), and "
        "every model of the multi-interest family"
    )


def check_target(path: str | os.PathLike, overwrite: bool = False) -> None:
    """Reject an export before any work.

    Args:
        path: the folder to make.
        overwrite: replace a folder that an earlier export has made.

    Raises:
        ConfigError: a package is missing, or the folder may not be written.
    """
    check_named(path)
    folder = Path(path)
    missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigError(f"export: needs {' and '.join(missing)}; pip install 'recbole_iacn[onnx]'")
    put_right(folder)
    disk.check(folder, "name another folder (--out)")
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not (folder / ABOUT).is_file():
        raise ConfigError(f"{folder}: exists, and was not made by an export (no {ABOUT}); name another folder")
    if not overwrite:
        raise ConfigError(f"{folder}: exists already; name another folder, or replace it with overwrite (--overwrite)")


def _write_graph(graph, path, name):
    fixed = len(graph.inputs) - len(graph.columns)
    shapes: list[Any] = [dict(enumerate(axes)) for axes in graph.inputs.values()]
    if graph.columns:  # they are one argument of forward, with several values
        shapes[fixed:] = [tuple(shapes[fixed:])]
    try:
        with torch.no_grad(), _quiet():
            program: Any = torch.onnx.export(
                graph.module,
                graph.example,
                dynamo=True,
                verbose=False,
                opset_version=_OPSET,
                input_names=list(graph.inputs),
                output_names=list(graph.outputs),
                dynamic_shapes=tuple(shapes),
            )
            program.save(str(path))
    except OSError:
        raise
    except Exception as error:  # whatever a model's code does that a graph cannot
        reason = str(error.__cause__ or error).strip() or type(error).__name__
        raise ConfigError(f"export: {name} cannot become an ONNX graph: {reason.splitlines()[0]}") from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without PyTorch's notes on packages that are not needed here."""
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)


def _write_beside(graph, folder, recommender, apart):
    catalogue, model = recommender.catalogue, recommender.model
    # A bucket has no token.
    read = [column.column for column in graph.columns if column.count and column.kind != "bucket"]
    tokens = {name: catalogue.tokens[name].tolist() for name in dict.fromkeys([catalogue.item, *read])}
    (folder / VOCABULARY).write_text(json.dumps(tokens, ensure_ascii=False), encoding="utf-8")
    of_users = {
        column.name: column.as_given(catalogue.users[column.column]).cpu().numpy()
        for column in graph.columns
        if column.column in catalogue.users
    }
    if of_users:
        np.savez(folder / USERS, **of_users)
    if isinstance(model, InterestRecommender):
        np.save(folder / ITEM_VECTORS, model.item_embedding.weight.detach().numpy())
    about = {
        "model": recommender.config["model"],
        "inputs": [
            {"name": HISTORY, "dtype": "int64", "axes": graph.inputs[HISTORY], "meaning": "items' ids, oldest first"},
            *(
                {"name": name, "dtype": "int64", "axes": graph.inputs[name], "meaning": meaning}
                for name, meaning in ((ITEMS, "candidates' ids"), (TIMES, "of each click, whole numbers, in any unit"))
                if name in graph.inputs
            ),
            *({"name": c.name, "dtype": c.dtype, "axes": c.axes, "meaning": c.meaning} for c in graph.columns),
        ],
        "outputs": list(graph.outputs),
        "max_history": catalogue.max_history,
        "largest_difference": apart,
        "versions": {"recbole_iacn": __version__, "torch": torch.__version__},
    }
    (folder / ABOUT).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    (folder / "README.md").write_text(readme(graph, recommender, bool(of_users)), encoding="utf-8")
