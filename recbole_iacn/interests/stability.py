"""Do several seeds of one model divide the same histories alike?"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from recbole_iacn.interests.agreement import adjusted_rand_index
from recbole_iacn.interests.division import MODEL
from recbole_iacn.interests.sheet import Line, Sheet, line_of, without_nan

_NAMED = ("stability", "Agreement of two seeds' interests, adjusted Rand index", "higher")


@dataclass(frozen=True)
class Stability:
    """Of bundles that differ in their seed alone.

    Attributes:
        kind: of their sheets.
        model, dataset: their names.
        seeds: of the trainings.
        line: the adjusted Rand index, mean over all pairs of seeds; chance: of their permuted couplings; k-means: of
            the clusters in each seed's plain embedding. None where no user has two groups.
    """

    kind: str
    model: str
    dataset: str
    seeds: tuple[int | None, ...]
    line: Line | None

    def as_dict(self) -> dict[str, Any]:
        """What JSON can hold; NaN is None."""
        return without_nan(asdict(self) | {"seeds": list(self.seeds)})


def stability_of(sheets: Sequence[Sheet]) -> tuple[list[Stability], list[str]]:
    """Compare the divisions of all pairs of seeds of each kind.

    Args:
        sheets: of the same rows.

    Returns:
        One per kind of which there are several seeds and that divides; and notes on those that cannot be compared.
    """
    found, notes = [], []
    for same in by_kind(sheets):
        first = same[0]
        if len(same) < 2 or first.interests < 2:
            continue
        histories = [sheet.divisions[MODEL].grouping.history for sheet in same]
        if not all(np.array_equal(histories[0], other) for other in histories[1:]):
            notes.append(f"{first.model}: its seeds have different test rows, so stability is not defined.")
            continue
        pairs = list(itertools.combinations(same, 2))
        values = {
            name: np.mean([_agreement(one, other, name) for one, other in pairs], axis=0) for name in first.divisions
        }
        seeds = tuple(sheet.seed for sheet in same)
        found.append(Stability(first.kind, first.model, first.dataset, seeds, line_of(_NAMED, values)))
    return found, notes


def by_kind(sheets: Sequence[Sheet]) -> list[list[Sheet]]:
    """Sheets that differ in their seed alone, together, in the order of the first of each kind."""
    kinds = dict.fromkeys(sheet.kind for sheet in sheets)
    return [[sheet for sheet in sheets if sheet.kind == kind] for kind in kinds]


def _agreement(one: Sheet, other: Sheet, name: str) -> np.ndarray:
    return adjusted_rand_index(*(sheet.divisions[name].grouping.belongs for sheet in (one, other)))
