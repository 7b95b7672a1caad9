"""The interests of histories, with the items next to them and what these have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from recbole_iacn.data.score_blocks import rows_at_once
from recbole_iacn.errors import ConfigError
from recbole_iacn.serving.by_id import ById
from recbole_iacn.serving.explain.changed_histories import Window
from recbole_iacn.serving.explain.column_values import SIGNIFICANT
from recbole_iacn.serving.explain.explanation import ExplainedInterest, Near, Value
from recbole_iacn.serving.explain.item_names import ItemNames
from recbole_iacn.serving.interests import Interests, interests_of, vectors_of_items
from recbole_iacn.serving.model_rows import Rows


@dataclass(frozen=True)
class FoundInterests:
    """Interests of B histories; none where the model has none.

    Attributes:
        found: the model's; None for a model without interests.
        why_not: why it has none.
        belongs: the interest of each click, B arrays (L,); None for a model without interests.
        vectors: of items by id, shape (N + 1, D).
        near: ids of the items with the most similar vectors and their cosines, for each history and each interest that
            it has.
        names: of the items.
    """

    found: Interests | None
    why_not: str
    belongs: list[np.ndarray] | None
    vectors: Tensor | None
    near: list[dict[int, tuple[np.ndarray, np.ndarray]]]
    names: ItemNames

    @classmethod
    def of(
        cls, recommender: ById, rows: Rows, of_rows: Sequence[Window], names: ItemNames, nearest: int
    ) -> FoundInterests:
        """Ask a model for its interests.

        Args:
            recommender: of the model.
            rows: B histories.
            of_rows: their windows.
            names: of the items.
            nearest: how many of the nearest items are looked for.
        """
        nothing: list[dict[int, tuple[np.ndarray, np.ndarray]]] = [{} for _ in of_rows]
        try:
            found = interests_of(recommender.model, rows, recommender.catalogue)
        except ConfigError as error:
            return cls(None, str(error), None, None, nothing, names)
        vectors = vectors_of_items(recommender.model)
        vectors = torch.cat([vectors.new_zeros(1, vectors.shape[1]), vectors])
        which = np.argwhere(found.active & np.array([len(window.ids) > 0 for window in of_rows])[:, None])
        for (row, interest), items, cosines in zip(
            which.tolist(), *nearest_items(found.vectors[which[:, 0], which[:, 1]], vectors, nearest)
        ):
            nothing[row][interest] = items, cosines
        return cls(found, "", found.belongs, vectors, nothing, names)

    @property
    def count(self) -> int:
        """K; 0 for a model without interests."""
        return 0 if self.found is None else self.found.vectors.shape[1]

    def nearest_of(self, place: int) -> list[np.ndarray]:
        """Ids of the items nearest to each interest of a history, the interest with the largest share first."""
        return [self.near[place][interest][0] for interest in self.order(place)]

    def order(self, place: int) -> list[int]:
        """The interests of a history, the largest share first."""
        if self.found is None:
            return []
        shares = self.found.shares[place]
        return sorted(self.near[place], key=lambda interest: (-shares[interest], interest))

    def couplings_of(self, place: int, click: int) -> tuple[float, ...]:
        """How much a click belongs to each interest."""
        return () if self.found is None else tuple(self.found.couplings[place, click].tolist())

    def of_items(self, place: int, items: np.ndarray) -> np.ndarray | None:
        """The interest with the largest product with each item; None where there are no interests.

        Args:
            place: the history.
            items: ids, shape (M,).
        """
        if self.found is None or self.vectors is None or not self.near[place]:
            return None
        products = self.found.vectors[place] @ self.vectors[torch.from_numpy(items)].cpu().numpy().T
        products[~self.found.active[place]] = -np.inf
        return products.argmax(axis=0)

    def explained(self, place: int) -> tuple[ExplainedInterest, ...]:
        """The interests of a history, the largest share first."""
        return tuple(self._explained(place, interest) for interest in self.order(place))

    def _explained(self, place, interest):
        assert self.found is not None and self.belongs is not None and self.vectors is not None
        items, cosines = self.near[place][interest]
        coupled = self.found.couplings[place, : len(self.belongs[place]), interest]
        clicks = np.flatnonzero(self.belongs[place] == interest)
        values = self.names.values.over_represented(items)
        face = self.names.named(medoid(items, self.vectors))
        return ExplainedInterest(
            number=interest,
            share=float(self.found.shares[place, interest]),
            clicks=tuple(clicks[np.argsort(-coupled[clicks], kind="stable")].tolist()),
            nearest=tuple(Near(self.names.named(item), float(cosine)) for item, cosine in zip(items, cosines)),
            values=values,
            face=face,
            label=label_of(values) or face.name,
        )


@torch.no_grad()
def nearest_items(vectors: np.ndarray, items: Tensor, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The items with the largest cosines.

    Args:
        vectors: of M interests, shape (M, D).
        items: vectors of items by id, shape (N + 1, D); row 0 is padding.
        count: how many, C; at most N.

    Returns:
        Ids and cosines, shape (M, C), the largest cosine first.
    """
    count = min(count, len(items) - 1)
    of_items = normalize(items[1:], dim=1).T
    queries = normalize(torch.from_numpy(vectors).to(items.device), dim=1)
    found = [(part @ of_items).topk(count, dim=1) for part in queries.split(rows_at_once(len(items), tables=2))]
    cosines, places = (torch.cat(parts) for parts in zip(*found)) if found else (torch.zeros(0, count),) * 2
    return places.long().cpu().numpy() + 1, cosines.cpu().numpy()


def medoid(items: np.ndarray, vectors: Tensor) -> int:
    """The item with the largest mean cosine with the others.

    Args:
        items: ids, shape (M,).
        vectors: of items by id.
    """
    unit = normalize(vectors[torch.from_numpy(items)].double(), dim=1)
    return int(items[int((unit @ unit.sum(dim=0) - (unit * unit).sum(dim=1)).argmax())])


def label_of(values: Sequence[Value]) -> str:
    """The best two values that are more than chance, as words; a number says which column it is of."""
    best = [value for value in values if value.p < SIGNIFICANT][:2]
    return ", ".join(f"{one.column} {one.value}" if one.value.isdigit() else one.value for one in best)
