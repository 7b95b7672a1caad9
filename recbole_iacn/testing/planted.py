"""Small data of planted interests, and trainings on it."""

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
    """A training of a model on users with planted interests, not trained yet.

    Args:
        model: its name or class.
        folder: receives the data, and checkpoints.
        **changes: settings, over those of :data:`SMALL`.

    Returns:
        recbole_iacn.Training: its dataset has 120 users with 9 clicks each among 48 items of 4 clusters.
    """
    import recbole_iacn

    if not (folder / "planted").is_dir():
        data = PlantedInterests(users=120, clusters=4, items_per_cluster=12, events=9, noise=0.05)
        data.write(folder, categories=True)
    given = {**SMALL, "data_path": str(folder), "checkpoint_dir": str(folder / "saved"), **changes}
    return recbole_iacn.build(model, "planted", config_dict=given)


def some_rows(training: Training, count: int = 12) -> Interaction:
    """Test rows, without negatives, on the model's device.

    Args:
        training: of :func:`small_training`.
        count: how many.
    """
    import torch

    return training.test_data._dataset[torch.arange(count)].to(training.model.device)


def without_padding(rows: Interaction, length: int, width: int) -> Interaction:
    """The same rows, their histories cut to ``length`` positions.

    Args:
        rows: with histories of ``width`` positions, ``length`` of them real at most.
        length: positions that stay.
        width: positions that there are.
    """
    import copy

    cut = copy.copy(rows)
    cut.interaction = {
        name: values[:, :length] if values.dim() > 1 and values.shape[1] == width else values
        for name, values in rows.interaction.items()
    }
    return cut


def described(model: str | type | None, owner: type) -> str | type:
    """The model that a class of checks names.

    Raises:
        TypeError: it names none.
    """
    if model is None:
        raise TypeError(f"{owner.__name__} ({inspect.getfile(owner)}): set the attribute model")
    return model
