"""The settings and the weights of a bundle, which may be a stranger's."""

from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import Tensor

from recbole_iacn.errors import ConfigError
from recbole_iacn.system import json_file
from recbole_iacn.system.nested import check_size


def settings(path: Path) -> dict[str, Any]:
    """The settings of the run, plain values.

    Args:
        path: the file, JSON.

    Raises:
        ConfigError: it is damaged.
    """
    try:
        found = json_file.read(path)
        check_size(found)
    except ValueError as error:
        raise ConfigError(f"{path.parent}: {path.name} is damaged ({error}); copy the folder again") from None
    if not (isinstance(found, dict) and all(isinstance(found.get(key), str) for key in ("model", "dataset"))):
        raise ConfigError(f"{path.parent}: {path.name} names no model and dataset; copy the folder again")
    return found


def weights(path: Path) -> dict[str, Tensor]:
    """The model's state, on the CPU.

    Args:
        path: the file, of safetensors.

    Raises:
        ConfigError: it is damaged.
    """
    try:
        return load_file(path)
    except Exception as error:  # safetensors has errors of its own
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise ConfigError(f"{path.parent}: {path.name} is damaged ({first:.120}); copy the folder again") from None
