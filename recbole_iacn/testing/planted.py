"""A small synthetic dataset with planted interests, and trainings on it."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recbole_iacn.data.synthetic import PlantedInterests

if TYPE_CHECKING:
    from recbole.data.interaction import Interaction

    from recbole_iacn.building import Training

SMALL = {
    "load_col": {"inter": ["user_id", "item_id", "timestamp"], "item": ["item_id", "categories"]},
    "embedding_size": 8,
    "MAX_ITEM_LIST_LENGTH": 8,
    "train_batch_size": 256,
    "eval_batch_size": 256,
    "epochs": 2,
    "show_progress": False,
    "seed": 7,
}


def small_training(model: str | type, folder: Path, **changes: Any) -> Training:
    """Build a training of a model on users with planted interests, without training it.

    Args:
        model: the model's name or class.
        folder: receives the data and the checkpoints.
        **changes: settings that override those of :data:`SMALL`.

    Returns:
        recbole_iacn.Training: its dataset has 120 users with 9 clicks each on 48 items in 4 clusters.
    """
    from recbole_iacn.building import build

    planted_data(folder)
    return build(model, "planted", config_dict=settings_of(folder, **changes))


def planted_data(folder: Path) -> None:
    """Write the dataset ``planted``, unless it is there.

    Args:
        folder: receives it.
    """
    if not (folder / "planted").is_dir():
        data = PlantedInterests(users=120, clusters=4, items_per_cluster=12, events=9, noise=0.05)
        data.write(folder, categories=True)


def settings_of(folder: Path, **changes: Any) -> dict[str, Any]:
    """The settings of a training on it.

    Args:
        folder: where the data are, and the checkpoints go.
        **changes: settings that override those of :data:`SMALL`.
    """
    return {**SMALL, "data_path": str(folder), "checkpoint_dir": str(folder / "saved"), **changes}


def some_rows(training: Training, count: int = 12) -> Interaction:
    """The first test rows, without negatives, on the model's device.

    Args:
        training: a training, as :func:`small_training` returns it.
        count: the number of rows. Defaults to 12.
    """
    import torch

    return training.test_data._dataset[torch.arange(count)].to(training.model.device)


def without_padding(rows: Interaction, length: int, width: int) -> Interaction:
    """The same rows, with histories cut to ``length`` positions.

    Args:
        rows: rows with histories of ``width`` positions, of which at most the first ``length`` are real.
        length: the number of positions that are kept.
        width: the number of positions of the given histories.
    """
    import copy

    cut = copy.copy(rows)
    cut.interaction = {
        name: values[:, :length] if values.dim() > 1 and values.shape[1] == width else values
        for name, values in rows.interaction.items()
    }
    return cut


def model_of(model: str | type | None, owner: type) -> str | type:
    """The attribute ``model`` of a class of checks.

    Raises:
        TypeError: the attribute is not set.
    """
    if model is None:
        raise TypeError(f"{owner.__name__} ({inspect.getfile(owner)}): set the attribute model")
    return model
