"""Trains TiMiRec: first the extractor, then, from its best state by validation, extractor and predictor."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import torch
from recbole.utils import set_color

from recbole_iacn import parallel
from recbole_iacn.errors import ConfigError
from recbole_iacn.model.retrieval.timirec import EXTRACTOR, EXTRACTOR_AGAIN, PREDICTOR
from recbole_iacn.training.trainer import IaCNTrainer

_STAGES = {"two": (EXTRACTOR, PREDICTOR), "joint": (PREDICTOR,), "extractor_twice": (EXTRACTOR, EXTRACTOR_AGAIN)}
_APART = 1_000_000  # the second stage draws other negatives than the first


class TiMiRecTrainer(IaCNTrainer):
    """Two stages in one ``fit``, each with early stopping and an optimizer of its own.

    The first stage's best state lies in ``<checkpoint>-extractor.pth``. A resumed checkpoint goes on in the stage that
    it is of.
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
        """As in RecBole, twice; the result is that of the second stage."""
        told = {"show_progress": show_progress, "callback_fn": callback_fn}
        if self.model.stages != "joint" and int(self.model.stage) == EXTRACTOR:
            self.saved_model_file, last = self._files()
            if verbose:
                self.logger.info(set_color("First stage", "pink") + ": extractor")
            super().fit(train_data, valid_data, verbose=verbose, saved=True, **told)
            if parallel.rank() == 0:
                state = torch.load(self.saved_model_file, self.device, weights_only=True)["state_dict"]
                self.model.load_state_dict(state)
            parallel.same_state(self.model)
            self.saved_model_file = last
            self._start_second_stage()
            if verbose:
                self.logger.info(set_color("Second stage", "pink") + f": {', '.join(self.model.loss_names)}")
        return super().fit(train_data, valid_data, verbose=verbose, saved=saved, **told)

    def resume_checkpoint(self, resume_file: str) -> None:
        """As in RecBole.

        Raises:
            ConfigError: the file is of a stage that ``stages`` does not have, or holds another optimizer's state.
        """
        super().resume_checkpoint(resume_file)
        asked, found = self.model.stages, int(self.model.stage)
        if found not in _STAGES[asked]:
            fitting = " or ".join(name for name, stages in _STAGES.items() if found in stages)
            raise ConfigError(f"stages: {resume_file}: was trained with {fitting}, not with {asked}; set it so")

    def _files(self):
        """Of the first stage and of the second. RecBole goes on writing to the file that it resumed from."""
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
        super()._start_epoch(train_data, epoch_idx + _APART * int(int(self.model.stage) != EXTRACTOR))
