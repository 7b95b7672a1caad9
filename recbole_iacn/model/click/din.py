"""DIN's and DIEN's embedding layer, computed once per distinct item, with a separate auxiliary part."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from recbole.model.layers import ContextSeqEmbLayer, SequenceAttLayer
from recbole.utils import FeatureType
from torch import Tensor, nn

from recbole_iacn.model.click.din_attention import PackedSequenceAttention
from recbole_iacn.model.click.full_sort import AttentionScorer, RowScorer
from recbole_iacn.model.click.item_tables import ItemTables, Part, mean_of_lists
from recbole_iacn.model.click.user_fields import ContextFields, JoinedLayers
from recbole_iacn.nn import mix_gradient
from recbole_iacn.nn.adoption import adopt
from recbole_iacn.nn.lookup import take

if TYPE_CHECKING:
    from recbole.config import Config
    from recbole.data.dataset import Dataset
    from recbole.data.interaction import Interaction


class InterestAwareSeqEmbLayer(ItemTables, ContextSeqEmbLayer):
    """RecBole's layer with the same tables and the same output, and two additions.

    - Every distinct item of a batch is embedded and pooled once, then gathered. Stock RecBole pools all categories
      of every history position, which is most of DIN's step.
    - The auxiliary fields (``*_auxiliary``) pass the main model's gradient on with weight ``main_weight`` only, and
      :meth:`auxiliary` reads only them.
    """

    _catalogue: tuple[Any, Any]
    user_field: str

    @classmethod
    def adopt(cls, layer: Any) -> InterestAwareSeqEmbLayer:
        """Turn a stock layer into this one, in place: its tables, names and initial values stay."""
        adopt(layer, cls)
        layer.user_field = layer.dataset.uid_field
        layer.dataset = None  # only the constructor needs it; else every copy of the model copies the dataset
        layer._catalogue = None, None
        return layer

    def item_table(self, name: str) -> tuple[nn.Embedding, int, FeatureType]:
        if name in self.token_field_names["item"]:
            row = int(self.token_field_offsets["item"][self.token_field_names["item"].index(name)])
            return self.token_embedding_table["item"].embedding, row, FeatureType.TOKEN
        if name in self.float_field_names["item"]:
            row = int(self.float_field_offsets["item"][self.float_field_names["item"].index(name)])
            return self.float_embedding_table["item"].embedding, row, FeatureType.FLOAT
        if name in self.float_seq_field_names["item"]:
            place = self.float_seq_field_names["item"].index(name)
            return self.float_seq_embedding_table["item"][place], 0, FeatureType.FLOAT_SEQ
        place = self.token_seq_field_names["item"].index(name)
        return self.token_seq_embedding_table["item"][place], 0, FeatureType.TOKEN_SEQ

    def embed_token_seq_fields(self, token_seq_fields: list[Tensor], type: str) -> Tensor | None:
        """As in RecBole: pooled lists of each field, (B, L, fields, D), or None; without their padding."""
        if self.pooling_mode != "mean" or not token_seq_fields:
            return super().embed_token_seq_fields(token_seq_fields, type)
        tables = self.token_seq_embedding_table[type]
        pooled = [mean_of_lists(ids.flatten(0, -2), table) for ids, table in zip(token_seq_fields, tables)]
        return torch.stack(pooled, dim=1).unflatten(0, token_seq_fields[0].shape[:-1])

    def forward(self, user_idx: Tensor, item_idx: Tensor) -> tuple[dict[str, Tensor | None], dict[str, Tensor | None]]:
        """As in RecBole: dicts ``sparse`` and ``dense`` with entries ``user`` (B, fields, D) and ``item``
        (B, L + 1, fields, D), or None.

        Args:
            user_idx (torch.LongTensor): shape (B,).
            item_idx (torch.LongTensor): shape (B, L + 1).
        """
        sparse, dense, place = self._distinct(user_idx, item_idx)
        for part in (sparse, dense):
            if part["item"] is not None:
                part["item"] = take(part["item"].flatten(1), place).unflatten(-1, part["item"].shape[1:])
        return sparse, dense

    def of_users(self, user_idx: Tensor) -> Tensor:
        """The vectors of each user's columns except the user itself, (B, fields, D), in the order of :meth:`forward`'s
        entries ``user``, sparse ones first.

        Args:
            user_idx (torch.LongTensor): shape (B,).
        """
        sparse, dense = super().forward(user_idx, user_idx.new_zeros(1, 1))
        own = self.token_field_names["user"].index(self.user_field)
        parts = [sparse["user"][:, :own], sparse["user"][:, own + 1 :], dense["user"]]
        return torch.cat([part for part in parts if part is not None], dim=1)

    def tables_of(self, user_idx: Tensor, item_idx: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What :meth:`forward` gives, each distinct item once: its vectors are ``table[place]``, fields in a row, the
        sparse ones first.

        Args:
            user_idx (torch.LongTensor): shape (B,).
            item_idx (torch.LongTensor): any shape.

        Returns:
            tuple: users (B, fields * D), table (U, fields * D) and place, of item_idx's shape.
        """
        if not self._reads_kept(item_idx):
            return self._tables(user_idx, item_idx)
        users, _, _ = self._tables(user_idx, item_idx.flatten()[:1])
        return users, self._whole_catalogue(), item_idx

    def items_of(self, item_idx: Tensor) -> tuple[Tensor, Tensor]:
        """:meth:`tables_of` without the users: table (U, fields * D) and place, of item_idx's shape."""
        if self._reads_kept(item_idx):
            return self._whole_catalogue(), item_idx
        return self._tables(item_idx.new_zeros(1), item_idx)[1:]

    def train(self, mode: bool = True) -> InterestAwareSeqEmbLayer:
        """As in PyTorch."""
        self._catalogue = None, None
        return super().train(mode)

    def _reads_kept(self, item_idx):
        """Whether the vectors of all items are used; few items are no reason to embed all, if that is still to do."""
        if self.training or torch.is_grad_enabled():
            return False
        return 8 * item_idx.numel() >= len(self.item_feat) or self._is_kept()

    def _whole_catalogue(self):
        """The vectors of all items, kept through an evaluation and while a model serves: they cost as much as a few
        batches' distinct items, and these need not be searched for."""
        if not self._is_kept():
            items = torch.arange(len(self.item_feat), device=self.device)
            _, table, _ = self._tables(items[:1], items)
            self._catalogue = [(parameter, parameter._version) for parameter in self.parameters()], table
        return self._catalogue[1]

    def _is_kept(self):
        versions = self._catalogue[0]
        return versions is not None and all(parameter._version == version for parameter, version in versions)

    def _tables(self, user_idx, item_idx):
        sparse, dense, place = self._distinct(user_idx, item_idx)
        parts = {
            side: [part[side].flatten(1) for part in (sparse, dense) if part[side] is not None]
            for side in ("user", "item")
        }
        return torch.cat(parts["user"], dim=1), torch.cat(parts["item"], dim=1), place

    def _distinct(self, user_idx, item_idx):
        """RecBole's output for the distinct items, entries ``item`` of shape (U, fields, D), and where each is."""
        items, place = item_idx.unique(return_inverse=True)
        names = self.token_field_names["item"] + self.token_seq_field_names["item"]
        numbers = self.float_field_names["item"] + self.float_seq_field_names["item"]
        ours = self.pooling_mode == "mean"
        sparse, dense = super().forward(user_idx, items[:1].unsqueeze(0) if ours else items.unsqueeze(0))
        for part, of_part in ((sparse, names), (dense, numbers)) if ours else ():
            if of_part:
                part["item"] = torch.stack([self.item_field(name, items) for name in of_part], dim=1).unsqueeze(0)
        if sparse["item"] is not None:
            self.share(items, dict(zip(names, sparse["item"].squeeze(0).unbind(dim=1))))
            sparse["item"] = mix_gradient(sparse["item"], self.gradient_weights(names))
        for part in (sparse, dense):
            if part["item"] is not None:
                part["item"] = part["item"].squeeze(0)
        return sparse, dense, place


class SequenceItems(Part):
    """For DIN and DIEN: comes before the backbone among the bases and adopts its embedding layer."""

    reads_items = True
    reads_users = False  # whether the backbone's last layers read the user's columns as they are
    joins_fields = False  # the setting user_fields; then there is a module ``context``

    def __init__(self, config: Config, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        InterestAwareSeqEmbLayer.adopt(self.embedding_layer)
        if config["user_fields"]:
            self._join_fields(config, dataset)
        for module in self.modules():
            if type(module) is SequenceAttLayer:
                adopt(module, PackedSequenceAttention)
        # Stock DIN hands its embedding layer, dataset included, to the checkpoint, and on resume swaps in a
        # module that the optimizer does not hold. Its weights are in the state dict anyway.
        self.other_parameter_name: list[str] = []

    def _join_fields(self, config, dataset):
        self.joins_fields, self.context = True, ContextFields(config, dataset)
        self.context.apply(self._init_weights)
        count = len(self.context.names) + (
            0 if self.reads_users else self.embedding_layer.num_feature_field["user"] - 1
        )
        JoinedLayers.adopt(self.dnn_mlp_layers, count * self.embedding_size, self._init_weights)

    @contextlib.contextmanager
    def with_fields(self, fields: Tensor | None) -> Iterator[None]:
        """While active, the last layers read these fields, (B, F), in addition; None where ``user_fields`` is False."""
        if fields is None:
            yield
            return
        self.dnn_mlp_layers.beside = fields
        try:
            yield
        finally:
            self.dnn_mlp_layers.beside = None

    def fields_of(self, interaction: Interaction) -> Tensor | None:
        """What joins the last layers, (B, F), None without ``user_fields``: the vectors of the user's columns except
        the user itself, unless the backbone reads them anyway, then those of the row's context."""
        if not self.joins_fields:
            return None
        users = interaction[self.USER_ID]
        fields = [] if self.reads_users else [self.embedding_layer.of_users(users).flatten(1)]
        fields += self.context(interaction)
        return torch.cat(fields, dim=1) if fields else torch.zeros(len(users), 0, device=users.device)

    def calculate_loss(self, interaction: Interaction) -> Tensor:
        """The backbone's loss."""
        with self.with_fields(self.fields_of(interaction)):
            return super().calculate_loss(interaction)

    def predict(self, interaction: Interaction) -> Tensor:
        """The backbone's scores, (B,)."""
        with self.with_fields(self.fields_of(interaction)):
            return super().predict(interaction)

    @property
    def item_tables(self) -> InterestAwareSeqEmbLayer:
        """The module that embeds items."""
        return self.embedding_layer

    def with_history(self, interaction: Interaction) -> Interaction:
        """The rows as the backbone needs them: unchanged, since they include the history."""
        return interaction

    def scorer(self, interaction: Interaction) -> Any:
        """See :mod:`recbole_iacn.model.click.full_sort`."""
        return RowScorer(self, interaction)


class PackedScore(Part):
    """DIN's score from the table of a batch's distinct items: no history is materialised with padding.

    Comes before :class:`SequenceItems` if the backbone scores as RecBole's DIN does.
    """

    def forward(self, user: Tensor, item_seq: Tensor, item_seq_len: Tensor, next_items: Tensor) -> Tensor:
        """As in RecBole: logits, (B,)."""
        items = torch.cat((item_seq, next_items.unsqueeze(1)), dim=1)
        _, table, place = self.embedding_layer.tables_of(user, items)
        candidate = take(table, place[:, -1])
        user = self.attention.over(candidate, table, place[:, :-1], item_seq_len)
        joint = torch.cat([user, candidate, user * candidate], dim=-1)
        return self.dnn_predict_layers(self.dnn_mlp_layers(joint)).squeeze(1)

    def scorer(self, interaction: Interaction) -> Any:
        """See :mod:`recbole_iacn.model.click.full_sort`."""
        lengths = interaction[self.ITEM_SEQ_LEN].tolist()
        table, place = self.embedding_layer.items_of(interaction[self.ITEM_SEQ])
        keys = [table[items[:length]] for items, length in zip(place, lengths)]

        def read(row, candidates):
            user = self.attention.to_one(keys[row])(candidates) @ keys[row]
            return torch.cat([user, candidates, user * candidates], dim=-1)

        return AttentionScorer(self, interaction, read, self.dnn_predict_layers)
