"""What a bundle's files contain, read with the doubts that files of strangers deserve."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import Tensor

from recbole_iacn.errors import ConfigError
from recbole_iacn.system import json_file
from recbole_iacn.system.nested import check_size

SETTINGS, WEIGHTS = "settings.json", "weights.safetensors"


@contextlib.contextmanager
def fitting_together(path: str | os.PathLike) -> Iterator[None]:
    """Turn what a model meets, in settings and columns that are not its own, into one line: the files of a bundle may
    be those of its manifest and not fit, if somebody wrote both anew.

    Args:
        path: the bundle.

    Raises:
        ConfigError: instead of any other exception, which it names.
    """
    try:
        yield
    except ConfigError:
        raise
    except Exception as error:
        first = (f"{type(error).__name__}: {error}").splitlines()[0]
        raise ConfigError(
            f"{path}: its model cannot be built from its settings and columns ({first:.120}); copy the folder again, "
            "or save the model anew"
        ) from error


def settings(folder: Path) -> dict[str, Any]:
    """The settings of a bundle.

    Args:
        folder: the bundle.

    Raises:
        ConfigError: they are damaged, or name no model.
    """
    try:
        found = json_file.read(folder / SETTINGS)
        check_size(found)
    except ValueError as error:
        raise ConfigError(f"{folder}: {SETTINGS} is damaged ({error}); copy the folder again") from None
    named = isinstance(found, dict) and all(isinstance(found.get(key), str) for key in ("model", "dataset"))
    if not named:
        raise ConfigError(f"{folder}: {SETTINGS} names no model and dataset; copy the folder again")
    return found


def weights(folder: Path) -> dict[str, Tensor]:
    """The weights of a bundle, on the CPU.

    Args:
        folder: the bundle.

    Raises:
        ConfigError: they are damaged.
    """
    try:
        return load_file(folder / WEIGHTS)
    except Exception as error:  # safetensors has errors of its own
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise ConfigError(f"{folder}: {WEIGHTS} is damaged ({first:.120}); copy the folder again") from None
