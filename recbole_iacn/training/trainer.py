"""The trainer of this package's models: it logs each loss by name, reports GAUC, writes safe checkpoints and resumes
exactly, in one process or in several."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from recbole.trainer import Trainer
from recbole.utils import EvaluatorType, init_seed, set_color
from torch import nn
from torch.nn.utils import clip_grad_norm_
from tqdm import tqdm

from recbole_iacn import parallel
from recbole_iacn.errors import ConfigError
from recbole_iacn.model.click.compiled import compile_parts
from recbole_iacn.system.run_output import brief_bar
from recbole_iacn.training import checkpoint, optimizer, row_digest, vocabulary
from recbole_iacn.training.denormals import denormals_as_zero
from recbole_iacn.training.effective_interests import InterestLog, Spread
from recbole_iacn.training.metrics import SharedCollector, value_evaluation
from recbole_iacn.training.weight_average import averaged_weights

if TYPE_CHECKING:
    from recbole.config import Config
    from recbole.data.interaction import Interaction

_STEPS_BETWEEN_CHECKS = 50  # reading a loss forces the CPU to wait for the GPU


class IaCNTrainer(Trainer):
    """RecBole's trainer for models that may return several losses, such as ``(L_main, lambda * L_IaCN)``.

    The random state at the start of every epoch is determined by ``(seed, epoch)``, so that a resumed run gives the
    same results as an uninterrupted one.

    With several processes (``nproc``, ``torchrun``) each processes its share of every batch; losses, gradients and
    metrics are those of the whole batch and of all rows. Only the first process writes checkpoints.

    Args:
        config (recbole.config.Config): the run's settings.
        model (recbole.model.abstract_recommender.AbstractRecommender): the model.
    """

    saved_model_file: str

    def __init__(self, config: Config, model: nn.Module) -> None:
        if parallel.active():
            parallel.SharedBatchNorm.adopt(model)
            parallel.same_state(model)
        with parallel.as_one_process(config):
            super().__init__(config, model)
        if config["eval_type"] == EvaluatorType.VALUE:
            self.eval_collector, self.evaluator = value_evaluation(config)
        else:
            self.eval_collector = SharedCollector(config)
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = bool(config["tf32"])
        self.amp_dtype = getattr(torch, config["amp_dtype"] or "bfloat16")
        self._measured = None, None  # score and metrics of the last validation
        self.epoch_losses: list[dict[str, float]] = []  # one dict per epoch, with the model's loss_names as keys
        self.interest_log = InterestLog(model)
        self.epoch_interests: list[Spread | None] = []  # one per epoch
        if config["torch_compile"]:
            compile_parts(model, config["torch_compile"])

    def _build_optimizer(self, **kwargs):
        if hasattr(self.model, "parameter_groups"):
            kwargs.setdefault("params", self.model.parameter_groups())
        stock = super()._build_optimizer(**kwargs)
        sparse_rows = self.config["sparse_embedding_rows"]
        if self.clip_grad_norm or self.config["ema_decay"]:  # which measure, or average, all rows
            sparse_rows = None
        return optimizer.build(self.model, stock, sparse_rows)

    def _start_epoch(self, train_data, epoch_idx):
        epoch_seed = int(np.random.SeedSequence([self.config["seed"], epoch_idx]).generate_state(1)[0])
        init_seed(epoch_seed, self.config["reproducibility"])
        if hasattr(train_data, "set_epoch"):
            train_data.set_epoch(epoch_idx)
        else:
            train_data.generator.manual_seed(epoch_seed)
        if parallel.active():  # the same rows in all processes, but different dropout in each
            torch.manual_seed(epoch_seed + parallel.rank())
        train_data.pin_memory = self._pins_memory() and not self.config["data_on_device"]
        self.model.epoch = epoch_idx
        self.model.train()

    def _train_epoch(self, train_data, epoch_idx, loss_func=None, show_progress=False):
        """Train one epoch, as in RecBole, but return the mean of each loss over the batches: unlike RecBole's sum, it
        is comparable between datasets and batch sizes."""
        with averaged_weights(self), denormals_as_zero():
            means, several = self._train_steps(train_data, epoch_idx, loss_func, show_progress)
        self.epoch_losses.append(dict(zip(self.model.loss_names, means)))
        self.epoch_interests.append(self.interest_log.of(train_data._dataset))
        return tuple(means) if several else means[0]

    def _train_steps(self, train_data, epoch_idx, loss_func, show_progress):
        """The mean of each loss, and whether the model returned a tuple."""
        self._start_epoch(train_data, epoch_idx)
        loss_func = loss_func or self.model.calculate_loss
        scaler = torch.amp.GradScaler(self.device.type, enabled=self.enable_scaler)
        batches = train_data
        if show_progress:
            batches = brief_bar(tqdm, train_data, ncols=100, desc=set_color(f"Train {epoch_idx:>5}", "pink"))
        total, several = torch.zeros(1, dtype=torch.double, device=self.device), False
        for step, interaction in enumerate(batches):
            interaction = to_device(interaction, self.device)
            self.optimizer.zero_grad()
            with torch.autocast(self.device.type, self.amp_dtype, self.enable_amp):
                losses = loss_func(interaction)
            several = isinstance(losses, tuple)
            losses = torch.stack(losses if several else (losses,))
            total = total + losses.detach().double()
            if step % _STEPS_BETWEEN_CHECKS == 0:
                self._check_nan(total.sum())
            scaler.scale(losses.sum()).backward()
            self._share_and_clip(scaler)
            scaler.step(self.optimizer)
            scaler.update()
        self._check_nan(total.sum())
        return (parallel.mean(total) / len(train_data)).tolist(), several

    def _share_and_clip(self, scaler):
        if parallel.active():
            parts = getattr(self.optimizer, "parts", {"dense": self.optimizer})
            parameters = {n: [p for group in part.param_groups for p in group["params"]] for n, part in parts.items()}
            parallel.average_gradients(**parameters)
        if self.clip_grad_norm:
            scaler.unscale_(self.optimizer)
            clip_grad_norm_(self.model.parameters(), **self.clip_grad_norm)

    def _generate_train_loss_output(self, epoch_idx, s_time, e_time, losses):
        named = zip(self.model.loss_names, losses) if isinstance(losses, tuple) else [("main", losses)]
        places = 4 if self.config["loss_decimal_place"] is None else self.config["loss_decimal_place"]
        parts = [set_color("time", "blue") + f": {e_time - s_time:.2f}s"]
        parts += [set_color(f"{name} loss", "blue") + f": {loss:.{places}f}" for name, loss in named]
        if self.epoch_interests and self.epoch_interests[-1]:
            parts.append(set_color("interests", "blue") + f": {self.epoch_interests[-1]}")
        return set_color(f"epoch {epoch_idx} training", "green") + " [" + ", ".join(parts) + "]"

    def _add_train_loss_to_tensorboard(self, epoch_idx, losses, tag="Loss/Train"):
        named = zip(self.model.loss_names, losses) if isinstance(losses, tuple) else [("main", losses)]
        for name, loss in named:
            self.tensorboard.add_scalar(f"{tag}/{name}", loss, epoch_idx)
        for name, value in (self.epoch_interests[-1].as_dict() if self.epoch_interests[-1] else {}).items():
            self.tensorboard.add_scalar(f"Interests/{name}", value, epoch_idx)

    def _valid_epoch(self, valid_data, show_progress=False):
        self._measured = super()._valid_epoch(valid_data, show_progress=show_progress)
        return self._measured

    def _save_checkpoint(self, epoch, verbose=True, **kwargs):
        if parallel.rank() != 0:
            return
        # RecBole saves a new best epoch before it records that epoch's metrics.
        score, metrics = self._measured
        metrics = metrics if score == self.best_valid_score else self.best_valid_result
        path = kwargs.pop("saved_model_file", self.saved_model_file)
        state = {
            "config": self.config,
            "epoch": epoch,
            "cur_step": self.cur_step,
            "best_valid_score": float(self.best_valid_score),
            "best_valid_result": {name: float(value) for name, value in (metrics or {}).items()},
            "state_dict": self.model.state_dict(),
            "other_parameter": {},
            "optimizer": self.optimizer.state_dict(),
            **vocabulary.recorded(self),
            **row_digest.recorded(self),
        }
        checkpoint.save(state, path)
        if verbose:
            self.logger.info(set_color("Saving current", "blue") + f": {path}")

    def resume_checkpoint(self, resume_file: str) -> None:
        """Resume as in RecBole, and also restore the metrics of the best epoch so far.

        Raises:
            ConfigError: the file contains the state of another optimizer.
        """
        try:
            super().resume_checkpoint(resume_file)
        except ConfigError:  # of other data
            raise
        except (KeyError, ValueError) as error:
            raise ConfigError(
                f"{resume_file}: contains the state of another optimizer ({error}); set learner, clip_grad_norm, "
                "weight_decay and sparse_embedding_rows to the values of the interrupted training"
            ) from error
        self.best_valid_result = checkpoint.best_valid_result(resume_file)

    def evaluate(
        self, eval_data: Any, load_best_model: bool = True, model_file: str | None = None, show_progress: bool = False
    ) -> dict[str, float] | None:
        """Evaluate as in RecBole, over the rows of all processes."""
        if eval_data and load_best_model and parallel.active():
            if parallel.rank() == 0:
                checkpoint.load_weights(self.model, model_file or self.saved_model_file)
            parallel.same_state(self.model)
            load_best_model = False
        if eval_data:
            eval_data.pin_memory = self._pins_memory()
        with parallel.as_one_process(self.config):  # otherwise RecBole would average the metrics of the processes
            return super().evaluate(eval_data, load_best_model, model_file, show_progress)

    def _pins_memory(self):
        asked = self.config["pin_memory"]
        return self.device.type == "cuda" if asked is None else asked


def to_device(rows: Interaction, device: torch.device) -> Interaction:
    """Copy the rows of an Interaction to a device, asynchronously if they are in pinned memory."""
    moved = copy.copy(rows)
    moved.interaction = {name: values.to(device, non_blocking=True) for name, values in rows.interaction.items()}
    return moved
