"""FFM and FwFM without a loop over pairs of columns: a graph with nodes for each pair would have thousands."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from recbole.model.context_aware_recommender.fwfm import FwFM
from torch import Tensor, nn
from torch.nn.functional import embedding

from recbole_iacn.model.click.ffm import FieldAwareHistory
from recbole_iacn.nn.adoption import adopt
from recbole_iacn.serving.onnx.plain import constant, mean_of_real


class WideFields(FieldAwareHistory):
    """FFM's layer with the tables of all F fields side by side: a value has a row of F * D numbers, field by field.

    Same weights, same result: the products of all pairs of columns, ``x_i of j's field * x_j of i's field``.
    """

    _pooled: Tensor | None = None

    @classmethod
    def adopt(cls, layer: Any) -> WideFields:
        """Turn the layer into this one, in place; its own tables are gone afterwards.

        Args:
            layer (FieldAwareHistory): of a copy of the model.
        """
        adopt(layer, cls)
        layer.history_count = len(layer.owner.history_columns)
        layer.wide = nn.ParameterDict()
        for kind in ("token", "float"):
            tables = layer._modules.pop(f"{kind}_embeddings", None)
            if tables is not None:
                layer.wide[f"{kind}_table"] = constant(torch.cat([table.weight for table in tables], dim=1))
        for kind in ("token_seq", "float_seq"):
            tables = layer._modules.pop(f"{kind}_embeddings", None)
            layer._modules.pop(f"{kind}_embedding", None)
            for place in range(len(getattr(layer, f"{kind}_feature_names")) if tables is not None else 0):
                layer.wide[f"{kind}_{place}"] = constant(torch.cat([of[place].weight for of in tables], dim=1))
        return layer

    @contextlib.contextmanager
    def histories(self, pooled: Tensor) -> Iterator[None]:
        """While active, a row's history is its number in ``pooled``, (B, columns, F * D)."""
        self._pooled = pooled
        try:
            yield
        finally:
            self._pooled = None

    def forward(self, input_x: Sequence[Any]) -> Tensor:
        """As in RecBole: (rows, pairs of columns, D)."""
        tokens, numbers, lists, lists_of_numbers = input_x
        parts: list[Tensor] = []
        if len(tokens):
            parts.append(embedding(tokens + tokens.new_tensor(self.token_offsets), self.wide["token_table"]))
        if len(numbers):
            ids = numbers[..., 1].long()
            vectors = embedding(ids + ids.new_tensor(self.float_offsets), self.wide["float_table"])
            parts.append(vectors * numbers[..., :1])
        parts.append(self._pooled[lists[0].squeeze(1)])  # type: ignore[index]  # set by histories
        for place, ids in enumerate(lists[self.history_count :], start=self.history_count):
            vectors = embedding(ids, self.wide[f"token_seq_{place}"])
            parts.append(mean_of_real(vectors, ids != 0).unsqueeze(1))
        for place, values in enumerate(lists_of_numbers):
            ids = values[..., 1].long()
            vectors = embedding(ids, self.wide[f"float_seq_{place}"]) * values[..., :1]
            parts.append(mean_of_real(vectors, ids != 0).unsqueeze(1))
        return self._products(torch.cat(parts, dim=1).unflatten(2, (self.num_fields, -1)))

    def _products(self, vectors):
        """Of all pairs of columns, from (rows, columns, F, D)."""
        first, second = torch.triu_indices(self.num_features, self.num_features, offset=1)
        field = _field_of_columns(self)
        flat = vectors.flatten(1, 2)
        of_first = flat.index_select(1, first * self.num_fields + field[second])
        return of_first * flat.index_select(1, second * self.num_fields + field[first])


class PlainPairs(FwFM):
    """FwFM, whose weights of all pairs of columns are gathered at once."""

    def fwfm_layer(self, infeature: Tensor) -> Tensor:
        """As in RecBole: from (rows, columns, D) to (rows, 1)."""
        first, second = torch.triu_indices(self.num_features, self.num_features, offset=1)
        field = _field_of_columns(self)
        weight = self.weight.flatten(0, 1).index_select(0, field[first] * self.num_fields + field[second])
        products = infeature.index_select(1, first) * infeature.index_select(1, second) * weight
        return products.sum(dim=(1, 2)).unsqueeze(1)


def _field_of_columns(model: Any) -> Tensor:
    return torch.tensor([model.feature2field[place] for place in range(model.num_features)])
