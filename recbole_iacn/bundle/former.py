"""Another day's model, read from a bundle or a checkpoint, for a training to start from."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from recbole_iacn.bridge.registry import find_model
from recbole_iacn.bundle.content import fitting_together
from recbole_iacn.bundle.folder import Bundle
from recbole_iacn.errors import ConfigError
from recbole_iacn.model.vocabulary_rows import vocabulary_rows
from recbole_iacn.system.trust import trusting
from recbole_iacn.training.warm_start import Source

if TYPE_CHECKING:
    from recbole.config import Config


def read(path: str | os.PathLike | None, config: Config, new_rows: str | None) -> Source | None:
    """Read the model to start from, before the data are read.

    Args:
        path: a bundle or a checkpoint; None for none.
        config: the settings of the training that starts from it.
        new_rows: as in :func:`recbole_iacn.build`.

    Raises:
        ConfigError: there is none, it is of another model, or it does not know its tokens; or ``new_rows`` is not a
            choice.
    """
    if path is None:
        if new_rows is not None:
            raise ConfigError("new_rows: is read with start_from (--from) only, and no model to start from is given")
        return None
    path = os.fspath(path)
    if not os.path.exists(path):
        raise ConfigError(f"{path}: there is no such file or folder; name a bundle or a checkpoint (.pth)")
    with trusting(config["trust"]):
        source = _of_bundle(path) if os.path.isdir(path) else Source.of_checkpoint(path)
    source.check(config["model"], new_rows)
    return source


def _of_bundle(path):
    from recbole.utils import get_model

    bundle = Bundle.read(path)
    name, config = bundle.settings["model"], bundle.config()
    find_model(name)
    with fitting_together(path):
        rows = vocabulary_rows(get_model(name), config, bundle.catalogue.dataset(config))
    return Source(path, name, bundle.settings, bundle.weights, rows, bundle.catalogue.tokens.__getitem__)
