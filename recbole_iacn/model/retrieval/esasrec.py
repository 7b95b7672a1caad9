"""eSASRec: self-attention with gated residual connections, trained by a softmax over many items."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from recbole_iacn.model.retrieval.base import InterestRecommender, start_small
from recbole_iacn.nn.gated_blocks import GatedStates

if TYPE_CHECKING:
    from recbole.config import Config
    from recbole.data.interaction import Interaction


def start_by_size(module: nn.Module) -> None:
    """Initialise linear layers by their widths (Glorot and Bengio, AISTATS '10), biases by 0, and embeddings as the
    family does."""
    if isinstance(module, nn.Linear):
        nn.init.xavier_normal_(module.weight)
        nn.init.zeros_(module.bias)
    else:
        start_small(module)


class ESASRec(InterestRecommender):
    """One vector per user: the last state of causal blocks, each with gates on what it adds.

    Unlike the published model it adds no positions to the behaviours; the attention knows how far back each lies.

    Source: Tikhonovich et al. (eSASRec), RecSys '25. Settings: ``properties/ESASRec.yaml``.
    """

    causal = True
    start = staticmethod(start_by_size)
    extractor: GatedStates

    def make_extractor(self, config: Config) -> GatedStates:
        return GatedStates(
            config["embedding_size"],
            self.max_seq_length,
            config["n_layers"],
            config["n_heads"],
            config["inner_widening"],
            config["dropout_prob"],
        )

    def couplings(self, interaction: Interaction) -> Tensor:
        """1 at each real position, shape (B, L, 1): there is one interest."""
        return (interaction[self.ITEM_SEQ] != 0).unsqueeze(2).float()

    def states(self, behaviors: Tensor, interaction: Interaction) -> Tensor:
        return self.extractor.states(behaviors, interaction[self.ITEM_SEQ][:, : behaviors.shape[1]] != 0)
