"""Item embeddings that are computed once per distinct item and know their auxiliary part."""

import torch
from recbole.model.layers import ContextSeqEmbLayer
from torch.nn.functional import embedding

from recbole_iacn.data.dataset import AUXILIARY_SUFFIX
from recbole_iacn.nn import mix_gradient


class InterestAwareSeqEmbLayer(ContextSeqEmbLayer):
    """RecBole's layer with the same tables and the same output, and two additions.

    - Every distinct item of a batch is embedded and pooled once, then gathered. Stock RecBole pools all categories
      of every history position, which is most of DIN's step.
    - The auxiliary fields (``*_auxiliary``) pass the main model's gradient on with weight ``main_weight`` only, and
      :meth:`auxiliary` reads them alone.
    """

    @classmethod
    def adopt(cls, layer, main_weight=1.0):
        """Turn a stock layer into this one, in place: its tables, names and initial values stay."""
        layer.__class__ = cls
        layer.dataset = None  # only the constructor needs it; else every copy of the model copies the data set
        layer.main_weight = main_weight
        return layer

    def forward(self, user_idx, item_idx):
        """As in RecBole: dicts ``sparse`` and ``dense`` with entries ``user`` (B, fields, D) and ``item``
        (B, L + 1, fields, D), or None.

        Args:
            user_idx (torch.LongTensor): shape (B,).
            item_idx (torch.LongTensor): shape (B, L + 1).
        """
        items, place = item_idx.unique(return_inverse=True)
        sparse, dense = super().forward(user_idx, items.unsqueeze(0))
        if sparse["item"] is not None:
            sparse["item"] = mix_gradient(sparse["item"], self._gradient_weights(sparse["item"]))
        for part in (sparse, dense):
            if part["item"] is not None:
                table = part["item"].squeeze(0)
                # embedding, not indexing: its backward adds up rows many times faster on a CPU.
                part["item"] = embedding(place, table.flatten(1)).unflatten(-1, table.shape[1:])
        return sparse, dense

    def _gradient_weights(self, fields):
        """1 for original fields, ``main_weight`` for auxiliary ones, shape (fields, 1)."""
        names = self.token_field_names["item"] + self.token_seq_field_names["item"]
        weights = [self.main_weight if name.endswith(AUXILIARY_SUFFIX) else 1.0 for name in names]
        return fields.new_tensor(weights).unsqueeze(-1)

    def auxiliary(self, item_idx):
        """``c = f(i, r)``: the mean of an item's auxiliary embedding and those of its features.

        Args:
            item_idx (torch.LongTensor): any shape.

        Returns:
            torch.Tensor: shape (\\*item_idx.shape, D).
        """
        items, place = item_idx.unique(return_inverse=True)
        parts = [self._token(items, i) for i in self._auxiliary_indices(self.token_field_names["item"])]
        parts += [self._token_seq(items, i) for i in self._auxiliary_indices(self.token_seq_field_names["item"])]
        table = parts[0] if len(parts) == 1 else torch.stack(parts).mean(dim=0)
        return embedding(place, table)

    @staticmethod
    def _auxiliary_indices(names):
        return [i for i, name in enumerate(names) if name.endswith(AUXILIARY_SUFFIX)]

    def _token(self, items, index):
        ids = self.item_feat[self.token_field_names["item"][index]][items]
        offset = int(self.token_field_offsets["item"][index])
        return embedding(ids + offset, self.token_embedding_table["item"].embedding.weight)

    def _token_seq(self, items, index):
        ids = self.item_feat[self.token_seq_field_names["item"][index]][items]
        real = (ids != 0).unsqueeze(-1)
        vectors = self.token_seq_embedding_table["item"][index](ids) * real
        return vectors.sum(dim=-2) / real.sum(dim=-2).clamp_min(1)
