"""The trainer of TiMiRec: it trains the extractor first and then, from the extractor's best state by validation,
extractor and predictor together."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from recbole.utils import set_color

from recbole_iacn import parallel
from recbole_iacn.errors import ConfigError
from recbole_iacn.model.retrieval.timirec import EXTRACTOR, EXTRACTOR_AGAIN, PREDICTOR
from recbole_iacn.training import checkpoint
from recbole_iacn.training.trainer import IaCNTrainer

_STAGES = {"two": (EXTRACTOR, PREDICTOR), "joint": (PREDICTOR,), "extractor_twice": (EXTRACTOR, EXTRACTOR_AGAIN)}
_EPOCH_OFFSET = 1_000_000  # of the second stage, so that its random numbers differ from those of the first


class TiMiRecTrainer(IaCNTrainer):
    """Trains two stages in one ``fit``, each with its own early stopping and its own optimizer.

    The best state of the first stage is saved as ``<checkpoint>-extractor.pth``. Resuming a checkpoint continues the
    stage in which it was written.
    """

    def fit(
        self,
        train_data: Any,
        valid_data: Any = None,
        verbose: bool = True,
        saved: bool = True,
        show_progress: bool = False,
        callback_fn: Callable[[int, float], object] | None = None,
    ) -> tuple[float, dict[str, float] | None]:
        """Train both stages, each as in RecBole; the result is that of the second stage."""
        options = {"show_progress": show_progress, "callback_fn": callback_fn}
        if self.has_next_stage:
            self.saved_model_file, last = self._files()
            if verbose:
                self.logger.info(set_color("First stage", "pink") + ": extractor")
            if self.start_epoch < self.epochs:  # otherwise RecBole would write the resumed state as that of epoch -1
                super().fit(train_data, valid_data, verbose=verbose, saved=True, **options)
            if parallel.rank() == 0:
                checkpoint.load_weights(self.model, self.saved_model_file)
            parallel.same_state(self.model)
            self.saved_model_file = last
            self._start_second_stage()
            if verbose:
                self.logger.info(set_color("Second stage", "pink") + f": {', '.join(self.model.loss_names)}")
        return super().fit(train_data, valid_data, verbose=verbose, saved=saved, **options)

    @property
    def has_next_stage(self) -> bool:
        """Whether another stage follows the present one."""
        return self.model.stages != "joint" and int(self.model.stage) == EXTRACTOR

    def resume_checkpoint(self, resume_file: str) -> None:
        """Resume as in RecBole.

        Raises:
            ConfigError: the file was written in a stage that ``stages`` does not include, or contains the state of
                another optimizer.
        """
        super().resume_checkpoint(resume_file)
        setting, stage = self.model.stages, int(self.model.stage)
        if stage not in _STAGES[setting]:
            fitting = " or ".join(name for name, stages in _STAGES.items() if stage in stages)
            raise ConfigError(
                f"stages: {resume_file} was trained with {fitting}, not with {setting}; set stages to {fitting}"
            )

    def _files(self):
        """The checkpoints of the first and of the second stage. RecBole writes to the file that it resumed from."""
        stem, ending = os.path.splitext(self.saved_model_file)
        stem = stem.removesuffix("-extractor")
        return f"{stem}-extractor{ending}", f"{stem}{ending}"

    def _start_second_stage(self):
        self.model.start_second_stage()
        self.optimizer = self._build_optimizer()
        self.start_epoch = self.cur_step = 0
        self.best_valid_score = -float("inf") if self.valid_metric_bigger else float("inf")
        self.best_valid_result, self._measured = None, (None, None)
        self.train_loss_dict = {}

    def _start_epoch(self, train_data, epoch_idx):
        super()._start_epoch(train_data, epoch_idx + _EPOCH_OFFSET * int(int(self.model.stage) != EXTRACTOR))
