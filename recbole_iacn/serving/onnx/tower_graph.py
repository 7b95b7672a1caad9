"""The family's user tower as a graph: a history goes in, the user's vectors come out."""

from __future__ import annotations

from typing import Any

from recbole.data.interaction import Interaction
from torch import Tensor, nn
from torch.nn.functional import embedding

from recbole_iacn.model.retrieval.base import InterestRecommender
from recbole_iacn.nn.adoption import adopt
from recbole_iacn.nn.gated_blocks import GatedStates
from recbole_iacn.nn.interval_attention import IntervalBlock
from recbole_iacn.nn.predictor import InterestPredictor
from recbole_iacn.nn.transformer import TransformerBlock
from recbole_iacn.serving.onnx.plain import EveryPosition, gru_states, shared_copy


class TowerGraph(nn.Module):
    """``(history (B, L)[, times (B, L)]) -> interests (B, K, D), active (B, K)``: what the model's ``users`` gives.

    Args:
        model: trained; it stays as it is.
    """

    def __init__(self, model: InterestRecommender) -> None:
        super().__init__()
        self.model, cls = shared_copy(model), type(model)
        parts: dict[str, Any] = {"embed": lambda self, items: embedding(items, self.item_embedding.weight)}
        if hasattr(cls, "predicts"):
            parts["predicts"] = model.predicts  # a value of a buffer, which a graph fixes
        adopt(self.model, type(f"Plain{cls.__name__}", (cls,), {"__module__": __name__, **parts}))
        for module in self.model.modules():
            if isinstance(module, TransformerBlock | IntervalBlock | GatedStates):
                module.positions = EveryPosition
            if type(module) is InterestPredictor:
                adopt(module, PlainPredictor)

    def forward(self, history: Tensor, times: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The user's vectors.

        Args:
            history: item ids, oldest first, 0 at padding on the right, shape (B, L).
            times: of each click, whole numbers, shape (B, L); for a model that reads times.
        """
        rows = {self.model.ITEM_SEQ: history}
        if times is not None:
            rows[self.model.ELAPSED] = times
        vectors, active = self.model.users(Interaction(rows))
        return vectors, active.expand(vectors.shape[:2])


class PlainPredictor(InterestPredictor):
    """TiMiRec's predictor, whose recurrence runs over padded rows."""

    def forward(self, history: Tensor) -> Tensor:
        """As :meth:`InterestPredictor.forward`."""
        real = history != 0
        items = embedding(history, self.item_embedding.weight).unsqueeze(1)
        states: Tensor = self.output(gru_states(self.gru, items, real)[:, 0, -1])
        return states
