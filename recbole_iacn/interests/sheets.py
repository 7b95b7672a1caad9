"""The sheets of several bundles over the same rows, and whether their seeds agree."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from tqdm import tqdm

from recbole_iacn.data.tables.options import make_options
from recbole_iacn.errors import ConfigError
from recbole_iacn.interests import test_rows
from recbole_iacn.interests.item_categories import categories_of, categories_of_table
from recbole_iacn.interests.sheet import Sheet, sheet_of
from recbole_iacn.interests.stability import Stability, stability_of
from recbole_iacn.serving.interests import check_has
from recbole_iacn.serving.recommender import Recommender, load
from recbole_iacn.settings.sources import DATA_PATH


@dataclass(frozen=True)
class Asked:
    """What is asked of each bundle.

    Attributes:
        data_path: the folder that contains the dataset's folder; by default ``dataset``.
        events: a table of events in its place.
        options: which of its columns are what, as for ``recommend_table``.
        rows: most test rows; 0 for all.
        k: items of a list.
        items: a table of items that has the categories; by default those that the bundle has.
        item_key: its column of the item; by default recognised.
        category: the column of items that interests are compared with; by default the only one.
        seed: of the controls.
        device: of the models.
        progress: show a progress bar, on a terminal.
    """

    data_path: str | os.PathLike | None = None
    events: str | os.PathLike | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    rows: int = 1000
    k: int = 10
    items: Any = None
    item_key: str | None = None
    category: str | None = None
    seed: int = 0
    device: str = "cpu"
    progress: bool = True


def sheets_of(
    bundles: Sequence[str | os.PathLike], asked: Asked | None = None
) -> tuple[list[Sheet], list[Stability], list[str]]:
    """The sheet of each bundle, and the stability of those that differ in their seed alone.

    Args:
        bundles: folders, of models of the same data.
        asked: of each; by default a thousand test rows of the bundle's own settings.

    Returns:
        Sheets in the order of the bundles, stability per kind of bundle, and notes.

    Raises:
        ConfigError: a bundle has no interests, or they are of different data; an option, a column or a file is wrong.
    """
    asked = asked or Asked()
    for name, value in (("rows", asked.rows), ("seed", asked.seed)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise ConfigError(f"{name}: must be a whole number, 0 or more, got {value!r}")
    twice = [one for one in bundles if sum(os.path.realpath(one) == os.path.realpath(other) for other in bundles) > 1]
    if twice:
        raise ConfigError(f"{twice[0]}: is named twice; name each bundle once")
    _check_all(bundles, asked)
    sheets: list[Sheet] = []
    targets: dict[int, Any] = {}
    for place, path in enumerate(tqdm(bundles, unit="bundle", disable=None if asked.progress else True)):
        recommender = load(path, asked.device)
        rows = _rows(recommender, asked)
        targets[place] = rows.rows.names, rows.targets
        sheets.append(sheet_of(recommender, rows, _categories(recommender, asked), asked.k, asked.seed))
    stability, notes = stability_of(sheets)
    if not all(np.array_equal(one, other) for of in targets.values() for one, other in zip(targets[0], of)):
        notes.append(
            "The bundles' settings make different test rows, so their figures are of different users or clicks."
        )
    return sheets, stability, notes


def _check_all(bundles, asked):
    """Open every bundle once before the first is worked on, so that what is wrong with the last costs no hour."""
    first: tuple[Any, Recommender] | None = None
    for path in bundles:
        recommender = load(path, asked.device)
        with _naming(path):
            check_has(recommender.model)
            _categories(recommender, asked)
            recommender.check_k(asked.k, len(recommender.items))
        first = first or (path, recommender)
        one, other = first[1].config["dataset"], recommender.config["dataset"]
        if one != other:
            raise ConfigError(f"{path}: is of {other}, and {first[0]} of {one}; one sheet is of one dataset's rows")


@contextlib.contextmanager
def _naming(path: str | os.PathLike) -> Iterator[None]:
    """While active, errors begin with the bundle's path."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def _categories(recommender, asked):
    if asked.items is None:
        return categories_of(recommender.catalogue, asked.category)
    return categories_of_table(recommender.catalogue, asked.items, asked.category, asked.item_key)


def _rows(recommender, asked):
    if asked.events is not None:
        return test_rows.of_events(recommender, asked.events, make_options(asked.options), asked.rows)
    return test_rows.of_settings(recommender, asked.data_path or DATA_PATH, asked.rows)
