"""Which rows of a model's weights belong to the ids of which column.

RecBole's models lay out their tables as they like: one table for all columns of ids with offsets (context-aware
models), one per side (DIN), one per pair of columns (FFM), one per list column. So the layout is not read from the
code: the model is built twice over small vocabularies of different sizes, and what grows with a column belongs
to it.
"""

from __future__ import annotations

import contextlib
import copy
import random
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from recbole.data.interaction import Interaction
from recbole.utils import FeatureType
from torch import nn

from recbole_iacn.errors import ConfigError

if TYPE_CHECKING:
    from recbole.config import Config
    from recbole.data.dataset import Dataset

_SMALLEST, _LARGEST = 24, 500  # tokens of a column in a small vocabulary


@dataclass(frozen=True)
class VocabularyRows:
    """A part of a weight with one entry per id of a column.

    Attributes:
        name (str): the weight's name in the model's state dict.
        dim (int): the dimension in which the ids count.
        start (int): place of id 0 in that dimension.
        field (str): the column.
        count (int): number of ids, padding included.
    """

    name: str
    dim: int
    start: int
    field: str
    count: int


class Count(int):
    """A number of ids that remembers its column, also as a part of a sum: ``users + items + 1`` has three parts.

    Attributes:
        parts (tuple): (column or None, number) of each summand, in order.
    """

    parts: tuple[tuple[str | None, int], ...]

    @classmethod
    def of(cls, parts: tuple[tuple[str | None, int], ...]) -> Count:
        """A number with given summands."""
        count = cls(sum(number for _, number in parts))
        count.parts = parts
        return count

    def __add__(self, other: int) -> Count:
        return Count.of(self.parts + _parts(other))

    def __radd__(self, other: int) -> Count:
        return Count.of(_parts(other) + self.parts) if other else self


def vocabulary_rows(
    build: Callable[[Config, Dataset], nn.Module], config: Config, dataset: Dataset
) -> list[VocabularyRows]:
    """Find which rows of a model's weights belong to the ids of which column.

    Args:
        build: builds the model from settings and a dataset, as the model's class does: ``get_model(config["model"])``.
        config: the model's settings; they are not changed.
        dataset: the columns and vocabularies that the model is for, with interactions or without; it is not changed.

    Returns:
        list of VocabularyRows: of all weights of the state dict, in its order; of a weight in the order of its rows. A
        weight that no entry names is independent of the vocabularies.

    Raises:
        ConfigError: a weight grows with the vocabularies in a way that is not a sequence of columns' ids.
    """
    fields = token_fields(dataset)
    built = [_build_small(build, config, dataset, _sizes(fields, seed)) for seed in (1, 2)]
    rows: list[VocabularyRows] = []
    for name, (first, owner) in built[0][0].items():
        second, _ = built[1][0][name]
        for dim, sizes in enumerate(zip(first, second, strict=True)):
            if sizes[0] != sizes[1]:
                parts = _explain(sizes, owner, [counts for _, counts in built])
                if parts is None:
                    raise ConfigError(
                        f"{config['model']}: its weight {name} grows with the vocabularies, but not as a sequence of "
                        "columns' ids, so it cannot be moved to another vocabulary; let it be an nn.Embedding of "
                        "dataset.num(column) rows"
                    )
                rows += _placed(name, dim, parts, dataset)
    return rows


def token_fields(dataset: Dataset) -> list[str]:
    """The columns of ids, lists of ids included, that have a vocabulary.

    Args:
        dataset: any dataset of RecBole's.
    """
    kinds = (FeatureType.TOKEN, FeatureType.TOKEN_SEQ)
    return [name for name, kind in dataset.field2type.items() if kind in kinds and name in dataset.field2id_token]


def _parts(number):
    return number.parts if isinstance(number, Count) else ((None, int(number)),)


def _sizes(fields, seed):
    """A number of ids per column, each another, so that sums of different columns differ, too."""
    sizes = random.Random(seed).sample(range(_SMALLEST, max(_LARGEST, 4 * len(fields))), len(fields))
    return {field: Count.of(((field, size),)) for field, size in zip(fields, sizes)}


def _build_small(build, config, dataset, counts):
    """Build the model over small vocabularies: shape and owner of each weight, and the counts."""
    config, small = copy.deepcopy(config), _small(dataset, counts)
    small.config, config["device"] = config, torch.device("cpu")
    if config["warm_up"]:  # KD_DAGFM would read weights of the full size from that file
        config["warm_up"], config["phase"] = None, "teacher_training"
    with _untouched_random_state(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of models that divide by the number of interactions, which is 0
        model = build(config, small)
    shapes = {}
    for name, value in model.state_dict().items():
        owner = model.get_submodule(name.rpartition(".")[0])
        shapes[name] = tuple(value.shape), owner
    return shapes, counts


def _small(dataset, counts):
    """The dataset without interactions, with small vocabularies; the ids of its columns are valid there."""
    small = copy.copy(dataset)
    small.field2id_token = {**dataset.field2id_token, **{n: np.arange(c).astype(str) for n, c in counts.items()}}
    small.field2token_id = {n: {token: i for i, token in enumerate(ids)} for n, ids in small.field2id_token.items()}
    small.num = lambda field: counts[field] if field in counts else type(dataset).num(small, field)
    small.inter_feat = _shrunk(dataset.inter_feat[np.arange(0)], 0, counts)
    for name, column in (("item_feat", dataset.iid_field), ("user_feat", dataset.uid_field)):
        if isinstance(getattr(dataset, name, None), Interaction):
            setattr(small, name, _shrunk(getattr(dataset, name), counts[column], counts))
    return small


def _shrunk(table, rows, counts):
    """``rows`` rows of a table, repeated where it has fewer, with ids below the counts."""
    place = np.arange(rows) % max(len(table), 1)
    columns = {name: table[name][place] for name in table.columns}
    return Interaction({name: v % int(counts[name]) if name in counts else v for name, v in columns.items()})


@contextlib.contextmanager
def _untouched_random_state() -> Iterator[None]:
    """Leave the random numbers that follow as they would have been."""
    states = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng([torch.cuda.current_device()] if torch.cuda.is_initialized() else []):
            yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])


def _explain(sizes, owner, counts):
    """The columns, in order, whose numbers of ids add up to a weight's size in both small vocabularies; None if there
    are none. What the weight's own layer was given comes first, since its order is known."""
    given = [value.parts for value in vars(owner).values() if isinstance(value, Count)]
    alone = [count.parts for count in counts[0].values()]
    for parts in [*given, *alone]:
        totals = [sum(number if field is None else of[field] for field, number in parts) for of in counts]
        if tuple(totals) == sizes:
            return parts
    return None


def _placed(name, dim, parts, dataset):
    start, rows = 0, []
    for field, number in parts:
        count = number if field is None else dataset.num(field)
        if field is not None:
            rows.append(VocabularyRows(name, dim, start, field, int(count)))
        start += int(count)
    return rows
