"""Test metrics by stratum: of rows with short and long histories, and with few and many categories in them, from the
same scores as the test's."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from recbole_iacn.errors import ConfigError, did_you_mean
from recbole_iacn.experiments.plan_file import check_known

if TYPE_CHECKING:
    from recbole.config import Config
    from recbole.data.dataset import Dataset

    from recbole_iacn.building.training import Training
    from recbole_iacn.experiments.plan import Run

BY = ("history", "categories")
FEWEST = 10  # clicks, and rows that are not clicks, below which a stratum has no metric
_KEYS = (*BY, "category")
_ROW = "row of the test"  # a column of the test rows while they are scored
_AT_ONCE = 1 << 14  # histories


@dataclass(frozen=True)
class AskedStrata:
    """What a file asks.

    Attributes:
        history: upper bounds of the length of a row's history, rising: how many clicks the user had before the row, not
            cut to L. (5, 10) makes ≤ 5, 6-10 and > 10. Empty for no such strata.
        categories: upper bounds of the number of distinct categories among the items of the row's history, cut to L.
        category: the column of items; by default the only one that a run loads.
    """

    history: tuple[int, ...] = ()
    categories: tuple[int, ...] = ()
    category: str | None = None

    def bounds(self, by: str) -> tuple[int, ...]:
        """The upper bounds of one kind of strata."""
        return self.history if by == "history" else self.categories


@dataclass
class Scored:
    """Scored test rows, with their negatives, in the order of the test.

    Attributes:
        scores: shape (R,).
        clicked: bool, shape (R,).
        users: id of each row's user, shape (R,).
        rows: number of the test row that each belongs to, shape (R,); a negative has that of its click.
    """

    scores: np.ndarray
    clicked: np.ndarray
    users: np.ndarray
    rows: np.ndarray


# --- The key of the file ------------------------------------------------------------------------------------------


def read(path: Path, value: Any, datasets: Sequence[str]) -> dict[str, AskedStrata | None]:
    """The key ``strata`` of an experiment's file: a dict of history, categories and category, which is a column of
    items or one for each dataset.

    Args:
        path: the file, for messages.
        value: the key's; None asks for nothing.
        datasets: of the file.

    Returns:
        dict: what is asked of each dataset.

    Raises:
        ConfigError: names the file, the key and what is expected.
    """
    if value is None:
        return dict.fromkeys(datasets)
    if not isinstance(value, dict):
        raise ConfigError(
            f"{path}: strata: must be a dict of history, categories and category, such as {{history: [5, 10, 20, 50]}}"
            f"; got {value!r}"
        )
    for key in value:
        if key not in _KEYS:
            raise ConfigError(
                f"{path}: strata: {key}: no such key.{did_you_mean(str(key), _KEYS)} There are: {', '.join(_KEYS)}"
            )
    bounds = {by: _bounds(path, by, value[by]) for by in BY if value.get(by) is not None}
    if not bounds:
        raise ConfigError(f"{path}: strata: has no strata; give history, categories or both")
    category = value.get("category")
    if category is not None and "categories" not in bounds:
        raise ConfigError(f"{path}: strata: category: is of no use without categories; add them, or leave it out")
    of_dataset = category if isinstance(category, dict) else dict.fromkeys(datasets, category)
    for dataset, column in of_dataset.items():
        check_known(path, "strata: category", [dataset], datasets)
        if not isinstance(column, str | None):
            raise ConfigError(
                f"{path}: strata: category: must be the name of a column of items, or a dict of dataset and column, "
                f"got {category!r}"
            )
    return {dataset: AskedStrata(**bounds, category=of_dataset.get(dataset)) for dataset in datasets}


def _bounds(path, by, given):
    numbers = isinstance(given, list) and all(isinstance(one, int) and not isinstance(one, bool) for one in given)
    if not numbers or not given or given[0] < 0 or any(a >= b for a, b in itertools.pairwise(given)):
        raise ConfigError(
            f"{path}: strata: {by}: must be a list of rising upper bounds, integers of 0 or more, such as [5, 10, 20]; "
            f"got {given!r}"
        )
    return tuple(given)


def lacks(run: Run, result: Mapping[str, Any]) -> bool:
    """Whether a result lacks the strata that its run is asked for, or has them by other bounds or another column.

    Args:
        run: as the experiment's file has it.
        result: of it.
    """
    asked = run.strata
    if asked is None:
        return False
    found = result.get("test_by") or {}
    for by in BY:
        uppers = [one["at_most"] for one in found.get(by) or []]
        if asked.bounds(by) and uppers != [*asked.bounds(by), None]:
            return True
    return bool(asked.categories and asked.category not in (None, found.get("category")))


# --- Before the training ------------------------------------------------------------------------------------------


def check_config(config: Config) -> None:
    """Reject a run whose test has no AUC by row.

    Args:
        config: of the run.

    Raises:
        ConfigError: its model is tested by ranking metrics, or is a decision tree.
    """
    if config["eval_type"].name != "VALUE":
        raise ConfigError(
            f"strata: are of AUC and GAUC, and {config['model']} is tested by {', '.join(config['metrics'])}; leave "
            "the key strata out, or test by AUC: protocol: leave_one_out_ctr"
        )
    if config["MODEL_TYPE"].name == "DECISIONTREE":
        raise ConfigError(f"strata: {config['model']}: a decision tree does not say its scores; leave out strata or it")


def check(training: Training, asked: AskedStrata) -> None:
    """Assign the test rows to strata before hours of training: what cannot be done is reported then.

    Args:
        training: not trained.
        asked: what is asked.

    Raises:
        ConfigError: the model has no such test, reads no history, or its run loads no such column.
    """
    check_config(training.config)
    data = training.test_data._dataset
    if getattr(data, "item_id_list_field", None) not in data.inter_feat:
        raise ConfigError(
            f"strata: {training.config['model']} reads no history, so its test rows have none to be divided by; leave "
            "out strata or the model"
        )
    values_of_rows(data, asked)


# --- The test -----------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def collecting(training: Training) -> Iterator[list[Scored]]:
    """While active, record what is scored, one :class:`Scored` per batch.

    Args:
        training: whose test data are scored, once, by its trainer.
    """
    rows, collector = training.test_data._dataset.inter_feat, training.trainer.eval_collector
    batches: list[Scored] = []
    collect = collector.eval_batch_collect
    label, user = training.config["LABEL_FIELD"], training.config["USER_ID_FIELD"]

    def record(scores, interaction, *positive):
        columns = (scores.float(), interaction[label] > 0, interaction[user], interaction[_ROW])
        batches.append(Scored(*(column.detach().cpu().numpy() for column in columns)))
        return collect(scores, interaction, *positive)

    import torch

    rows.interaction[_ROW] = torch.arange(len(rows))  # travels with the rows, and is repeated with their negatives
    collector.eval_batch_collect = record
    try:
        yield batches
    finally:
        del collector.eval_batch_collect  # of the object; the class has its own
        rows.interaction.pop(_ROW, None)


def figures(training: Training, asked: AskedStrata, batches: Sequence[Scored]) -> dict[str, Any]:
    """The test's metrics by stratum.

    Args:
        training: trained and tested.
        asked: which strata.
        batches: what :func:`collecting` has recorded.

    Returns:
        dict: for ``history`` and ``categories``, as far as asked, the strata in rising order, each a dict of
        ``at_least`` and ``at_most`` (None for no bound), ``rows`` (scored, negatives included), ``clicks``, ``users``,
        and ``auc`` and ``gauc``: None where there are fewer than :data:`FEWEST` clicks or other rows, or, of ``gauc``,
        no user with both. And ``category``, the column, or None.
    """
    columns = ("scores", "clicked", "users", "rows")
    scored = Scored(*(np.concatenate([getattr(batch, name) for batch in batches]) for name in columns))
    values, column = values_of_rows(training.test_data._dataset, asked)
    found: dict[str, Any] = {
        by: by_stratum(scored, of_rows[scored.rows], asked.bounds(by)) for by, of_rows in values.items()
    }
    return {**found, "category": column}


def by_stratum(scored: Scored, values: np.ndarray, bounds: Sequence[int]) -> list[dict[str, Any]]:
    """The metrics of each stratum.

    A user's rows may lie in several strata; GAUC then compares those within one.

    Args:
        scored: R scored rows.
        values: of each, what the strata are of, int, shape (R,).
        bounds: upper ones, rising.

    Returns:
        list of dict: see :func:`figures`.
    """
    place = np.searchsorted(bounds, values)
    lower = [0, *(bound + 1 for bound in bounds)]
    return [
        {"at_least": low, "at_most": high, **_metrics(scored, place == number)}
        for number, (low, high) in enumerate(zip(lower, [*bounds, None]))
    ]


def _metrics(scored, chosen):
    from recbole_iacn.training.metrics import grouped_auc

    scores, clicked, users = scored.scores[chosen], scored.clicked[chosen], scored.users[chosen]
    clicks = int(clicked.sum())
    auc = gauc = None
    if min(clicks, len(clicked) - clicks) >= FEWEST:
        auc = round(grouped_auc(scores, clicked, np.zeros_like(users)), 6)  # all rows are one group
        within = grouped_auc(scores, clicked, users)
        gauc = None if np.isnan(within) else round(within, 6)
    counts = {"rows": len(clicked), "clicks": clicks, "users": len(np.unique(users))}
    return {**counts, "auc": auc, "gauc": gauc}


def values_of_rows(data: Dataset, asked: AskedStrata) -> tuple[dict[str, np.ndarray], str | None]:
    """What the strata are of, by row.

    Args:
        data: test rows of a model that reads histories.
        asked: which strata.

    Returns:
        tuple: for ``history`` and ``categories``, as far as asked, int64 values of shape (rows,); and the column of
        categories, or None.

    Raises:
        ConfigError: the run loads no such column, or several and none is named.
    """
    from recbole_iacn.data.whole_histories import history_lengths

    values, column = {}, None
    if asked.history:
        values["history"] = history_lengths(data)
    if asked.categories:
        column, main = _categories(data, asked.category)
        values["categories"] = distinct_categories(data, main)
    return values, column


def distinct_categories(data: Dataset, main: np.ndarray) -> np.ndarray:
    """How many distinct categories the items of each row's history have, as far as the model sees it.

    Args:
        data: rows with histories of at most L items.
        main: one category of each item, by id; -1 for none, which does not count.

    Returns:
        int64, shape (rows,).
    """
    count = np.zeros(len(data), dtype=np.int64)
    for begin in range(0, len(data), _AT_ONCE):
        part = slice(begin, min(begin + _AT_ONCE, len(data)))
        history = data[np.arange(part.start, part.stop)][data.item_id_list_field].numpy()
        found = np.sort(np.where(history > 0, main[history], -1), axis=1)
        new = np.diff(found, axis=1, prepend=-1) != 0
        count[part] = (new & (found >= 0)).sum(axis=1)
    return count


def _categories(data, wanted):
    """Name of the column, and one category per item, as the measures of interests choose it."""
    from recbole_iacn.data.catalogue import Catalogue
    from recbole_iacn.interests.item_categories import categories_of
    from recbole_iacn.serving.item_values import token_columns

    catalogue = Catalogue.of(data)
    known = token_columns(catalogue)
    if not known:
        raise ConfigError("strata: categories: the run loads no column of items with tokens; add one to load_col.item")
    if wanted is None and len(known) > 1:
        raise ConfigError(
            f"strata: categories: the run loads several columns of items, {', '.join(known)}; name one: category: "
            f"{known[0]}"
        )
    if wanted not in (None, *known):
        raise ConfigError(
            f"strata: category: the run loads no column {wanted!r} of items with tokens."
            f"{did_you_mean(str(wanted), known)} It loads: {', '.join(known)}; load_col.item decides"
        )
    found = categories_of(catalogue, wanted)
    assert found is not None  # there is a column
    return found.column, found.main.of_items
