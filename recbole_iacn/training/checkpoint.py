"""Checkpoints that hold tensors and plain values only.

RecBole pickles its Config and, with DIN, the whole dataset. A file written here opens with
``torch.load(path, weights_only=True)``, too. All are opened by :mod:`recbole_iacn.training.checkpoint_file`, which
runs no code, and then converted to what RecBole expects.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from enum import Enum
from typing import TYPE_CHECKING, Any, BinaryIO

import torch
from torch import nn

if TYPE_CHECKING:
    from recbole.config import Config
    from recbole.model.abstract_recommender import AbstractRecommender
    from recbole.trainer import Trainer

from recbole_iacn.errors import ConfigError
from recbole_iacn.names import is_ours
from recbole_iacn.settings import table
from recbole_iacn.settings.group import defaults
from recbole_iacn.system import disk
from recbole_iacn.system.atomic_writes import replacing
from recbole_iacn.training import checkpoint_file, vocabulary


def save(state: dict[str, Any], path: str) -> None:
    """Write a checkpoint atomically: after a crash the old file, if there was one, is still whole.

    Args:
        state (dict): RecBole's checkpoint; ``config`` may be a ``Config``.
        path (str): the file.
    """
    state = {**state, "recbole_iacn": checkpoint_file.FORMAT, "config": plain(state["config"].final_config_dict)}
    with writing(path) as file:
        torch.save(state, file)


@contextlib.contextmanager
def writing(path: str) -> Iterator[BinaryIO]:
    """A file that becomes a checkpoint, or replaces one, when the block ends without an error.

    Args:
        path (str): the checkpoint.

    Raises:
        ConfigError: it cannot be written; says what there is of an earlier epoch.
    """
    mend = "set checkpoint_dir to another folder"
    if os.path.isfile(path):
        mend = f"it still holds the best epoch before, and --resume={path} goes on from there when there is room"
    with disk.writing(path, mend), replacing(path) as partial, open(partial, "wb") as file:
        yield file


def save_model(trainer: Trainer, model: nn.Module, config: Config, path: str) -> None:
    """Write a model's current state, with the entries that RecBole's ``load_data_and_model`` reads. Without an
    optimizer and an epoch, which need not be those of the weights, it cannot be resumed.

    Args:
        trainer (recbole.trainer.Trainer): its trainer, which has the best epoch's metrics.
        model (torch.nn.Module): the model.
        config (recbole.config.Config): the run's settings.
        path (str): the file; its folder is created.

    Raises:
        ConfigError: the file cannot be written.
    """
    disk.check(path, "name another file")
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    best = trainer.best_valid_result or {}
    state = {
        "config": config,
        "best_valid_score": float(trainer.best_valid_score),
        "best_valid_result": {name: float(value) for name, value in best.items()},
        "state_dict": model.state_dict(),
        "other_parameter": {},
        **vocabulary.recorded(trainer),
    }
    save(state, path)


def replace_entries(path: str, entries: dict[str, Any]) -> None:
    """Add entries to a checkpoint of this package; one in RecBole's format, which a trainer of the user's may write, is
    left as it is.

    Args:
        path (str): the file.
        entries (dict): plain values; they replace those of the same name.
    """
    state = checkpoint_file.load(path, mapped=False)
    if "recbole_iacn" not in state:
        return
    with writing(path) as file:
        torch.save({**state, **entries}, file)


def load_weights(model: AbstractRecommender, path: str) -> None:
    """Load a checkpoint's weights into a model.

    Args:
        model (torch.nn.Module): the model that was saved, or one with the same settings.
        path (str): a checkpoint.
    """
    model.load_state_dict(checkpoint_file.load(path)["state_dict"])


def restore(checkpoint: dict[str, Any]) -> dict[str, Any]:
    """Replace the settings, plain values, by a ``Config``.

    Args:
        checkpoint (dict): as loaded.

    Returns:
        dict: the same, as RecBole's ``load_data_and_model`` and ``resume_checkpoint`` expect it.
    """
    return {**checkpoint, "config": config_of(checkpoint["config"])}


def best_valid_result(path: str) -> dict[str, float] | None:
    """The validation metrics of the best epoch.

    Args:
        path (str): a checkpoint.

    Returns:
        dict or None: None if the checkpoint records no metrics: RecBole wrote it, or the training had no validation.
    """
    found = checkpoint_file.read(path, mapped=True)
    return found.get("best_valid_result") or None if isinstance(found, dict) else None


def for_recbole(path: str, map_location: Any = None, **_: Any) -> Any:
    """What RecBole's own code gets from ``torch.load``: a checkpoint with a ``Config``, or weights to start from.

    Args:
        path (str): the file.
        map_location (torch.device or str, optional): where the tensors of ``other_parameter`` are needed, which become
            a model's attributes; by default the device of the settings. All others are copied by who asks.
    """
    found = checkpoint_file.read(path, mapped=True)
    if not isinstance(found, dict) or not {"config", "state_dict"} <= set(found):
        return found
    state = restore(checkpoint_file.checked(found, path))
    # A trainer with these settings makes the folder and writes to it; the file's own words could name any.
    state["config"]["checkpoint_dir"] = os.path.dirname(path) or os.curdir
    _check_tree(state["state_dict"], path)
    others = state.get("other_parameter") or {}
    return {**state, "other_parameter": _moved(others, map_location or state["config"]["device"])}


def _check_tree(weights, path):
    """A decision tree's weights are the name of a file; RecBole writes it beside the checkpoint."""
    if isinstance(weights, str) and os.path.realpath(os.path.dirname(weights)) != os.path.realpath(
        os.path.dirname(path)
    ):
        raise ConfigError(f"{path}: its trees are in another folder, {weights}; put both files where they were written")


def _moved(value, device):
    if isinstance(value, torch.Tensor):
        return value.to(device)
    if isinstance(value, dict):
        return {key: _moved(part, device) for key, part in value.items()}
    return type(value)(_moved(part, device) for part in value) if type(value) in (list, tuple) else value


def plain(value: Any) -> Any:
    """A setting's value of plain types: dicts, lists, text and numbers; an enum of RecBole's as a dict that names it.

    Args:
        value: the value, or a dict of all settings.

    Raises:
        TypeError: it is of another type.
    """
    if isinstance(value, Enum):
        return {"enum": type(value).__name__, "name": value.name}
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(item) for item in value]
    if isinstance(value, torch.device):
        return str(value)
    if hasattr(value, "item"):  # a NumPy scalar; float64 is a float, too, and the safe loader takes neither
        return value.item()
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise TypeError(f"a checkpoint can't hold a config value of type {type(value).__name__}: {value!r}")


def _live(value):
    if isinstance(value, dict):
        if set(value) == {"enum", "name"} and value["enum"] in checkpoint_file.ENUMS:
            from recbole.utils import enum_type

            try:
                return getattr(enum_type, value["enum"])[value["name"]]
            except (KeyError, TypeError):
                raise ConfigError(f"a checkpoint's settings name {value}, which RecBole does not know") from None
        return {key: _live(item) for key, item in value.items()}
    return [_live(item) for item in value] if isinstance(value, list) else value


def _defaults_of_model(name):
    """Of a setting that is newer than a file: without one it would be None, which is another value than its default."""
    from recbole.utils import get_model

    if not is_ours(name):
        return {}
    return {key: value for group in table.own_groups(get_model(name)) for key, value in defaults(group).items()}


def config_of(settings: dict[str, Any]) -> Config:
    """The settings as a Config, for this machine: one process, and its own device. A setting that a file of an earlier
    version lacks has its default.

    Args:
        settings: a dict of plain values, made by :func:`plain`.
    """
    from recbole.config import Config

    config = Config.__new__(Config)
    config.compatibility_settings()
    config._init_parameters_category()
    config.yaml_loader = config._build_yaml_loader()
    later = {key: value for key, value in _defaults_of_model(settings["model"]).items() if key not in settings}
    config.final_config_dict = _live({**settings, **later})
    config.external_config_dict = {}
    config.model = config["model"]
    config.dataset = config["dataset"]
    for key in ("trust", "save_dataset", "save_dataloaders"):  # which are for the user to say, not for a file
        if key in config.final_config_dict:
            config[key] = False
    # The process that loads the model is not one of those that trained it.
    config["single_spec"], config["local_rank"] = True, 0
    # A model trained on a GPU must load on a machine without one.
    config["device"] = torch.device(config["device"] if torch.cuda.is_available() else "cpu")
    return config
