"""Which item has which values of which columns, and which of these are over-represented among a few items."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy import stats

from recbole_iacn.data.catalogue import TOKENS, Catalogue
from recbole_iacn.data.dataset import AUXILIARY_SUFFIX
from recbole_iacn.serving.explain.explanation import Value

SIGNIFICANT = 0.05  # the corrected p below which a value is taken for more than chance
_MOST = 8  # values that are listed


@dataclass(frozen=True)
class ColumnValues:
    """The values of token columns, of all items. Values of one item alone are left out: it takes two to have something
    in common, and which these are does not depend on what is looked at.

    Attributes:
        names: column and value, V of them.
        has: which item, by id, has which value; 0 or 1, sparse, shape (N + 1, V).
    """

    names: Sequence[tuple[str, str]]
    has: Any

    @classmethod
    def of(cls, lists: Mapping[str, Sequence[Iterable[str]]]) -> ColumnValues:
        """From lists of values.

        Args:
            lists: column -> the values of each item by id, N + 1 of them.
        """
        names: dict[tuple[str, str], int] = {}
        pairs = {
            (item, names.setdefault((column, value), len(names)))
            for column, cells in lists.items()
            for item, values in enumerate(cells)
            for value in values
        }
        items = max(map(len, lists.values()), default=1)
        row, place = np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2).T
        has = sp.csr_array((np.ones(len(row), dtype=np.int64), (row, place)), shape=(items, len(names)))
        shared = np.flatnonzero(has.sum(axis=0) > 1)
        listed = list(names)
        return cls([listed[place] for place in shared.tolist()], has[:, shared])

    def over_represented(self, items: np.ndarray) -> tuple[Value, ...]:
        """The values that more of some items have than of all.

        The probability of as many or more is the upper tail of the hypergeometric distribution: as many items are drawn
        from all at random, without replacement. It is corrected for the number of all values, V, after Benjamini and
        Hochberg (JRSS B '95).

        Args:
            items: n different ids.

        Returns:
            At most 8 values that at least two of the items have and whose lift is above 1; the smallest p first, then
            the largest lift.
        """
        count = np.asarray(self.has[items].sum(axis=0)).ravel()
        seen = np.flatnonzero(count)
        if not len(seen):
            return ()
        total, everything, n = self._totals()[seen], self.has.shape[0] - 1, len(items)
        count = count[seen]
        tail = stats.hypergeom.sf(count - 1, everything, total, n)
        p = corrected(tail, len(self.names))
        lift = (count / n) / (total / everything)
        best = [place for place in np.lexsort((-count, -lift, tail)) if count[place] > 1 and lift[place] > 1]
        return tuple(
            Value(
                column=self.names[seen[place]][0],
                value=self.names[seen[place]][1],
                count=int(count[place]),
                among=n,
                share=float(total[place] / everything),
                lift=float(lift[place]),
                p=float(p[place]),
            )
            for place in best[:_MOST]
        )

    def _totals(self):
        return np.asarray(self.has.sum(axis=0)).ravel()


def corrected(p: np.ndarray, tests: int) -> np.ndarray:
    """Probabilities corrected after Benjamini and Hochberg, where all further tests have probability 1.

    Args:
        p: shape (M,).
        tests: how many there are, at least M.
    """
    order = np.argsort(p)
    rising = p[order] * tests / np.arange(1, len(p) + 1)
    result = np.empty(len(p))
    result[order] = np.minimum.accumulate(np.minimum(rising, 1)[::-1])[::-1]
    return result


def lists_of_catalogue(catalogue: Catalogue, without: Iterable[str] = ()) -> dict[str, list[list[str]]]:
    """The token columns of a catalogue's items: column -> the values of each item by id.

    Args:
        catalogue: of a model.
        without: columns that are left out, besides the items' ids.
    """
    left_out = {catalogue.item, *without}
    return {
        name: [tokens[cell[cell > 0]].tolist() for cell in values.cpu().numpy().reshape(len(values), -1)]
        for name, values in catalogue.items.items()
        if name not in left_out
        and not name.endswith(AUXILIARY_SUFFIX)
        and catalogue.columns[name].kind in TOKENS
        and not catalogue.columns[name].hidden
        for tokens in [catalogue.tokens[name]]
    }
