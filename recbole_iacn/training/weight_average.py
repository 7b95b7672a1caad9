"""An exponential moving average of the weights, over the steps of a training (the setting ``ema_decay``).

At a constant learning rate the weights of the last steps lie around a better place than any of them. Within an epoch
the model has the weights that learn; between epochs, when it is measured and saved, their average. The other one of the
two lies in the optimizer's state, so a checkpoint has both: its model is the average, and a resumed training goes on
with the weights that learn. Statistics of batch normalisations are no weights: they stay those of the weights that
learn.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

from recbole_iacn.errors import ConfigError

if TYPE_CHECKING:
    from recbole.trainer import Trainer

_OTHER = "other_weights"  # in the state of a parameter: the average, or, while the model has that, what learns
_STEPS, _HAS_AVERAGE = "averaged_steps", "model_has_average"  # in the optimizer's first group


@contextlib.contextmanager
def averaged_weights(trainer: Trainer) -> Iterator[None]:
    """An epoch: the weights that learn are put into the model, and when it ends their average.

    Args:
        trainer (recbole.trainer.Trainer): without ``ema_decay`` nothing is changed.

    Raises:
        ConfigError: the training that is resumed began without ``ema_decay``, or with one.
    """
    decay, groups = trainer.config["ema_decay"], trainer.optimizer.param_groups
    begun = _STEPS in groups[0]
    if bool(decay) != begun and (begun or trainer.start_epoch):
        raise ConfigError(f"ema_decay: this training began {'with' if begun else 'without'} it; set it as it was")
    if not decay:
        yield
        return
    average = getattr(trainer, "weight_average", None)
    if average is None or average.optimizer is not trainer.optimizer:  # each stage of TiMiRec has its own
        average = trainer.weight_average = WeightAverage(trainer.optimizer, decay)
    average.show_learning()
    yield  # an epoch that is cut short leaves the weights that learn, and the state says so
    average.show_average()


class WeightAverage:
    """``a <- d a + (1 - d) w`` after each step, where the n-th step has ``d = min(decay, (1 + n) / (10 + n))``, so that
    the first weights, which know nothing, are soon forgotten.

    Source: Polyak & Juditsky, 1992; the growing d is that of TensorFlow's ``ExponentialMovingAverage``.

    Args:
        optimizer (torch.optim.Optimizer): steps by it are averaged; dense gradients only.
        decay (float): the largest d, in (0, 1): the average is over about ``1 / (1 - d)`` steps.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, decay: float) -> None:
        self.optimizer, self.decay = optimizer, decay
        group = optimizer.param_groups[0]
        group.setdefault(_STEPS, 0)
        group.setdefault(_HAS_AVERAGE, False)
        optimizer.register_step_post_hook(self._step)

    def show_average(self) -> None:
        """Put the average into the model's parameters; the weights that learn go to the optimizer's state."""
        if not self.optimizer.param_groups[0][_HAS_AVERAGE]:
            self._swap()

    def show_learning(self) -> None:
        """Put the weights that learn into the model's parameters; their average goes to the optimizer's state."""
        if self.optimizer.param_groups[0][_HAS_AVERAGE]:
            self._swap()

    def _swap(self):
        group = self.optimizer.param_groups[0]
        with torch.no_grad():
            for weight, other in self._pairs():
                kept = weight.clone()
                weight.copy_(other)
                other.copy_(kept)
        group[_HAS_AVERAGE] = not group[_HAS_AVERAGE]

    def _step(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        group = optimizer.param_groups[0]
        group[_STEPS] += 1
        pairs = self._pairs()
        if pairs:
            decay = min(self.decay, (1 + group[_STEPS]) / (10 + group[_STEPS]))
            weights, averages = map(list, zip(*pairs))
            get_ema_multi_avg_fn(decay)(averages, weights, None)
        for weight in self._weights():
            # A weight that no step has changed is its own average; an optimizer's state is made in its first step.
            if weight.grad is not None and _OTHER not in optimizer.state[weight]:
                optimizer.state[weight][_OTHER] = weight.detach().clone()

    def _pairs(self) -> list[tuple[Tensor, Tensor]]:
        state = self.optimizer.state
        return [(weight.detach(), state[weight][_OTHER]) for weight in self._weights() if _OTHER in state[weight]]

    def _weights(self) -> list[Tensor]:
        return [weight for group in self.optimizer.param_groups for weight in group["params"]]
