"""Write a trained model as a bundle, and read it where its data are not.

    bundle/
      manifest.json         model, versions, SHA-256 of every other file
      settings.json         the run's settings, without this machine's paths
      columns.json          what each column is
      vocabulary.parquet    tokens of each column, in the order of their ids
      items.parquet         the table of items, in words
      users.parquet         the table of users, where the data have one
      weights.safetensors   the weights

No file is executed or unpickled.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from recbole_iacn.bridge.registry import find_model
from recbole_iacn.bundle import catalogue_tables, content, manifest, same_scores
from recbole_iacn.bundle.content import SETTINGS, WEIGHTS, fitting_together
from recbole_iacn.checks.extensions import check_extensions
from recbole_iacn.checks.settings import check_values
from recbole_iacn.data.catalogue import Catalogue
from recbole_iacn.errors import ConfigError
from recbole_iacn.system import claims, disk
from recbole_iacn.system.atomic_writes import check_named, put_right, replacing, with_parents
from recbole_iacn.training.checkpoint import config_of, plain

if TYPE_CHECKING:
    from recbole.config import Config
    from recbole.data.dataset import Dataset

_FILES = (SETTINGS, WEIGHTS, catalogue_tables.COLUMNS, catalogue_tables.VOCABULARY, catalogue_tables.ITEMS)

# Settings that name places or devices of the machine that trained.
_OF_MACHINE = frozenset(
    (
        *("data_path", "checkpoint_dir", "gpu_id", "use_gpu", "device", "local_rank", "world_size", "offset", "nproc"),
        *("ip", "port", "single_spec", "dataset_save_path", "dataloaders_save_path", "valid_negatives_file"),
        *(
            "test_negatives_file",
            "config_files",
            "wandb_project",
            "log_wandb",
            "worker",
            "made_from",
            "warm_up",
            "trust",
        ),
    )
)


@dataclass(frozen=True)
class Bundle:
    """A bundle's content.

    Attributes:
        path: the folder.
        manifest: its manifest.
        settings: the settings of the run, plain values.
        catalogue: columns, tokens, and the tables of items and users.
        weights: the model's state, on the CPU.
    """

    path: Path
    manifest: dict[str, Any]
    settings: dict[str, Any]
    catalogue: Catalogue
    weights: dict[str, Tensor]

    @classmethod
    def read(cls, path: str | os.PathLike) -> Bundle:
        """Read and check a bundle.

        Args:
            path: the folder.

        Raises:
            ConfigError: it is not a bundle, is of a later version, or is damaged.
        """
        if not isinstance(path, str | os.PathLike):
            raise ConfigError(f"bundle: must be the path of a folder, got {path!r:.60}")
        folder = Path(path)
        about = verify(folder)
        manifest.say_later(folder, about)
        return cls(folder, about, content.settings(folder), catalogue_tables.read(folder), content.weights(folder))

    def config(self, device: str | torch.device = "cpu") -> Config:
        """The settings of the run, for this machine.

        Args:
            device: where the model is to be.

        Raises:
            ConfigError: there is no such device here.
        """
        place = _place(device)
        config = config_of({**self.settings, **dict.fromkeys(_OF_MACHINE), "device": "cpu"})
        config["device"] = place
        config["use_gpu"] = config["device"].type != "cpu"
        return config

    def model(self, device: str | torch.device = "cpu") -> nn.Module:
        """The trained model, ready to score.

        Args:
            device: where it is to be.

        Raises:
            ConfigError: its class is not known here, or the weights are not those of the class.
        """
        with fitting_together(self.path):
            return self.untried(device)

    def untried(self, device: str | torch.device = "cpu") -> nn.Module:
        """As :meth:`model`, with whatever error a constructor raises."""
        model = build_model(self.config(device), self.catalogue)
        load_state(model, self.weights, f"{self.path}: {WEIGHTS}")
        return model.eval()


def verify(path: str | os.PathLike) -> dict[str, Any]:
    """The manifest of a bundle, all of whose files are as they were written.

    Args:
        path: the folder.

    Raises:
        ConfigError: it is not a bundle, is of a later version, or is damaged.
    """
    return manifest.check(Path(path), _FILES)


def _place(device):
    """A device of PyTorch; a vector that is put there shows whether it works."""
    try:
        place = torch.device(device)
        torch.zeros(1, device=place)
    except Exception as error:  # PyTorch raises three kinds
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise ConfigError(f"device: {device!r} cannot be used here ({first:.120}); leave it out for the CPU") from None
    return place


def build_model(config: Config, catalogue: Catalogue) -> Any:
    """A model that is not trained, on ``config["device"]``.

    Args:
        config: final settings; they name the model.
        catalogue: what it reads of the data.

    Raises:
        ConfigError: there is no such model here, or no such extractor or task.
    """
    from recbole.utils import get_model

    try:
        find_model(config["model"])
        check_extensions(config.final_config_dict)
    except ConfigError as error:
        raise ConfigError(
            f"{error} (one of your own: import the module that adds or registers it first; on the command line by "
            "recbole-iacn --import MODULE)"
        ) from None
    model_class = get_model(config["model"])
    stored = {key: value for key, value in config.final_config_dict.items() if key not in _OF_MACHINE}
    check_values(stored, model_class)  # RecBole evaluates one of them, KD_DAGFM's teacher
    # Initial weights are replaced, so they must not cost random numbers; nor is there the file that KD_DAGFM's later
    # phases start from.
    with torch.random.fork_rng(devices=[]), _first_phase(config):
        model = model_class(config, catalogue.dataset(config))
    if hasattr(model, "phase"):
        model.phase = config["phase"]
    return model.to(config["device"])


@contextlib.contextmanager
def _first_phase(config: Config) -> Iterator[None]:
    before = config["phase"]
    if before is not None:
        config["phase"] = "teacher_training"
    try:
        yield
    finally:
        if before is not None:
            config["phase"] = before


def load_state(model: nn.Module, weights: dict[str, Tensor], what: str) -> None:
    """Load weights; buffers that hold what a model has counted take the size that they had.

    Args:
        model: of the class that had them.
        weights: its state.
        what: for the message.

    Raises:
        ConfigError: they are not those of the class.
    """
    for name, buffer in list(model.named_buffers()):
        if name in weights and weights[name].shape != buffer.shape:
            owner, _, last = name.rpartition(".")
            setattr(model.get_submodule(owner), last, torch.empty_like(weights[name], device=buffer.device))
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        first = str(error).strip().splitlines()[-1].strip()
        raise ConfigError(f"{what} are not those of {type(model).__name__} as it is here ({first})") from None


def write(path: str | os.PathLike, config: Config, dataset: Dataset, model: nn.Module, overwrite: bool = False) -> Path:
    """Write a bundle, and compare the scores of the model that it gives with those of the one that was given.

    Args:
        path: the folder to make; its parent is created.
        config: the settings of the run.
        dataset: the data that the model was built with.
        model: with the weights to write.
        overwrite: replace a bundle that is there already.

    Returns:
        The folder.

    Raises:
        ConfigError: the folder cannot be written or is something else, or the model has a state that its
            ``state_dict`` leaves out.
    """
    folder = Path(path)
    check_target(folder, overwrite)
    catalogue = Catalogue.of(dataset).to("cpu")
    with disk.writing(folder, "name another folder"), with_parents(folder), alone(folder):
        check_target(folder, overwrite)  # another command may have made it meanwhile
        with replacing(folder) as partial:
            partial.mkdir()
            _write_files(partial, config, catalogue, model)
            same_scores.compare(Bundle.read(partial).untried, dataset, model)
    return folder


def alone(path: str | os.PathLike) -> contextlib.AbstractContextManager[None]:
    """Hold the folder of a bundle that is being trained or written, so that nobody else makes it.

    Args:
        path: the folder; its parent is created.

    Raises:
        ConfigError: another process or thread holds it.
    """
    return claims.claimed(path, "making a bundle", "wait until it has ended, or name another folder")


def check_target(path: str | os.PathLike, overwrite: bool = False) -> None:
    """Reject a folder that may not be written, before any work.

    Args:
        path: the folder to make.
        overwrite: replace a bundle that is there already.

    Raises:
        ConfigError: says why.
    """
    check_named(path)
    folder = Path(path)
    put_right(folder)
    disk.check(folder, "name another folder")
    if folder.is_dir() and not any(folder.iterdir()):
        return
    if folder.exists() and not overwrite:
        raise ConfigError(f"{folder}: exists already; name another folder, or let overwrite (--overwrite) replace it")
    if folder.exists() and not ((folder / manifest.NAME).is_file() and (folder / WEIGHTS).is_file()):
        raise ConfigError(f"{folder}: is not a bundle, so it is not replaced; name another folder")


def _write_files(folder, config, catalogue, model):
    (folder / SETTINGS).write_text(json.dumps(plain_settings(config), indent=1) + "\n", encoding="utf-8")
    catalogue_tables.write(catalogue, folder)
    save_file(state_of(model), folder / WEIGHTS)
    (folder / WEIGHTS).chmod((folder / SETTINGS).stat().st_mode)  # safetensors lets only the owner read it
    about = {"model": config["model"], "dataset": config["dataset"], "vocabulary": catalogue.digest()}
    about |= {"items": catalogue.count(catalogue.item) - 1, "users": catalogue.count(catalogue.user) - 1}
    manifest.make(folder, about)


def plain_settings(config: Config) -> dict[str, Any]:
    """A run's settings as a bundle has them: plain values, without this machine's."""
    return plain({key: value for key, value in config.final_config_dict.items() if key not in _OF_MACHINE})


def state_of(model: nn.Module) -> dict[str, Tensor]:
    """A model's weights as a bundle has them: on the CPU, each with its own memory."""
    # safetensors takes no two names for one memory.
    return {name: value.detach().cpu().contiguous().clone() for name, value in model.state_dict().items()}
