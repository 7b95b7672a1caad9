"""A bundle of an earlier training: its checkpoint, and the data that it was trained on."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recbole_iacn.bundle import folder
from recbole_iacn.checks.files import check_files
from recbole_iacn.data.catalogue import Catalogue
from recbole_iacn.errors import ConfigError
from recbole_iacn.settings.general import General
from recbole_iacn.system.trust import trusting
from recbole_iacn.training import checkpoint as checkpoints
from recbole_iacn.training import checkpoint_file, vocabulary

if TYPE_CHECKING:
    from recbole.data.dataset import Dataset


def bundle_checkpoint(
    path: str | os.PathLike,
    out: str | os.PathLike,
    data_path: str | None = None,
    overwrite: bool = False,
    trust: bool = False,
) -> Path:
    """Read the data of a checkpoint's settings once more, and write model and vocabulary as a bundle.

    Args:
        path: a checkpoint, by this package or by RecBole.
        out: the bundle's folder.
        data_path: folder that contains the dataset's folder; by default the one of the training.
        overwrite: replace a bundle that is there already.
        trust: unpickle what cannot be read otherwise, which can run any code. A checkpoint of RecBole's can.

    Returns:
        The bundle's folder.

    Raises:
        ConfigError: the checkpoint, the data or the folder is not what it must be; names the option.
    """
    folder.check_target(out, overwrite)
    state = _opened(path, trust)
    config = state["config"]
    if config["MODEL_TYPE"].name == "DECISIONTREE":
        raise ConfigError(f"{path}: a decision tree ({config['model']}) has no weights that a bundle could hold")
    if data_path is not None:
        config["data_path"] = os.path.join(data_path, config["dataset"])
        if not os.path.isdir(config["data_path"]):
            raise ConfigError(
                f"data_path: there is no folder {config['data_path']}; name the one that contains {config['dataset']}/"
            )
    dataset = _data_of(config, path)
    _check_numbering(state, dataset, os.fspath(path))
    model = folder.build_model(config, Catalogue.of(dataset))
    folder.load_state(model, state["state_dict"], f"{path}: the weights")
    return folder.write(out, config, dataset, model.eval(), overwrite)


def _opened(path, trust):
    if not os.path.isfile(path):
        what = "is a folder" if os.path.isdir(path) else "no such file"
        raise ConfigError(f"{path}: {what}; give a checkpoint, as training writes it to saved/")
    from recbole_iacn.bridge import registry  # noqa: F401  RecBole is patched before it is imported

    with trusting(trust):
        return checkpoints.restore(checkpoint_file.load(path, mapped=False))


def _data_of(config, path):
    """The data, read as they were for the training."""
    from recbole.data import create_dataset, data_preparation
    from recbole.utils import get_model, init_seed

    config.checked = getattr(config, "checked", False) or set(General.model_fields) <= set(config.final_config_dict)
    if not os.path.isdir(config["data_path"]):
        raise ConfigError(
            f"{path}: its data were in {config['data_path']}, where there is no folder; name the folder that contains "
            f"{config['dataset']}/ by --data_path"
        )
    config.model_class = get_model(config["model"])
    check_files(config)
    init_seed(config["seed"], config["reproducibility"])
    dataset = create_dataset(config)
    data_preparation(config, dataset)  # which numbers and completes the columns
    return dataset


def _check_numbering(state: dict[str, Any], dataset: Dataset, path: str) -> None:
    """Reject data in which ids mean other tokens than in the training, as far as the checkpoint records that."""
    recorded = state.get(vocabulary.ENTRY)
    if recorded is not None:
        vocabulary.Vocabulary.from_plain(recorded).check(dataset, path)
        return
    logging.getLogger(__name__).warning(
        f"{path}: records no vocabulary; if its data are in another order than in the training, its weights belong to "
        "other users and items"
    )
