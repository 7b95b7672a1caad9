"""What DIEN needs beside DIN: negative histories, and recurrences that do not crawl."""

import torch
from recbole.model.sequential_recommender.dien import InterestEvolvingLayer, InterestExtractorNetwork
from torch.nn.functional import binary_cross_entropy_with_logits, embedding

from recbole_iacn.model.embedding import SequenceItems
from recbole_iacn.model.recurrence import TimeMajor, recur


class EvolvingItems(SequenceItems):
    """For DIEN: stands before the backbone.

    DIEN's own auxiliary loss sets, at every step of the history, the item that came next against one that did not.
    RecBole draws these negatives once, before it sorts the interactions they belong to. Here every training batch
    draws its own, by the generator that the trainer seeds from (seed, epoch): one for each position, uniformly from all
    items but the one that stands there. A data set that brings negative histories (RecBole's field) is believed.

    Source: Zhou et al. (DIEN), AAAI '19, section 4.2, equation 7.
    """

    def __init__(self, config, dataset):
        super().__init__(config, dataset)
        self.interset_extractor.__class__ = LeanExtractor
        self.interest_evolution.__class__ = LeanEvolution

    def with_history(self, interaction):
        """The rows, with a negative history if they have none."""
        if self.NEG_ITEM_SEQ not in interaction:
            history = interaction[self.ITEM_SEQ]
            # Without training there is no auxiliary loss, and the negatives are only to be the right shape.
            negatives = self._other_items(history) if self.training else history
            interaction = interaction.to(history.device)  # a copy: the loader's rows stay as they were
            interaction[self.NEG_ITEM_SEQ] = negatives
        return interaction

    def _other_items(self, history):
        """Uniform over ``1 … n_items - 1`` but the item in place: one number fewer, and a step over the gap."""
        drawn = torch.randint(1, self.n_items - 1, history.shape, device=history.device)
        return torch.where(history == 0, 0, drawn + (drawn >= history))


class LeanExtractor(InterestExtractorNetwork):
    """RecBole's interest extractor with the same weights and results, computed at real positions only; its auxiliary
    loss is 0 outside training."""

    def forward(self, keys, keys_length, neg_keys=None):
        """As in RecBole: states of a GRU over ``keys`` (B, T, H), and the auxiliary loss."""
        positions, gru = TimeMajor(keys_length, keys.shape[1]), self.gru
        weights = (gru.weight_ih_l0, gru.weight_hh_l0, gru.bias_ih_l0, gru.bias_hh_l0)
        states = recur(positions.pack(keys), positions.sizes, weights, lambda gate, step: 1 - gate)
        states = positions.pad(states, like=keys)
        if not self.training:
            return states, keys.new_zeros(())
        return states, self.auxiliary_loss(states[:, :-1], keys[:, 1:], neg_keys[:, 1:], keys_length - 1)

    def auxiliary_loss(self, h_states, click_seq, noclick_seq, keys_length):
        """As in RecBole, but 0 instead of 0/0 where no history has a second item."""
        real = torch.arange(h_states.shape[1], device=h_states.device) < keys_length.unsqueeze(1)
        place = real.flatten().nonzero().squeeze(1)
        if not len(place):
            return h_states.new_zeros(())
        states, *items = (embedding(place, part.flatten(0, 1)) for part in (h_states, click_seq, noclick_seq))
        scores = self.auxiliary_net(torch.cat([torch.cat([states, item], dim=-1) for item in items])).squeeze(-1)
        clicked = torch.arange(len(scores), device=scores.device) < len(states)
        return binary_cross_entropy_with_logits(scores, clicked.to(scores.dtype))


class LeanEvolution(InterestEvolvingLayer):
    """RecBole's interest evolution with AGRU or AUGRU, same weights and results, computed at real positions only.

    The share of a step is its attention a (AGRU), or ``a * sigmoid(x_u + h_u)`` (AUGRU): Zhou et al., AAAI '19,
    equations 14 to 17.
    """

    def forward(self, queries, keys, keys_length):
        """As in RecBole: the last state of each row, (B, H)."""
        if self.gru not in ("AGRU", "AUGRU"):
            return super().forward(queries, keys, keys_length)
        positions, cell = TimeMajor(keys_length, keys.shape[1]), self.dynamic_rnn.rnn
        attention = positions.pack(self.attention_layer(queries, keys, keys_length).transpose(1, 2))
        weights = (cell.weight_ih, cell.weight_hh, cell.bias_ih, cell.bias_hh)

        def update(gate, step):
            return attention[step] * gate if self.gru == "AUGRU" else attention[step]

        return embedding(positions.last, recur(positions.pack(keys), positions.sizes, weights, update))
