"""YouTubeDNN, MIND, ComiRec, ComiRec+ and REMI: one recommender, four extractors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from recbole_iacn.model.retrieval.base import InterestRecommender
from recbole_iacn.names import extractors
from recbole_iacn.nn import BehaviorToInterestRouting, LabelAwareAttention
from recbole_iacn.nn.extractor import MeanInterest, PositionalRouting, SelfAttentiveInterests
from recbole_iacn.nn.transformer import TransformerBlock

if TYPE_CHECKING:
    from recbole.config import Config
    from recbole.data.dataset import Dataset
    from recbole.data.interaction import Interaction


class YouTubeDNN(InterestRecommender):
    """One vector per user: an affine map of the mean of the history.

    Source: Covington et al., RecSys '16, as a retrieval model (TiMiRec paper, table 2).
    """

    causal = True
    extractor: MeanInterest

    def make_extractor(self, config: Config) -> nn.Module:
        return MeanInterest(config["embedding_size"])

    def states(self, behaviors: Tensor, interaction: Interaction) -> Tensor:
        return self.extractor.states(behaviors, interaction[self.ITEM_SEQ][:, : behaviors.shape[1]] != 0)


class MIND(InterestRecommender):
    """Interests by dynamic routing, as many as the history's length warrants; label-aware attention in training.

    Unlike the public versions, the couplings are a softmax over the interests and a user has ``K_u`` of them, as in
    the paper. ``h_layer`` puts the paper's ReLU layer behind the capsules.

    Source: Li et al., CIKM '19.
    """

    def __init__(self, config: Config, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        self.attention = LabelAwareAttention(config["label_attention"], config["label_power"])

    def make_extractor(self, config: Config) -> nn.Module:
        size = config["embedding_size"]
        routing = BehaviorToInterestRouting(
            size,
            config["num_interests"],
            self.max_seq_length,
            iterations=config["routing_iterations"],
            logit_std=config["routing_logit_std"],
            rounding=config["interest_rounding"],
            map_scale=config["routing_map_scale"],
        )
        return _Widened(routing, size) if config["h_layer"] else routing

    def reader(self, interests: Tensor, active: Tensor, target: Tensor) -> Tensor:
        return self.attention(interests, target, active)[0]


class _Widened(nn.Module):
    """Capsules through a hidden layer of four times their width."""

    by_row = True

    def __init__(self, routing: nn.Module, size: int) -> None:
        super().__init__()
        self.routing = routing
        self.h_layer = nn.Sequential(nn.Linear(size, 4 * size), nn.ReLU(), nn.Linear(4 * size, size))

    def forward(self, behaviors: Tensor, mask: Tensor, return_couplings: bool = False) -> tuple[Tensor, ...]:
        interests, *others = self.routing(behaviors, mask, return_couplings)
        return self.h_layer(interests), *others


class ComiRec(InterestRecommender):
    """K interests by self-attention (``extractor: sa``), by dynamic routing (``dr``), or by an extractor of one's own
    (:func:`recbole_iacn.add_extractor`); trained with the interest that has the highest score for the clicked item.
    ``interest_positions`` sets where positions are added, by default for the attention's weights only.

    Source: Cen et al., KDD '20.
    """

    def make_extractor(self, config: Config) -> nn.Module:
        size, count, name = config["embedding_size"], config["num_interests"], config["extractor"]
        if name == "dr":
            rounding = config["interest_rounding"]
            return PositionalRouting(size, count, self.max_seq_length, config["routing_iterations"], rounding)
        if name == "sa":
            return self_attentive(config, self.max_seq_length)
        return extractors[name](size, count, self.max_seq_length)


class REMI(ComiRec):
    """ComiRec with interest-aware hard negatives (``hard_negatives``) and routing regularization
    (``interest_diversity: routing``).

    Source: Xie et al., RecSys '23.
    """


class ComiRecPlus(InterestRecommender):
    """ComiRec with a transformer block before its attention.

    Source: Wang et al. (TiMiRec), CIKM '22, table 2, "ComiRec+".
    """

    def make_extractor(self, config: Config) -> nn.Module:
        return self_attentive(config, self.max_seq_length, block=True)


def self_attentive(config: Config, max_length: int, block: bool = False) -> SelfAttentiveInterests:
    """The extractor that ComiRec and TiMiRec share; with a transformer block that of ComiRec+ and TiMiRec+.

    Args:
        config (recbole.config.Config): the run's settings.
        max_length (int): maximum history length.
        block (bool): start with a transformer block. Defaults to False.
    """
    size = config["embedding_size"]
    return SelfAttentiveInterests(
        size,
        config["num_interests"],
        max_length,
        config["attention_size"],
        positions=config["interest_positions"],
        block=TransformerBlock(size, dropout=config["dropout_prob"]) if block else None,
        rounding=config["interest_rounding"],
    )
