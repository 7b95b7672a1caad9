"""Measures of a trained run's interests beside their controls, as an experiment's file asks for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recbole_iacn.errors import ConfigError, did_you_mean
from recbole_iacn.names import FLOORS, ONE_INTEREST, recbole_models

if TYPE_CHECKING:
    from recbole_iacn.building.training import Training
    from recbole_iacn.experiments.plan import Run

_KEYS = ("rows", "measures", "category")
_TRIED = 4  # rows of the model before it is trained


@dataclass(frozen=True)
class AskedInterests:
    """What a file asks.

    Attributes:
        rows: most test rows.
        measures: names; by default all.
        category: the column of items that interests are compared with; by default the only one that a run loads.
    """

    rows: int
    measures: tuple[str, ...]
    category: str | None = None


def read(path: Path, value: Any) -> AskedInterests | None:
    """The key ``interests`` of an experiment's file: a number of rows, or a dict of rows, measures and category.

    Args:
        path: the file, for messages.
        value: the key's; 0 and None ask for nothing.

    Raises:
        ConfigError: names the file, the key and what is expected.
    """
    if value is None:
        return None
    given = value if isinstance(value, dict) else {"rows": value}
    for key in given:
        if key not in _KEYS:
            raise ConfigError(
                f"{path}: interests: {key}: no such key.{did_you_mean(key, _KEYS)} There are: rows, measures, category"
            )
    rows, measures, category = given.get("rows", 1000), given.get("measures"), given.get("category")
    if isinstance(rows, bool) or not isinstance(rows, int) or rows < 0:
        raise ConfigError(
            f"{path}: interests: must be a number of rows, 0 or more, or a dict of rows, measures and category, got "
            f"{rows!r}"
        )
    if category is not None and not isinstance(category, str):
        raise ConfigError(f"{path}: interests: category: must be the name of a column of items, got {category!r}")
    if not rows:
        return None
    from recbole_iacn.interests.measure_table import NAMES

    if measures is None:
        measures = NAMES
    if not isinstance(measures, list | tuple) or not measures:
        raise ConfigError(f"{path}: interests: measures: must be a list of names, got {measures!r}")
    for name in measures:
        if name not in NAMES:
            raise ConfigError(
                f"{path}: interests: measures: there is no {name!r}.{did_you_mean(str(name), NAMES)} There are: "
                f"{', '.join(NAMES)}"
            )
    return AskedInterests(rows, tuple(measures), category)


def lacks(run: Run, result: Mapping[str, Any]) -> bool:
    """Whether a result lacks a measure that its run is asked for, or has it by another column of categories than the
    one that is named; of a model without several interests it lacks none.

    Results of earlier versions do not say their column, or nothing of such a model, and are taken as they are.

    Args:
        run: as the experiment's file has it.
        result: of it.
    """
    if run.interests is None:
        return False
    found, column = result.get("interests"), run.interests.category
    if not found:
        return found is None and _may_have_several(run)
    measured = [found.get(name) for name in run.interests.measures]
    return any(one is None or (column and one.get("category", column) != column) for one in measured)


def _may_have_several(run):
    """Whether a run's model may have several interests, as far as its name says."""
    return bool(run.mode) or run.model not in {*recbole_models(), *ONE_INTEREST, *FLOORS}


def check(training: Training, asked: AskedInterests, scratch: Path) -> None:
    """Take the measures of a model that is not trained yet on a few rows: a column that is not there is reported before
    hours of training.

    Args:
        training: not trained.
        asked: what is asked.
        scratch: an existing folder, for a bundle.

    Raises:
        ConfigError: as :func:`figures`.
    """
    if has_interests(training.model):
        path = training.save(str(scratch / "before interests"), overwrite=True)
        figures(training, AskedInterests(_TRIED, asked.measures, asked.category), path)


def figures(training: Training, asked: AskedInterests, bundle: str) -> dict[str, dict[str, float | int | str | None]]:
    """Each measure: the model's mean, that of every control, and the number of users.

    Args:
        training: trained.
        asked: which measures.
        bundle: of the model.

    Returns:
        dict: measure -> ``model``, ``chance``, ``k_means``, for click models ``k_means_id`` and ``k_means_own``, and
        ``users``, None for what is not defined; and ``category``, the column, where a measure reads categories. Empty
        for a model without interests.

    Raises:
        ConfigError: the run loads no such column of categories, or several and none is named.
    """
    if not has_interests(training.model):
        return {}
    from recbole_iacn.interests.item_categories import categories_of
    from recbole_iacn.interests.measure_table import MEASURES
    from recbole_iacn.interests.sheet import sheet_of
    from recbole_iacn.interests.test_rows import of_dataset
    from recbole_iacn.serving.recommender import load

    recommender = load(bundle, training.config["device"])
    test = of_dataset(recommender, training.test_data._dataset, asked.rows)
    categories = categories_of(recommender.catalogue, asked.category)
    k = min(10, len(recommender.items))
    sheet = sheet_of(recommender, test, categories, k, names=asked.measures)
    found: dict[str, dict[str, float | int | str | None]] = {}
    by_category = {one.name for one in MEASURES if one.categories}
    lines = {line.name: line for line in sheet.lines}
    for name in asked.measures:
        line = lines.get(name)
        found[name] = {"model": None, "chance": None, "k_means": None, "users": 0}
        if categories is not None and name in by_category:
            found[name]["category"] = categories.column
        if line is not None:
            controls = {control: one.mean for control, one in line.controls.items()}
            found[name] |= {"model": line.model.mean, **controls, "users": line.users}
    return found


def has_interests(model: Any) -> bool:
    """Whether a model has interests to look at."""
    from recbole_iacn.serving.interests import check_has

    try:
        check_has(model)
    except ConfigError:
        return False
    return True
