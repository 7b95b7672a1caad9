"""The setting ``user_fields``: fields of the user and of the row join the input of DIN's and DIEN's last layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from recbole.model.layers import MLPLayers
from recbole.utils import FeatureSource, FeatureType
from torch import Tensor, nn

from recbole_iacn.data.features import context_features
from recbole_iacn.model.click.item_tables import embed_column
from recbole_iacn.nn.adoption import adopt

if TYPE_CHECKING:
    from recbole.config import Config
    from recbole.data.dataset import Dataset
    from recbole.data.interaction import Interaction


class ContextFields(nn.Module):
    """Embeds the context of a row: the columns of the interactions that :func:`context_features` names, such as the
    page or the hour of an impression. An id has its own vector, a list the mean of its ids', a number is multiplied by
    its column's vector, and one in buckets has its bucket's.

    Args:
        config: final settings.
        dataset: its interactions have the columns.
    """

    def __init__(self, config: Config, dataset: Dataset) -> None:
        super().__init__()
        columns = {name: dataset.field2type[name] for name in dataset.fields(source=[FeatureSource.INTERACTION])}
        self.names = context_features({name: kind.value for name, kind in columns.items()}, config)
        self.kinds = [columns[name] for name in self.names]
        # Ids of a number: 1, or its bucket's; RecBole counts none where it is not among the numerical_features.
        sizes = [
            max(dataset.num(name), 2) if kind is FeatureType.FLOAT else dataset.num(name)
            for name, kind in zip(self.names, self.kinds)
        ]
        self.tables = nn.ModuleList(nn.Embedding(size, config["embedding_size"]) for size in sizes)

    def forward(self, rows: Interaction) -> list[Tensor]:
        """Embed.

        Args:
            rows: B rows.

        Returns:
            For each column its vectors, (B, D).
        """
        tables: Any = zip(self.names, self.tables, self.kinds)
        return [embed_column(_listed(rows[name], kind), table, 0, kind) for name, table, kind in tables]


def _listed(values, kind):
    """Numbers that RecBole has not paired with an id, because they are not among its numerical_features, in pairs."""
    if kind is FeatureType.FLOAT and values.dim() == 1:
        return torch.stack([values, torch.ones_like(values)], dim=1)
    return values


class JoinedLayers(MLPLayers):
    """The last layers of DIN or DIEN, with further inputs (B, F), which lie in ``beside`` while a batch is computed.

    Since every forward pass ends in these layers, nothing else has to know of the fields.
    """

    beside: Tensor | None = None

    @classmethod
    def adopt(cls, layers: MLPLayers, width: int, initialize: Any) -> JoinedLayers:
        """Turn RecBole's layers into these, in place; the first linear one is replaced by a wider one.

        Args:
            layers: RecBole's.
            width: F.
            initialize: the model's initial values of a layer.
        """
        place = next(i for i, layer in enumerate(layers.mlp_layers) if isinstance(layer, nn.Linear))
        narrow: Any = layers.mlp_layers[place]
        layers.mlp_layers[place] = nn.Linear(narrow.in_features + width, narrow.out_features)
        initialize(layers.mlp_layers[place])
        return adopt(layers, cls)

    def forward(self, inputs: Tensor) -> Tensor:
        """As in RecBole, (B, …) to (B, H)."""
        if self.beside is None:
            raise RuntimeError("the user's and the row's fields are set by calculate_loss and predict only; call these")
        return super().forward(torch.cat([inputs, self.beside.to(inputs.dtype)], dim=-1))
