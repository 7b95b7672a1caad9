"""What onnxruntime computes from an exported graph, beside what PyTorch computes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from recbole_iacn.errors import ConfigError
from recbole_iacn.serving.onnx.graph_inputs import HISTORY, ITEMS, TIMES

if TYPE_CHECKING:
    from recbole_iacn.serving.model_rows import Rows
    from recbole_iacn.serving.onnx.exporting import Graph
    from recbole_iacn.serving.recommender import Recommender

TOLERANCE = 1e-5
_SIZES = ((7, 5), (1, 1), (64, 20))  # rows and candidates


def compare(recommender: Recommender, graph: Graph, path: Path) -> float:
    """The largest difference between onnxruntime and PyTorch on random rows: histories of all lengths, empty ones among
    them, known and new users, one row and many.

    Args:
        recommender: the model in PyTorch, by the fast path.
        graph: what was exported.
        path: the file.

    Returns:
        The difference, relative to the largest value where that is more than 1.

    Raises:
        ConfigError: it is more than 1e-5, or onnxruntime cannot run the graph.
    """
    import onnxruntime

    name, runtime = recommender.config["model"], f"onnxruntime {onnxruntime.__version__}"
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what is wrong is said below
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        largest = float(np.max([_apart(recommender, graph, session, *size) for size in _SIZES]))
    except ConfigError:
        raise
    except Exception as error:  # its exceptions have no class of their own
        raise ConfigError(f"export: {runtime} does not run {name} ({str(error).splitlines()[0]:.200})") from error
    if not largest <= TOLERANCE:
        raise ConfigError(
            f"export: under {runtime} {name} differs from PyTorch by {largest:.2g}, more than {TOLERANCE:g}; nothing "
            "was written"
        )
    return largest


def _apart(recommender, graph, session, rows, count):
    random = np.random.default_rng(rows)
    asked = random_rows(recommender, graph, rows, random)
    items = torch.from_numpy(random.integers(1, recommender.model.n_items, (rows, count)))
    found = session.run(list(graph.outputs), feed(graph, asked, items))
    apart = []
    for one, other in zip(found, in_pytorch(recommender, graph, asked, items)):
        one, other = one.astype(np.float32), other.astype(np.float32)
        apart.append((np.abs(one - other) / max(1.0, np.abs(other).max())).max())
    return float(np.max(apart))


def in_pytorch(recommender: Recommender, graph: Graph, rows: Rows, items: torch.Tensor) -> list[np.ndarray]:
    """The outputs that a graph should have: a click model's scores, or the family's vectors and their mask."""
    if ITEMS in graph.inputs:
        return [recommender.scores_of(rows, items).numpy()]
    return [output.numpy() for output in recommender.vectors(rows)]


def feed(graph: Graph, rows: Rows, items: torch.Tensor) -> dict[str, np.ndarray]:
    """The inputs of a graph for some rows and their candidates.

    Args:
        graph: what was exported.
        rows: B of them.
        items: ids, shape (B, N); the family's graphs don't read them.
    """
    model: Any = graph.module.model
    values = {HISTORY: rows.interaction[model.ITEM_SEQ], ITEMS: items}
    if TIMES in graph.inputs:
        values[TIMES] = rows.interaction[model.ELAPSED]
    values |= {column.name: column.as_given(rows.interaction[column.column]) for column in graph.columns}
    return {name: values[name].numpy() for name in graph.inputs}


def random_rows(recommender: Recommender, graph: Graph, rows: int, random: np.random.Generator) -> Rows:
    """Rows as the recommender reads them, with histories up to its longest.

    Args:
        recommender: the model.
        graph: its graph.
        rows: B.
        random: where the numbers come from.
    """
    catalogue = recommender.catalogue
    lengths = random.integers(0, (catalogue.max_history or 1) + 1, rows)
    lengths[0] = 0 if rows > 1 else 1
    ids = random.integers(1, recommender.model.n_items, int(lengths.sum()))
    times = random.integers(0, 40, len(ids)).cumsum() * 1_000 if TIMES in graph.inputs else None
    users = random.integers(0, catalogue.count(catalogue.user), rows)
    columns: dict[str, Any] = {catalogue.user: catalogue.tokens[catalogue.user][users].tolist()}
    for column in graph.columns:
        if catalogue.columns[column.column].source == "inter":
            columns[column.column] = _context(column, catalogue, rows, random)
    return recommender.rows_of_ids(ids, lengths, times=times, columns=columns)


def _context(column, catalogue, rows, random):
    """A column of a question, in words."""
    if column.count:
        chosen = catalogue.tokens[column.column][random.integers(1, max(column.count, 2), (rows, 3))]
        return chosen.tolist() if column.kind == "token_seq" else chosen[:, 0].tolist()
    low, high = catalogue.columns[column.column].scale or (0.0, 1.0)
    return random.uniform(low, high, rows).tolist()
