"""DIN's and DIEN's attention over a history, without its padding."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from recbole.model.layers import SequenceAttLayer
from torch import Tensor, nn
from torch.nn.functional import linear

from recbole_iacn.nn.activation_unit import hidden_of_pairs, weighted_sum
from recbole_iacn.nn.lookup import take
from recbole_iacn.nn.recurrence import TimeMajor


class PackedSequenceAttention(SequenceAttLayer):
    """RecBole's layer with the same weights and the same result, with a fraction of the multiplications.

    - Computed at real positions only: on Amazon's 5-core data, three in four are padding.
    - Its first layer W reads [q, k, q - k, q * k]. That is ``(W_q + W_d) q + (W_k - W_d) k + W_m (q * k)``: the
      first term once per row instead of once per position, the others half as wide, and nothing is concatenated.
    """

    def forward(self, queries: Tensor, keys: Tensor, keys_length: Tensor) -> Tensor:
        """As in RecBole: queries (B, H), keys (B, T, H), lengths (B,); returns weights (B, 1, T), or the sum of keys
        (B, 1, H) if ``return_seq_weight`` is False; zeros for an empty history."""
        rows, steps, _ = keys.shape
        real = torch.arange(steps, device=keys.device) < keys_length.unsqueeze(1)
        place = real.flatten().nonzero().squeeze(1)
        key = take(keys.flatten(0, 1), place)
        scores = self._scores(queries, key, place // steps)
        weights = scores.new_full((real.numel(),), torch.finfo(scores.dtype).min if self.softmax_stag else 0.0)
        weights = weights.index_put((place,), scores).view(rows, 1, steps)
        if self.softmax_stag:
            weights = weights.softmax(dim=2) * real.unsqueeze(1)  # no weights where nothing is real
        return weights if self.return_seq_weight else weights @ keys

    def over(self, queries: Tensor, table: Tensor, place: Tensor, lengths: Tensor) -> Tensor:
        """The weighted sum of keys that are rows of a table, without gathering them as a whole.

        Args:
            queries (torch.Tensor): shape (B, H).
            table (torch.Tensor): the distinct keys, shape (U, H).
            place (torch.LongTensor): index of the key at each position, shape (B, T).
            lengths (torch.LongTensor): real positions, shape (B,).

        Returns:
            torch.Tensor: shape (B, H).
        """
        if self.softmax_stag or self.return_seq_weight:
            keys = take(table, place)
            result = self(queries, keys, lengths)
            return (result @ keys if self.return_seq_weight else result).squeeze(1)
        real = torch.arange(place.shape[1], device=place.device) < lengths.unsqueeze(1)
        at = real.flatten().nonzero().squeeze(1)
        row, item = at // place.shape[1], place.flatten()[at]
        scores = self._scores(queries, table, row, item)
        return weighted_sum(scores, table, row, item, len(queries))

    def weights_at(self, queries: Tensor, keys: Tensor, positions: TimeMajor, number: Tensor | None = None) -> Tensor:
        """Weights where the keys are real, adding up to 1 in each row.

        Args:
            queries (torch.Tensor): shape (B, H).
            keys (torch.Tensor): shape (U, H).
            positions (TimeMajor): the real ones.
            number (torch.LongTensor, optional): which key is at each of them, shape (positions,); None where each has
                its own, time-major.

        Returns:
            torch.Tensor: shape (positions,).
        """
        rows, steps = positions.shape
        scores = self._scores(queries, keys, positions.place // steps, number)
        lowest = torch.finfo(scores.dtype).min  # -inf would leave a row without positions without weights
        padded = scores.new_full((rows * steps,), lowest).index_put((positions.place,), scores)
        return padded.view(rows, steps).softmax(dim=1).flatten().index_select(0, positions.place)

    def to_one(self, key: Tensor) -> Callable[[Tensor], Tensor]:
        """The weights of one history's keys, for many queries.

        With k fixed the first layer is linear in q, so that it is one product for all positions:
        ``q (W_q + W_d + diag(k) W_m) + k (W_k - W_d)``.

        Args:
            key (torch.Tensor): shape (T, H).

        Returns:
            Callable: from queries (C, H) to weights (C, T).
        """
        first, rest, of_query, of_key, of_product = self.split(key.shape[1])
        steps, width = len(key), len(first.bias)
        at_step = of_query.T + key.unsqueeze(2) * of_product.T
        at_step = at_step.transpose(0, 1).reshape(key.shape[1], steps * width)
        constant = linear(key, of_key, first.bias).flatten()

        def weights(queries):
            hidden = torch.addmm(constant, queries, at_step).view(len(queries), steps, width)
            for layer in rest:
                hidden = layer(hidden)
            scores = self.dense(hidden).squeeze(-1) / key.shape[1] ** 0.5
            return scores.softmax(dim=1) if self.softmax_stag else scores

        return weights

    def split(self, width: int) -> tuple[Any, list[nn.Module], Tensor, Tensor, Tensor]:
        """The first layer, the ones after it, and the first's weights for q, k and q * k, each (W, H).

        Args:
            width (int): H, of a query.
        """
        _, first, *rest = self.att_mlp_layers.mlp_layers  # the first is a dropout of 0
        of_query, of_key, of_difference, of_product = first.weight.split(width, dim=1)
        return first, rest, of_query + of_difference, of_key - of_difference, of_product

    def _scores(self, queries, keys, row, item=None):
        """The scaled output for each position, (positions,), whose key is ``keys[item]``; without ``item`` each has its
        own."""
        first, rest, of_query, of_key, of_product = self.split(queries.shape[1])
        item = torch.arange(len(keys), device=keys.device) if item is None else item
        fixed, of_keys = linear(queries, of_query, first.bias), keys @ of_key.T
        if _has_two_sigmoids(rest):
            last: Any = rest[2]
            hidden = hidden_of_pairs(fixed, of_keys, queries, keys, row, item, of_product, last.weight, last.bias)
        else:
            products = take(queries, row) * take(keys, item)
            hidden = torch.addmm(take(fixed, row) + take(of_keys, item), products, of_product.T)
            for layer in rest:
                hidden = layer(hidden)
        return self.dense(hidden).squeeze(-1) / queries.shape[1] ** 0.5


def _has_two_sigmoids(layers):
    """Whether these follow the first layer in RecBole's DIN and DIEN: an activation, and one layer more."""
    kinds = (nn.Sigmoid, nn.Dropout, nn.Linear, nn.Sigmoid)
    return tuple(map(type, layers)) == kinds and layers[1].p == 0
