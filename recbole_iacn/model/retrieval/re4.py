"""Re4: ComiRec with three backward flows."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from torch import Tensor

from recbole_iacn import parallel
from recbole_iacn.model.extractors import check_attention, with_attention
from recbole_iacn.model.retrieval.multi_interest import ComiRec
from recbole_iacn.model.retrieval.ranking_loss import of_whole
from recbole_iacn.nn.backward_flows import Reconstruction, reattend_loss, recontrast_loss, representatives
from recbole_iacn.nn.by_length import extract_by_length

if TYPE_CHECKING:
    from recbole.config import Config
    from recbole.data.dataset import Dataset
    from recbole.data.interaction import Interaction


class Re4(ComiRec):
    """ComiRec whose interests are looked back from, in training, at the behaviours that they read: they are told apart
    by them (re-contrast), read them as the recommendation scores them (re-attend), and tell what they were
    (re-construct).

    Source: Zhang et al., WWW '22. Settings: ``properties/Re4.yaml``.
    """

    def __init__(self, config: Config, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        check_attention(self.extractor, "extractor: Re4", "set extractor to sa or dr")
        weights = {name: config[f"{name}_weight"] or 0.0 for name in ("recontrast", "reattend", "reconstruct")}
        self.flows = {name: weight for name, weight in weights.items() if weight}
        self.temperature = config["recontrast_temperature"]
        if "reconstruct" in self.flows:
            self.reconstruction = Reconstruction(self.embedding_size, self.max_seq_length)
            self.reconstruction.apply(self.start)

    @property
    def loss_names(self) -> tuple[str, ...]:
        return (*super().loss_names, *self.flows)

    def extract_with_losses(
        self, interaction: Interaction, behaviors: Tensor
    ) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
        if not self.flows:
            return super().extract_with_losses(interaction, behaviors)
        mask = interaction[self.ITEM_SEQ] != 0
        call = partial(with_attention, self.extractor)
        interests, active, attention = extract_by_length(self.extractor, call, behaviors, mask)
        represents = representatives(attention, active, mask)
        of, own = (interests, active, behaviors, mask), active & mask.any(dim=1, keepdim=True)
        losses = {  # what each is a mean over, and how it is computed
            "recontrast": (represents, lambda: recontrast_loss(*of, represents, self.temperature)),
            "reattend": (own, lambda: reattend_loss(*of, attention)),
            "reconstruct": (represents, lambda: self.reconstruction.loss(interests, behaviors, mask, represents)),
        }
        flows = [weight * _of_whole(*losses[name]) for name, weight in self.flows.items()]
        return interests, active, (*self.penalties(interests, active, attention, mask), *flows)


def _of_whole(averaged, loss):
    """A mean over what is marked, weighted so that its mean over processes is that over all their marks."""
    return of_whole(loss(), int(averaged.sum())) if parallel.active() else loss()
