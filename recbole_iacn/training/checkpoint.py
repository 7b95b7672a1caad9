"""Checkpoints that hold tensors and plain values only.

RecBole pickles its Config and, with DIN, the whole data set. What is written here opens with
``torch.load(path, weights_only=True)``, which runs no code, and is turned back into what RecBole expects.
"""

from __future__ import annotations

import os
import pickle
from enum import Enum
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

if TYPE_CHECKING:
    from recbole.config import Config
    from recbole.model.abstract_recommender import AbstractRecommender
    from recbole.trainer import Trainer

from recbole_iacn.data.atomic_writes import replacing

FORMAT = 1
_ENUMS = ("ModelType", "InputType", "EvaluatorType", "FeatureType", "FeatureSource", "KGDataLoaderState")


def save(state: dict[str, Any], path: str) -> None:
    """Write a checkpoint; a crash leaves the old file, or none.

    Args:
        state (dict): RecBole's checkpoint; ``config`` may be a ``Config``.
        path (str): the file.
    """
    state = {**state, "recbole_iacn": FORMAT, "config": _plain(state["config"].final_config_dict)}
    with replacing(path) as partial, open(partial, "wb") as file:
        torch.save(state, file)


def save_model(trainer: Trainer, model: nn.Module, config: Config, path: str) -> None:
    """Write a model as it is, with what RecBole's ``load_data_and_model`` and ``resume_checkpoint`` look for.

    Args:
        trainer (recbole.trainer.Trainer): its trainer; gives the metrics of the best epoch and the optimizer's state.
        model (torch.nn.Module): the model.
        config (recbole.config.Config): the run's settings.
        path (str): the file; its folder is made.
    """
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    best = trainer.best_valid_result or {}
    state = {
        "config": config,
        "epoch": max(trainer.train_loss_dict, default=-1),
        "cur_step": trainer.cur_step,
        "best_valid_score": float(trainer.best_valid_score),
        "best_valid_result": {name: float(value) for name, value in best.items()},
        "state_dict": model.state_dict(),
        "other_parameter": {},
        "optimizer": trainer.optimizer.state_dict(),
    }
    save(state, path)


def load_weights(model: AbstractRecommender, path: str) -> None:
    """Put a checkpoint's weights into a model.

    Args:
        model (torch.nn.Module): the model that wrote it, or one built alike.
        path (str): a checkpoint.
    """
    try:
        state = torch.load(path, model.device, weights_only=True)
    except pickle.UnpicklingError:  # RecBole's own trainer, in this very training, has pickled its Config
        state = torch.load(path, model.device, weights_only=False)
    model.load_state_dict(state["state_dict"])


def restore(checkpoint: dict[str, Any]) -> dict[str, Any]:
    """Put a ``Config`` back where :func:`save` left a dict of plain values.

    Args:
        checkpoint (dict): as loaded.

    Returns:
        dict: the same, as RecBole's ``load_data_and_model`` and ``resume_checkpoint`` expect it.

    Raises:
        ValueError: written by a later version of the package.
    """
    if checkpoint["recbole_iacn"] > FORMAT:
        raise ValueError("this checkpoint was written by a later version of recbole_iacn: upgrade the package")
    return {**checkpoint, "config": _config(checkpoint["config"])}


def best_valid_result(path: str) -> dict[str, float] | None:
    """The validation metrics of the best epoch.

    Args:
        path (str): a checkpoint.

    Returns:
        dict or None: None where it tells none: it is RecBole's own, or of a training without validation.
    """
    try:
        told = torch.load(path, "cpu", weights_only=True, mmap=True)  # the tensors stay on disk
    except pickle.UnpicklingError:
        return None
    return told.get("best_valid_result") or None


def _plain(value):
    if isinstance(value, Enum):
        return {"enum": type(value).__name__, "name": value.name}
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain(item) for item in value]
    if isinstance(value, torch.device):
        return str(value)
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if hasattr(value, "item"):  # a NumPy scalar
        return value.item()
    raise TypeError(f"a checkpoint can't hold a config value of type {type(value).__name__}: {value!r}")


def _live(value):
    if isinstance(value, dict):
        if set(value) == {"enum", "name"} and value["enum"] in _ENUMS:
            from recbole.utils import enum_type

            return getattr(enum_type, value["enum"])[value["name"]]
        return {key: _live(item) for key, item in value.items()}
    return [_live(item) for item in value] if isinstance(value, list) else value


def _config(plain):
    from recbole.config import Config

    config = Config.__new__(Config)
    config.compatibility_settings()
    config._init_parameters_category()
    config.yaml_loader = config._build_yaml_loader()
    config.final_config_dict = _live(plain)
    config.external_config_dict = {}
    config.model = config["model"]
    config.dataset = config["dataset"]
    # A model trained on a GPU must load on a machine without one.
    config["single_spec"], config["local_rank"] = (
        True,
        0,
    )  # whoever loads it is not one of the processes that trained it
    config["device"] = torch.device(config["device"] if torch.cuda.is_available() else "cpu")
    return config
