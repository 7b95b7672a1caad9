"""The sheet of a model: every measure of its interests over test rows, beside chance and k-means."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from recbole_iacn.bundle.folder import plain_settings
from recbole_iacn.interests.division import CHANCE, K_MEANS, K_MEANS_ID, K_MEANS_OWN, MODEL, Division, divisions_of
from recbole_iacn.interests.item_categories import ItemCategories
from recbole_iacn.interests.measure_table import MEASURES, NAMES, Looked, Measure
from recbole_iacn.interests.model_answers import margins, plain_embeddings

if TYPE_CHECKING:
    from recbole.config import Config

    from recbole_iacn.interests.test_rows import TestRows
    from recbole_iacn.serving.recommender import Recommender

_LEVEL = 0.95


@dataclass(frozen=True)
class Figure:
    """A mean over users.

    Attributes:
        mean: the mean.
        error: its standard error; NaN for one user.
    """

    mean: float
    error: float


@dataclass(frozen=True)
class Beside:
    """A control's mean, and the model's difference from it, of the same users.

    Attributes:
        mean, error: as of :class:`Figure`.
        difference: the model's mean less this one.
        low, high: its 95 % interval by Student's t over the users' differences; NaN for one user.
    """

    mean: float
    error: float
    difference: float
    low: float
    high: float


@dataclass(frozen=True)
class Line:
    """One measure.

    Attributes:
        name, title, better: see :class:`recbole_iacn.interests.measure_table.Measure`.
        users: how many rows it is defined for, by the model and every control; all means are over these.
        undefined: how many others there are.
        model: the model's.
        controls: name -> beside it.
    """

    name: str
    title: str
    better: str
    users: int
    undefined: int
    model: Figure
    controls: dict[str, Beside]


@dataclass(frozen=True)
class Sheet:
    """The measures of one model.

    Attributes:
        model, dataset: their names.
        seed: of the training.
        kind: a digest of all settings but the seed: sheets of one kind differ in their seed alone.
        rows: how many test rows.
        k: items of a list.
        interests: K, the most that a user may have.
        lines: the measures that could be taken.
        notes: what whoever reads it should know, a sentence each.
        divisions: of the model and the controls, for stability over seeds.
    """

    model: str
    dataset: str
    seed: int | None
    kind: str
    rows: int
    k: int
    interests: int
    lines: tuple[Line, ...]
    notes: tuple[str, ...] = ()
    divisions: dict[str, Division] = field(default_factory=dict, repr=False, compare=False)

    def as_dict(self) -> dict[str, Any]:
        """What JSON can hold; NaN is None."""
        fields = {key: getattr(self, key) for key in ("model", "dataset", "seed", "kind", "rows", "k", "interests")}
        return {**fields, "measures": [without_nan(asdict(line)) for line in self.lines], "notes": list(self.notes)}


def sheet_of(
    recommender: Recommender,
    test: TestRows,
    categories: ItemCategories | None,
    k: int = 10,
    seed: int = 0,
    names: Sequence[str] = NAMES,
) -> Sheet:
    """Take the measures.

    Args:
        recommender: a model with interests.
        test: B rows.
        categories: of items; without them the measures that need them are left out, which is noted.
        k: items of a list. Defaults to 10.
        seed: of the controls, added to the training's, so that those of several seeds are not alike. Defaults to 0.
        names: of measures. Defaults to all.

    Raises:
        ConfigError: the model has no interests, or k is not from 1 to the number of items.
    """
    recommender.check_k(k, len(recommender.items))
    plain = plain_embeddings(recommender)
    seed += recommender.config["seed"] or 0
    divisions = divisions_of(recommender, test, plain, k, seed)
    own = divisions[MODEL]
    firsts = own.lists[:, 0]

    def ask(keep: np.ndarray | None) -> np.ndarray:
        return margins(recommender, test, firsts, keep)

    def look(division: Division) -> Looked:
        return Looked(division, test.targets, categories, plain[K_MEANS].vectors, firsts, ask, seed)

    looked = {name: look(division) for name, division in divisions.items()}
    several = own.grouping.couplings.shape[2] > 1
    chosen = [one for one in MEASURES if one.name in names]
    taken = [one for one in chosen if (categories or not one.categories) and (several or not one.divides)]
    lines = [line for one in taken if (line := _line(one, looked)) is not None]
    config = recommender.config
    missing = [one for one in taken if one.name not in {line.name for line in lines}]
    notes = [*test.notes, *_notes(config["model"], plain, categories, several, chosen, missing)]
    return Sheet(
        config["model"],
        config["dataset"],
        config["seed"],
        kind_of(config),
        len(test),
        k,
        own.grouping.couplings.shape[2],
        tuple(lines),
        tuple(notes),
        divisions,
    )


def kind_of(config: Config) -> str:
    """A digest of a run's settings but its seed, without those of the machine.

    Args:
        config: of a run or a bundle.
    """
    settings = {key: value for key, value in plain_settings(config).items() if key != "seed"}
    return hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode()).hexdigest()[:10]


def _notes(model, plain, categories, several, chosen, missing):
    if categories is not None:
        yield categories.in_words()
    elif any(one.categories for one in chosen):
        left_out = ", ".join(one.name for one in chosen if one.categories)
        yield (
            f"The bundle has no column of items with categories, so {left_out} are left out; a table of items may have "
            "one (--items FILE)."
        )
    for name, one in plain.items():
        yield f"{title_of(name)} clusters by {one.what}."
    if not several:
        left_out = ", ".join(one.name for one in chosen if one.divides)
        yield f"{model} has one interest, which divides nothing: {left_out} are not defined."
    if missing:
        yield f"Defined for no user: {', '.join(one.name for one in missing)}."


def title_of(control: str) -> str:
    """A control's name for people."""
    titles = {K_MEANS: "k-means", K_MEANS_ID: "k-means by id", K_MEANS_OWN: "k-means in E_auxiliary"}
    return titles.get(control, control)


def _line(measure: Measure, looked: dict[str, Looked]) -> Line | None:
    values = {name: measure.of(one) for name, one in looked.items() if name not in measure.without}
    if measure.chance is not None:
        values[CHANCE] = measure.chance(looked[MODEL])
    return line_of((measure.name, measure.title, measure.better), values)


def line_of(named: tuple[str, str, str], values: dict[str, np.ndarray]) -> Line | None:
    """A line of the sheet, over the users for whom the model and every control have a figure; None if nobody does.

    Args:
        named: name, title and which is better.
        values: the model's figures and the controls', shape (B,) each; NaN where a user has none.
    """
    values = dict(values)
    defined = ~np.isnan(np.stack(list(values.values()))).any(axis=0)
    if not defined.any():
        return None
    own = values.pop(MODEL)[defined]
    controls = {name: beside(own, others[defined]) for name, others in values.items()}
    users = int(defined.sum())
    figure = Figure(*mean_and_error(own))
    return Line(*named, users, len(defined) - users, figure, controls)


def mean_and_error(values: np.ndarray) -> tuple[float, float]:
    """The mean and its standard error, NaN for one value."""
    count = len(values)
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(count)) if count > 1 else float("nan")


def beside(own: np.ndarray, others: np.ndarray) -> Beside:
    """A control's mean, and the paired difference with its interval.

    Args:
        own: the model's figures, shape (n,).
        others: the control's, of the same users, shape (n,).
    """
    mean, error = mean_and_error(others)
    difference, spread = mean_and_error(own - others)
    reach = spread * float(stats.t.ppf((1 + _LEVEL) / 2, len(own) - 1)) if len(own) > 1 else float("nan")
    return Beside(mean, error, difference, difference - reach, difference + reach)


def without_nan(value: Any) -> Any:
    """The same with None for NaN, which JSON lacks."""
    if isinstance(value, dict):
        return {key: without_nan(one) for key, one in value.items()}
    return None if isinstance(value, float) and np.isnan(value) else value
