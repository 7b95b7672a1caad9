"""The trainer of models that count and learn nothing: one epoch without a step."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from recbole_iacn.training.trainer import IaCNTrainer

if TYPE_CHECKING:
    from recbole.config import Config
    from torch import nn


class CountingTrainer(IaCNTrainer):
    """Trains a model without weights, which has counted in its constructor: one epoch, whatever ``epochs`` is, then
    validation and a checkpoint as for any other model."""

    epochs: int
    eval_step: int

    def __init__(self, config: Config, model: nn.Module) -> None:
        super().__init__(config, model)
        self.epochs, self.eval_step = min(self.epochs, 1), min(self.eval_step, 1)

    def _build_optimizer(self, **kwargs: Any) -> torch.optim.Optimizer:
        # An optimizer must have a parameter, and RecBole's checkpoints an optimizer.
        return torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)

    def _train_epoch(
        self,
        train_data: Any,
        epoch_idx: int,
        loss_func: Callable[..., Any] | None = None,
        show_progress: bool = False,
    ) -> float:
        self.epoch_losses.append(dict.fromkeys(self.model.loss_names, 0.0))
        self.epoch_interests.append(None)
        return 0.0
