"""Trains interest-aware models: names both losses, reports GAUC, writes safe checkpoints, resumes exactly."""

import numpy as np
from recbole.trainer import Trainer
from recbole.utils import EvaluatorType, init_seed, set_color

from recbole_iacn import checkpoint
from recbole_iacn.evaluation import value_evaluation


class IaCNTrainer(Trainer):
    """RecBole's trainer for models that may return ``(L_main, lambda * L_IaCN)``.

    Every epoch starts from a state that ``(seed, epoch)`` determine: a run that was resumed gives the figures of
    one that was not interrupted.

    Args:
        config (recbole.config.Config): the run's settings.
        model (recbole.model.abstract_recommender.AbstractRecommender): the model.
    """

    def __init__(self, config, model):
        super().__init__(config, model)
        if config["eval_type"] == EvaluatorType.VALUE:
            self.eval_collector, self.evaluator = value_evaluation(config)

    def _build_optimizer(self, **kwargs):
        """RecBole's optimizer, all parameters updated by one pass over memory where PyTorch has such a kernel."""
        optimizer = super()._build_optimizer(**kwargs)
        parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        try:
            return type(optimizer)(parameters, **{**optimizer.defaults, "fused": True})
        except (TypeError, RuntimeError):  # not for this optimizer, or not on this device
            return optimizer

    def _train_epoch(self, train_data, epoch_idx, loss_func=None, show_progress=False):
        epoch_seed = np.random.SeedSequence([self.config["seed"], epoch_idx]).generate_state(1)[0]
        init_seed(int(epoch_seed), self.config["reproducibility"])
        if hasattr(train_data, "set_epoch"):
            train_data.set_epoch(epoch_idx)
        else:
            train_data.generator.manual_seed(int(epoch_seed))
        total = super()._train_epoch(train_data, epoch_idx, loss_func, show_progress)
        # RecBole sums over batches; the mean is what can be compared between data sets and batch sizes.
        batches = len(train_data)
        return tuple(part / batches for part in total) if isinstance(total, tuple) else total / batches

    def _generate_train_loss_output(self, epoch_idx, s_time, e_time, losses):
        named = zip(self.model.loss_names, losses) if isinstance(losses, tuple) else [("main", losses)]
        places = self.config["loss_decimal_place"] or 4
        parts = [set_color("time", "blue") + f": {e_time - s_time:.2f}s"]
        parts += [set_color(f"{name} loss", "blue") + f": {loss:.{places}f}" for name, loss in named]
        return set_color(f"epoch {epoch_idx} training", "green") + " [" + ", ".join(parts) + "]"

    def _add_train_loss_to_tensorboard(self, epoch_idx, losses, tag="Loss/Train"):
        named = zip(self.model.loss_names, losses) if isinstance(losses, tuple) else [("main", losses)]
        for name, loss in named:
            self.tensorboard.add_scalar(f"{tag}/{name}", loss, epoch_idx)

    def _save_checkpoint(self, epoch, verbose=True, **kwargs):
        if not self.config["single_spec"] and self.config["local_rank"] != 0:
            return
        path = kwargs.pop("saved_model_file", self.saved_model_file)
        state = {
            "config": self.config,
            "epoch": epoch,
            "cur_step": self.cur_step,
            "best_valid_score": float(self.best_valid_score),
            "best_valid_result": {name: float(value) for name, value in (self.best_valid_result or {}).items()},
            "state_dict": self.model.state_dict(),
            "other_parameter": {},
            "optimizer": self.optimizer.state_dict(),
        }
        checkpoint.save(state, path)
        if verbose:
            self.logger.info(set_color("Saving current", "blue") + f": {path}")
