"""TiSASRec: self-attention with the time between clicks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from recbole_iacn.data.history import ELAPSED
from recbole_iacn.model.retrieval.base import InterestRecommender
from recbole_iacn.nn.interval_attention import IntervalBlock, personal_intervals

if TYPE_CHECKING:
    from recbole.config import Config
    from recbole.data.dataset import Dataset
    from recbole.data.interaction import Interaction


class TiSASRec(InterestRecommender):
    """One vector per user: the last state of causal blocks whose keys and values include time intervals.

    It needs real timestamps, which are read to the second; RecBole's float32 is too coarse for that.

    Source: Li et al., WSDM '20. Settings: ``properties/TiSASRec.yaml``.
    """

    dataset_class = "recbole_iacn.data.history.TimedHistoryDataset"
    causal = True
    extractor: _LastState

    def __init__(self, config: Config, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        self.ELAPSED = ELAPSED + config["LIST_SUFFIX"]
        self.time_span = config["time_span"]

    def make_extractor(self, config: Config) -> nn.Module:
        return _LastState(
            config["embedding_size"],
            self.max_seq_length,
            config["time_span"],
            config["n_layers"],
            config["n_heads"],
            config["dropout_prob"],
        )

    def couplings(self, interaction: Interaction) -> Tensor:
        """1 at each real position, shape (B, L, 1): there is one interest."""
        return (interaction[self.ITEM_SEQ] != 0).unsqueeze(2).float()

    def extract(self, interaction: Interaction, behaviors: Tensor) -> tuple[Tensor, Tensor]:
        mask = interaction[self.ITEM_SEQ] != 0
        intervals = personal_intervals(interaction[self.ELAPSED], mask, self.time_span)
        return self.extractor(behaviors, mask, intervals)

    def states(self, behaviors: Tensor, interaction: Interaction) -> Tensor:
        length = behaviors.shape[1]
        mask = interaction[self.ITEM_SEQ][:, :length] != 0
        intervals = personal_intervals(interaction[self.ELAPSED][:, :length], mask, self.time_span)
        return self.extractor.states(behaviors, mask, intervals)


class _LastState(nn.Module):
    """Blocks, then the state of the newest behaviour, normalised.

    Positions and intervals are those of the whole history: with ``rows: histories`` a state of an earlier place counts
    positions from the history's end, as the paper's slots do.
    """

    def __init__(
        self, embedding_size: int, max_length: int, span: int, layers: int, heads: int, dropout: float
    ) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(
            IntervalBlock(embedding_size, max_length, span, heads, dropout) for _ in range(layers)
        )
        self.norm = nn.LayerNorm(embedding_size, eps=1e-8)

    def forward(self, behaviors: Tensor, mask: Tensor, intervals: Tensor) -> tuple[Tensor, Tensor]:
        states = self._before_norm(behaviors, mask, intervals)
        last = (mask.sum(dim=1) - 1).clamp_min(0)
        state = self.norm(states[torch.arange(len(states), device=states.device), last])
        return state.unsqueeze(1), mask.new_ones(len(mask), 1)

    def states(self, behaviors: Tensor, mask: Tensor, intervals: Tensor) -> Tensor:
        """The state after each place, shape (B, L, D)."""
        return self.norm(self._before_norm(behaviors, mask, intervals))

    def _before_norm(self, behaviors, mask, intervals):
        states = self.dropout(behaviors * behaviors.shape[2] ** 0.5)
        for block in self.blocks:
            states = block(states, mask, intervals)
        return states
