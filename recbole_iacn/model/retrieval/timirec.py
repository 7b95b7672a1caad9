"""TiMiRec and TiMiRec+: predict which interest the next item belongs to, and score with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from recbole_iacn.model.retrieval.base import InterestRecommender, start_small
from recbole_iacn.model.retrieval.multi_interest import self_attentive
from recbole_iacn.nn.distillation import distillation_loss, target_interest
from recbole_iacn.nn.predictor import InterestPredictor

if TYPE_CHECKING:
    from recbole.config import Config
    from recbole.data.dataset import Dataset
    from recbole.data.interaction import Interaction

EXTRACTOR, PREDICTOR, EXTRACTOR_AGAIN = range(3)  # what is trained


class TiMiRec(InterestRecommender):
    """K interests, and a predictor that weights them by the probability of each to be the target's.

    First the extractor learns alone, like ComiRec's. Then both learn: the user vector is ``v = V^T softmax(z)`` with
    the predictor's logits z, the loss ``L_rec + T^2 KL(p || softmax(z / T))``, where the teacher
    ``p = softmax(cos(V_k, e) / T)`` knows the target e.
    :class:`recbole_iacn.training.two_stages.TiMiRecTrainer` runs the two stages.

    ``stages: joint`` trains both from the start, ``extractor_twice`` the extractor alone for both lengths (the control
    for the time that the second stage takes); ``stop_gradient: False`` lets the teacher learn from its student.

    Source: Wang et al., CIKM '22. Settings: ``properties/TiMiRec.yaml``.
    """

    trainer_class = "recbole_iacn.training.two_stages.TiMiRecTrainer"
    block = False

    def __init__(self, config: Config, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        self.stages = config["stages"]
        self.temperature = config["distillation_temperature"]
        self.distillation_weight = config["distillation_weight"]
        self.stop_gradient = config["stop_gradient"]
        self.predictor = InterestPredictor(
            self.n_items, self.embedding_size, config["num_interests"], config["predictor_layers"]
        )
        self.predictor.apply(start_small)
        # A buffer, so that a checkpoint records its stage.
        self.register_buffer("stage", torch.tensor(PREDICTOR if self.stages == "joint" else EXTRACTOR))

    @property
    def loss_names(self) -> tuple[str, ...]:
        main, *others = super().loss_names
        return (main, "distillation", *others) if self.predicts else (main, *others)

    @property
    def predicts(self) -> bool:
        """Whether the predictor is trained and serves."""
        return int(self.stage) == PREDICTOR

    def start_second_stage(self) -> None:
        """Start the second stage: train both parts or, as a control, the extractor again."""
        self.stage.fill_(EXTRACTOR_AGAIN if self.stages == "extractor_twice" else PREDICTOR)

    def make_extractor(self, config: Config) -> nn.Module:
        return self_attentive(config, self.max_seq_length, block=self.block)

    def users(self, interaction: Interaction) -> tuple[Tensor, Tensor]:
        interests, active = self.interests(interaction)
        if not self.predicts:
            return interests, active
        return self._foreseen(interests, active, interaction)[0].unsqueeze(1), active[:, :1]

    def _foreseen(self, interests: Tensor, active: Tensor, interaction: Interaction) -> tuple[Tensor, Tensor]:
        logits = self.predictor(interaction[self.ITEM_SEQ])
        return (logits.masked_fill(~active, -torch.inf).softmax(dim=1).unsqueeze(1) @ interests).squeeze(1), logits

    def calculate_loss(self, interaction: Interaction) -> Tensor | tuple[Tensor, ...]:
        """``L_rec``, by the setting ``loss``; with the predictor the tuple ``(L_rec, weight * T^2 KL)``;
        ``interest_diversity`` adds a last term."""
        if not self.predicts:
            return super().calculate_loss(interaction)
        behaviors, clicked, candidates, others = self.embedded(interaction)
        interests, active, further = self.extract_with_losses(interaction, behaviors)
        user, logits = self._foreseen(interests, active, interaction)
        teacher = target_interest(interests, active, clicked, self.temperature)
        if self.stop_gradient:
            teacher = teacher.detach()
        distillation = self.distillation_weight * distillation_loss(teacher, logits, active, self.temperature)
        losses = (self.ranking_loss(user, clicked, candidates, others), distillation)
        return *(self.of_whole(loss, interaction) for loss in losses), *further


class TiMiRecPlus(TiMiRec):
    """TiMiRec with a transformer block in its extractor, that of ComiRec+. Source: Wang et al., CIKM '22."""

    block = True
