"""What DIEN needs in addition to DIN: negative histories, and fast recurrences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from recbole.model.sequential_recommender.dien import InterestEvolvingLayer, InterestExtractorNetwork
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, linear

from recbole_iacn import parallel
from recbole_iacn.model.click.din import SequenceItems
from recbole_iacn.model.click.full_sort import AttentionScorer
from recbole_iacn.model.click.item_tables import Part
from recbole_iacn.nn.adoption import adopt
from recbole_iacn.nn.lookup import take
from recbole_iacn.nn.recurrence import Once, TimeMajor, recur, run_gru

if TYPE_CHECKING:
    from recbole.config import Config
    from recbole.data.dataset import Dataset
    from recbole.data.interaction import Interaction


class EvolvingItems(SequenceItems):
    """For DIEN: comes before the backbone among the bases.

    DIEN's own auxiliary loss compares, at every step of the history, the item that came next with one that did not.
    RecBole draws these negatives once, before it sorts the interactions they belong to. Here every training batch
    draws its own, by the generator that the trainer seeds from (seed, epoch): one per position, uniformly from all
    items except the one at that position. Negative histories of the dataset's own (RecBole's field) are kept.

    Source: Zhou et al. (DIEN), AAAI '19, section 4.2, equation 7.
    """

    reads_users = True

    def __init__(self, config: Config, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        adopt(self.interset_extractor, LeanExtractor)
        adopt(self.interest_evolution, LeanEvolution)

    @property
    def state_size(self) -> int:
        """Width of :meth:`user_state`."""
        return self.interset_extractor.gru.hidden_size

    def user_state(self, interaction: Interaction) -> Tensor:
        """The last state of the interest extractor's GRU for each row, shape (B, state_size)."""
        left = self.item_tables.left or {}
        if "state" in left:
            return left["state"]
        history, lengths = interaction[self.ITEM_SEQ], interaction[self.ITEM_SEQ_LEN]
        _, table, place = self.embedding_layer.tables_of(interaction[self.USER_ID], history)
        positions = TimeMajor(lengths, history.shape[1])
        return positions.final(self.interset_extractor.states(table, place, positions))

    def with_history(self, interaction: Interaction) -> Interaction:
        """The rows, with a negative history if they have none."""
        if self.NEG_ITEM_SEQ not in interaction:
            history = interaction[self.ITEM_SEQ]
            # Outside training there is no auxiliary loss, and only the shape of the negatives matters.
            negatives = self._other_items(history) if self.training else history
            interaction = interaction.to(history.device)  # a copy: the loader's rows stay as they were
            interaction[self.NEG_ITEM_SEQ] = negatives
        return interaction

    def _other_items(self, history):
        """Uniform over ``1 … n_items - 1`` except the item in place: one number fewer, then a shift past it."""
        drawn = torch.randint(1, self.n_items - 1, history.shape, device=history.device)
        return torch.where(history == 0, 0, drawn + (drawn >= history))


class PackedEvolution(Part):
    """DIEN's forward pass from the table of a batch's distinct items: neither histories nor states are ever
    padded. Comes before :class:`EvolvingItems` if the backbone computes as RecBole's DIEN does."""

    def forward(
        self, user: Tensor, item_seq: Tensor, neg_item_seq: Tensor, item_seq_len: Tensor, next_items: Tensor
    ) -> tuple[Tensor, Tensor]:
        """As in RecBole: logits (B,), and DIEN's own auxiliary loss."""
        steps = item_seq.shape[1]
        items = torch.cat((item_seq, neg_item_seq, next_items.unsqueeze(1)), dim=1)
        users, table, place = self.embedding_layer.tables_of(user, items)
        history, negatives, candidate = place.split([steps, steps, 1], dim=1)
        candidate = take(table, candidate.squeeze(1))
        once = Once.of(history, TimeMajor(item_seq_len, steps))
        states = self.interset_extractor.states(table, history[once.row], once.positions)
        auxiliary = self.interset_extractor.auxiliary(states, table, history, negatives, once)
        left = self.item_tables.left if self.training else None
        if left is not None and any(task.reads_state for task in self.tasks.values()):
            left["state"] = once.batch.final(once.spread(states))
        evolved = self.interest_evolution.over(candidate, states, once)
        joint = torch.cat([evolved, candidate, users], dim=-1)
        return self.dnn_predict_layer(self.dnn_mlp_layers(joint)).squeeze(1), auxiliary

    def scorer(self, interaction: Interaction) -> Any:
        """See :mod:`recbole_iacn.model.click.full_sort`."""
        if self.interest_evolution.gru not in LeanEvolution.LEAN:
            return super().scorer(interaction)
        lengths, history = interaction[self.ITEM_SEQ_LEN], interaction[self.ITEM_SEQ]
        users, table, place = self.embedding_layer.tables_of(interaction[self.USER_ID], history)
        positions = TimeMajor(lengths, history.shape[1])
        padded = positions.pad(self.interset_extractor.states(table, place, positions))
        states = [of_row[:length] for of_row, length in zip(padded, lengths.tolist())]

        def read(row, candidates):
            evolved = self.interest_evolution.of_one(states[row], candidates)
            return torch.cat([evolved, candidates, users[row].expand(len(candidates), -1)], dim=-1)

        return AttentionScorer(self, interaction, read, self.dnn_predict_layer)


class LeanExtractor(InterestExtractorNetwork):
    """RecBole's interest extractor with the same weights and results, computed at real positions only; its auxiliary
    loss is 0 outside training."""

    def forward(self, keys: Tensor, keys_length: Tensor, neg_keys: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """As in RecBole: states of a GRU over ``keys`` (B, T, H), and the auxiliary loss."""
        rows, steps, _ = keys.shape
        positions, place = (
            TimeMajor(keys_length, steps),
            torch.arange(rows * steps, device=keys.device).view(rows, steps),
        )
        both = keys if neg_keys is None else torch.cat([keys, neg_keys])
        table, once = both.flatten(0, 1), Once.all_of(positions)
        states = self.states(table, place, positions)
        return positions.pad(states), self.auxiliary(states, table, place, place + rows * steps, once)

    def states(self, table: Tensor, history: Tensor, positions: TimeMajor) -> Tensor:
        """The states from a table.

        Args:
            table (torch.Tensor): vectors of items, shape (U, H).
            history (torch.LongTensor): index of the item at each position, shape (B, T).
            positions (TimeMajor): the real ones.

        Returns:
            torch.Tensor: time-major, shape (positions, H).
        """
        gru, inputs = self.gru, take(table, positions.of(history))
        if inputs.is_cuda and positions.sizes:
            return run_gru(gru, inputs, positions.sizes)
        inputs = linear(inputs, gru.weight_ih_l0, gru.bias_ih_l0)
        return recur(inputs, positions.sizes, gru.weight_hh_l0, gru.bias_hh_l0, 1.0, -1.0)

    def auxiliary(self, states: Tensor, table: Tensor, history: Tensor, negatives: Tensor, once: Once) -> Tensor:
        """The auxiliary loss.

        Args:
            states (torch.Tensor): those of each history once, as :meth:`states` gives them.
            table (torch.Tensor): vectors of items, shape (U, H).
            history, negatives (torch.LongTensor): index of the item at each position, shape (B, T).
            once (Once): which of the states the real ones have.
        """
        if not self.training:
            return states.new_zeros(())
        positions = once.batch
        row, step = positions.place // history.shape[1], positions.place % history.shape[1]
        now = (step + 1 < positions.lengths[row]).nonzero().squeeze(1)
        share = self._share(len(now), len(history), states.device)  # all processes must reach this line
        if not len(now):  # RecBole's would be 0/0
            return states.new_zeros(())
        weight, bias = _affine(self.auxiliary_net)
        of_state, of_item = weight.split(states.shape[1], dim=1)
        reached, items = linear(states, of_state, bias), linear(table, of_item)
        following = positions.place[now] + 1
        followers = torch.stack([history.flatten()[following], negatives.flatten()[following]])
        scores = take(reached, now if once.number is None else once.number[now]) + take(items, followers)
        clicked = scores.new_tensor([1.0, 0.0]).view(2, 1, 1).expand_as(scores)
        return binary_cross_entropy_with_logits(scores, clicked) * share

    @staticmethod
    def _share(pairs, rows, device):
        """The main loss, of which this one is a part, weights a process by its rows; this one is a mean over pairs."""
        if not parallel.active():
            return 1.0
        pairs = parallel.share(pairs, parallel.total(pairs, device))
        return pairs / parallel.share(rows, parallel.total(rows, device))


def _affine(net):
    """The weight and bias of a chain of layers without activations, such as RecBole's auxiliary net: its output for
    a state and an item is then a sum of two terms, each computed once instead of once per pair."""
    weight: Tensor | None = None
    bias: Tensor | None = None
    for layer in net.mlp_layers:
        if isinstance(layer, nn.Linear):
            bias = layer.bias if bias is None else layer.weight @ bias + layer.bias
            weight = layer.weight if weight is None else layer.weight @ weight
    return weight, bias


class LeanEvolution(InterestEvolvingLayer):
    """RecBole's interest evolution with AGRU or AUGRU, same weights and results, computed at real positions only.

    The share of a step is its attention a (AGRU), or ``a * sigmoid(x_u + h_u)`` (AUGRU): Zhou et al., AAAI '19,
    equations 14 to 17.
    """

    LEAN = ("AGRU", "AUGRU")

    def over(self, queries: Tensor, states: Tensor, once: Once) -> Tensor:
        """The last state of each row.

        Args:
            queries (torch.Tensor): shape (B, H).
            states (torch.Tensor): the extractor's, those of each history once, time-major.
            once (Once): which of them the batch's positions have.

        Returns:
            torch.Tensor: shape (B, H); zeros for an empty history.
        """
        if self.gru not in self.LEAN:
            return self(queries, once.batch.pad(once.spread(states)), once.batch.lengths)
        attention = self.attention_layer.weights_at(queries, states, once.batch, once.number).unsqueeze(1)
        return once.batch.final(self._evolve(once.spread(self._project(states)), once.batch.sizes, attention))

    def _project(self, states):
        return linear(states, self.dynamic_rnn.rnn.weight_ih, self.dynamic_rnn.rnn.bias_ih)

    def _evolve(self, x, sizes, attention):
        """All states of the recurrence, time-major, from the projected inputs; attention of shape (positions, 1)."""
        cell = self.dynamic_rnn.rnn
        offset, factor = (0.0, attention) if self.gru == "AUGRU" else (attention, 0.0)
        return recur(x, sizes, cell.weight_hh, cell.bias_hh, offset, factor)

    def of_one(self, states: Tensor, queries: Tensor) -> Tensor:
        """The last state for many queries to one history.

        Args:
            states (torch.Tensor): the extractor's, shape (T, H).
            queries (torch.Tensor): shape (C, H).

        Returns:
            torch.Tensor: shape (C, H); zeros for an empty history.
        """
        rows = len(queries)
        if not len(states):
            return queries.new_zeros(rows, self.dynamic_rnn.hidden_size)
        attention = self.attention_layer.to_one(states)(queries)
        x = self._project(states).repeat_interleave(rows, dim=0)
        return self._evolve(x, [rows] * len(states), attention.T.reshape(-1, 1))[-rows:]

    def forward(self, queries: Tensor, keys: Tensor, keys_length: Tensor) -> Tensor:
        """As in RecBole: the last state of each row, (B, H)."""
        if self.gru not in self.LEAN:
            return super().forward(queries, keys, keys_length)
        positions = TimeMajor(keys_length, keys.shape[1])
        return self.over(queries, positions.pack(keys), Once.all_of(positions))
