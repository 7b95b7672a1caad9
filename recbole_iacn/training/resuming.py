"""Resuming a training: what has to be as it was, and whether there is anything left to train."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from recbole_iacn.data.protocol import NEGATIVES
from recbole_iacn.errors import ConfigError
from recbole_iacn.names import is_ours
from recbole_iacn.system import claims, disk
from recbole_iacn.system.trust import trusting
from recbole_iacn.training import checkpoint_file
from recbole_iacn.training.checkpoint import plain, replace_entries

if TYPE_CHECKING:
    from recbole.config import Config

ENDED = "ended"  # the entry of a checkpoint whose training has ended
# Settings that do not change what a training computes, or that say how long it lasts.
_NO_MATTER = frozenset(
    (
        *("epochs", "stopping_step", "trust", "data_path", "checkpoint_dir", "gpu_id", "use_gpu", "device", "state"),
        *("show_progress", "log_wandb", "wandb_project", "log_tensorboard", "worker", "pin_memory", "save_step"),
        "data_on_device",
        *("nproc", "world_size", "ip", "port", "offset", "local_rank", "single_spec", "config_files", "made_from"),
        *("save_dataset", "save_dataloaders", "dataset_save_path", "dataloaders_save_path", "loss_decimal_place"),
        *("metrics", "topk", "metric_decimal_place", "eval_batch_size", "valid_negatives_file", "test_negatives_file"),
    )
)

# RecBole's models with a plain trainer whose training changes more than weights: losses by step, an order of pairs.
_KEEP_MORE = frozenset(("DiffRec", "LDiffRec", "LINE"))
_WAIT = "wait until that training has ended, or end it"  # what whoever resumes its checkpoint can do
_OF_OPTIMIZER = {"learning_rate": "lr", "weight_decay": "weight_decay"}  # setting -> its name in the optimizer's groups


def different(there: Mapping[str, Any], config: Config) -> list[str]:
    """The settings that had another value, in words; only those that both versions of the package know.

    Args:
        there: plain values, of a checkpoint or a bundle.
        config: the settings here.
    """
    here = plain({k: v for k, v in config.final_config_dict.items() if k in there and k not in _NO_MATTER})
    return [f"{key} ({there[key]} there, {value} here)" for key, value in here.items() if value != there[key]]


def check(path: str | os.PathLike, config: Config) -> dict[str, Any]:
    """Reject what cannot be resumed, before the data are read.

    Args:
        path: a checkpoint.
        config: the settings of the training that is to go on.

    Returns:
        The checkpoint.

    Raises:
        ConfigError: it is not a checkpoint that can be resumed, is of another model, or its training is still running.
    """
    path = os.fspath(path)
    with trusting(config["trust"]):
        state = checkpoint_file.load(path)
    model = state["config"]["model"]
    if model != config["model"]:
        raise ConfigError(f"{path}: is a {model}, and this is a {config['model']}; train the model {model}")
    check_state(state, path)
    _check_loss(state["config"], config, path)
    check_free(path)
    return state


def _check_loss(there, config, path):
    """Before there was a choice the family learned by BPR, and RecBole's models by their loss_type, from a row per
    click."""
    if "loss" in there or config["loss"] is None or (config["loss"] == "bpr" and is_ours(config["model"])):
        return
    if not is_ours(config["model"]):
        raise ConfigError(f"{path}: was trained by loss_type, before loss was a setting; leave loss out to resume it")
    rows = " and rows: prefixes" if config["rows"] is None else ""
    raise ConfigError(f"{path}: was trained by BPR, before loss was a setting; set loss: bpr{rows} to resume it")


def check_free(path: str) -> None:
    """Reject a checkpoint that a training is writing to.

    Args:
        path: the checkpoint, of either stage.

    Raises:
        ConfigError: another process or thread holds it.
    """
    claims.check_free(_of_both_stages(path), _WAIT)


def alone(path: str) -> contextlib.AbstractContextManager[None]:
    """Hold a training's checkpoint, so that nobody resumes it while the training runs.

    Args:
        path: the checkpoint; that of TiMiRec's first stage is held with the second's.

    Raises:
        ConfigError: another process or thread holds it.
    """
    return claims.claimed(_of_both_stages(path), "a training", _WAIT)


def _of_both_stages(path):
    stem, ending = os.path.splitext(path)
    return stem.removesuffix("-extractor") + ending


def check_state(state: Mapping[str, Any], path: str | os.PathLike) -> None:
    """Reject a checkpoint that has weights alone, such as :meth:`recbole_iacn.Training.save_checkpoint` writes.

    Args:
        state: the checkpoint.
        path: its file, for the message.

    Raises:
        ConfigError: names the mend.
    """
    if "optimizer" not in state or "epoch" not in state:
        raise ConfigError(
            f"{path}: has no state of an optimizer, so it cannot be resumed; start from it (recbole-iacn train --from "
            f"{path}, or build(..., start_from={os.fspath(path)!r})), or resume the checkpoint that the training wrote"
        )


def resume(trainer: Any, path: str) -> bool:
    """Load a checkpoint of an interrupted training into a trainer.

    Args:
        trainer (recbole.trainer.Trainer): of the same model, over the same data.
        path: the checkpoint; the trainer goes on to write to it.

    Returns:
        Whether there is anything left to train.

    Raises:
        ConfigError: it is not such a checkpoint, is of another model or optimizer, has weights of other shapes, or its
            data numbered users and items otherwise or had other rows.
    """
    state = check(path, trainer.config)
    _say_inexact(trainer, state, path)
    there = state["config"]
    _check_learner(there, trainer.config, path)
    _check_comparable(there, trainer.config, path)
    changed = different(there, trainer.config)
    if changed:
        logging.getLogger(__name__).warning(
            f"{path}: is resumed with other settings, which count from the next epoch on; the result is not that of an "
            "uninterrupted training: " + ", ".join(changed)
        )
    given = [dict(group) for group in trainer.optimizer.param_groups]
    try:
        trainer.resume_checkpoint(path)
    except ConfigError:
        raise
    except (KeyError, ValueError) as error:
        raise ConfigError(
            f"{path}: its optimizer's state is not that of this {trainer.config['model']} ({error}); start from it "
            f"with a new optimizer (recbole-iacn train --from {path}, or build(..., start_from={path!r}))"
        ) from error
    _apply_given(trainer, given, there)
    goes_on = _goes_on(trainer, state, path)
    if goes_on:
        disk.check(path, "copy it to a folder that can be written, and resume that copy")
    return goes_on


def record_end(trainer: Any, path: str) -> None:
    """Note in the best epoch's checkpoint how the training ended, so that resuming it can say so.

    Args:
        trainer (recbole.trainer.Trainer): has trained.
        path: its checkpoint, in this package's format.
    """
    last = max(trainer.train_loss_dict, default=trainer.start_epoch - 1)
    replace_entries(path, {ENDED: {"epochs": last + 1, "cur_step": int(trainer.cur_step)}})


def inexact(trainer: Any) -> str | None:
    """Who of RecBole's keeps more than a checkpoint holds, so that a training that goes on from one does not end as if
    it had not been interrupted: a model or a trainer. None for this package's models, and for RecBole's plain trainer
    but for the models that keep more than their weights.

    Args:
        trainer (recbole.trainer.AbstractTrainer): the trainer.
    """
    from recbole.trainer import Trainer

    if hasattr(type(trainer.model), "dataset_class"):
        return None
    if type(trainer) is not Trainer:
        return type(trainer).__name__
    return next((kind.__name__ for kind in type(trainer.model).__mro__ if kind.__name__ in _KEEP_MORE), None)


def _say_inexact(trainer, state, path):
    """Say where RecBole's own trainers do not go on exactly."""
    if hasattr(type(trainer.model), "dataset_class"):
        return
    why = None
    if "random" not in state:
        why = "it records no random numbers (RecBole or an earlier version has written it)"
    elif inexact(trainer):
        why = f"RecBole's {inexact(trainer)} keeps more than its checkpoints hold"
    if why:
        logging.getLogger(__name__).warning(
            f"{path}: {why}, so {trainer.config['model']} goes on, but not exactly as if uninterrupted"
        )


def _check_learner(there, config, path):
    """Reject another kind of optimizer: PyTorch loads any kind's state into any other, and fails at the first step."""
    before, here = (str(settings["learner"] or "").lower() for settings in (there, config))
    if before != here:
        raise ConfigError(
            f"learner: {path} was trained by {before}, and here it is {here}; set learner to {before}, or start "
            f"from the checkpoint with a new optimizer (recbole-iacn train --from {path}, or "
            f"build(..., start_from={path!r}))"
        )


def _check_comparable(there, config, path):
    """Reject another measure of the validation: the best epoch's score would be compared with values of another kind,
    and might stay the best for good."""
    before, here = (_measured(settings) for settings in (there, config))
    for setting, value in before.items():
        if value is not None and here[setting] != value:
            raise ConfigError(
                f"{setting}: the best epoch of {path} was found by {value}, and here it is {here[setting]}, whose "
                f"values cannot be compared; set it to {value}, or start from the checkpoint (recbole-iacn train "
                f"--from {path}, or build(..., start_from={path!r}))"
            )


def _measured(settings):
    """What decides the kind of a validation's score, beside the rows, which have a digest of their own."""
    deciding = ("valid_metric", "protocol", "eval_negatives", "eval_args")
    of = {key: settings[key] for key in deciding if key in settings}
    mode = (of.get("eval_args") or {}).get("mode")
    return {
        "valid_metric": str(of["valid_metric"]).lower() if "valid_metric" in of else None,
        "protocol": of.get("protocol"),
        "eval_negatives": of.get("eval_negatives") or NEGATIVES,
        "eval_args.mode": mode.get("valid") if isinstance(mode, dict) else mode,
    }


def _apply_given(trainer, given, there):
    """Let changed settings of the optimizer count: its state brings those of the checkpoint with it."""
    for setting, name in _OF_OPTIMIZER.items():
        if setting in there and there[setting] != trainer.config[setting]:
            for group, former in zip(trainer.optimizer.param_groups, given):
                group[name] = former[name]


def _goes_on(trainer, state, path):
    if getattr(trainer, "has_next_stage", False):
        return True
    ended = state.get(ENDED)
    logger = logging.getLogger(__name__)
    best = f"the best epoch is {state['epoch'] + 1}"
    if ended and ended["cur_step"] > trainer.stopping_step:
        logger.warning(
            f"{path}: this training is finished: it stopped early after epoch {ended['epochs']}, {best}; "
            "a larger stopping_step goes on"
        )
        return False
    if trainer.start_epoch >= trainer.epochs or (ended and ended["epochs"] >= trainer.epochs):
        done = ended["epochs"] if ended else trainer.start_epoch
        logger.warning(
            f"{path}: this training is finished: it has trained {done} of {trainer.epochs} epochs, {best}; more epochs "
            "go on"
        )
        return False
    logger.info(f"{path}: goes on after epoch {trainer.start_epoch}, the best of this training")
    return True
