"""The epochs of a training as they end: a row each for whoever watches, and which one is the best."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recbole.trainer import AbstractTrainer

_WIDTH = 9  # of a column of numbers, at least


@dataclass
class _Epoch:
    number: int
    losses: dict[str, float]
    seconds: float
    score: float | None = None
    is_best: bool = False


class EpochTable:
    """Watches a trainer, this package's or RecBole's, without a change in what it computes.

    Epochs are counted from 1. In a training that goes on, the best so far is that of the checkpoint.

    Args:
        trainer: before its ``fit``.
        validates: whether there are rows to validate on.
        say: prints a line; None for no table.

    Attributes:
        best (int or None): the best epoch so far; without validation the last one. None before the first.
        last (int or None): the last epoch that was trained here.
    """

    def __init__(self, trainer: AbstractTrainer, validates: bool, say: Callable[[str], None] | None = None) -> None:
        self._trainer: Any = trainer
        self._validates = validates
        self._say = say
        self._heads: list[str] = []
        self._open: _Epoch | None = None  # trained, and not validated yet
        self.last: int | None = None
        self.best: int | None = getattr(trainer, "start_epoch", 0) or None
        self._began = time.monotonic()
        for name in ("_generate_train_loss_output", "_valid_epoch"):
            if hasattr(trainer, name):  # a decision tree has no losses
                setattr(trainer, name, self._watching(getattr(trainer, name), getattr(self, f"_after{name}")))

    def end(self) -> None:
        """Print the epoch that waits for a validation, if there is one."""
        if self._open is not None:
            self._close(self._open)

    def _watching(self, original, after):
        def call(*args, **kwargs):
            result = original(*args, **kwargs)
            after(args, result)
            return result

        return call

    def _after_generate_train_loss_output(self, args, _):
        epoch, begun, ended, losses = args
        self.end()
        self._open = self._next(epoch + 1, self._named(losses), ended - begun)
        step = getattr(self._trainer, "eval_step", 1)
        if not self._validates or step <= 0 or (epoch + 1) % step:
            self.end()

    def _after_valid_epoch(self, _, result):
        score, _ = result
        now, best = time.monotonic(), self._trainer.best_valid_score
        found = self._open or self._next((self.last or 0) + 1, {}, now - self._began)
        if self._open is not None:
            found.seconds = now - self._began
        found.score = float(score)
        found.is_best = bool(score >= best if self._trainer.valid_metric_bigger else score <= best)  # as RecBole
        self._close(found)

    def _next(self, number, losses, seconds):
        if self.last is not None and number <= self.last:  # another stage
            self._heads, self.best = [], None
        self.last, self._began = number, time.monotonic() - seconds
        return _Epoch(number, losses, seconds)

    def _named(self, losses):
        several = losses if isinstance(losses, tuple) else (losses,)
        names = getattr(self._trainer.model, "loss_names", None)
        if names:
            return {f"{name} loss": float(loss) for name, loss in zip(names, several)}
        # RecBole's trainer adds up the losses of the batches, of which this package's has the mean.
        places = [""] if len(several) == 1 else [f" {place}" for place in range(1, len(several) + 1)]
        return {f"train loss{place}, sum": float(loss) for place, loss in zip(places, several)}

    def _close(self, epoch):
        self._open = None
        self._began = time.monotonic()
        if epoch.is_best or not self._validates:
            self.best = epoch.number
        if self._say is None:
            return
        metric = str(self._trainer.valid_metric).lower()
        heads = ["epoch", *epoch.losses, *([f"valid {metric}"] if self._validates else []), "seconds"]
        if heads != self._heads:
            self._heads = heads
            self._say("  ".join(f"{head:>{_width(head)}}" for head in heads))
        cells = [str(epoch.number), *(self._number(loss, "loss_decimal_place") for loss in epoch.losses.values())]
        if self._validates:
            cells.append("" if epoch.score is None else self._number(epoch.score, "metric_decimal_place"))
        cells.append(f"{epoch.seconds:.1f}")
        row = "  ".join(f"{cell:>{_width(head)}}" for head, cell in zip(heads, cells))
        self._say(row + ("  best so far" if epoch.is_best else ""))

    def _number(self, value, setting):
        places = self._trainer.config[setting]
        return f"{value:.{4 if places is None else places}f}"


def _width(head):
    return len(head) if head == "epoch" else max(len(head), _WIDTH)
