"""What several processes and pinned memory need of RecBole."""

import copy
import functools
import os

from recbole_iacn.bridge.wrapping import wrap


def patch_logger(module):
    """Of several processes, the first alone writes a log.

    Args:
        module: ``recbole.utils.logger``.
    """

    @wrap(module, "init_logger")
    def init_logger(original, config):
        from recbole_iacn import parallel

        if parallel.rank() == 0:
            original(config)


def patch_folders(module):
    """RecBole looks whether a folder is there and then makes it: of several processes, one is told that it exists.

    Args:
        module: ``recbole.utils.utils``.
    """
    module.ensure_dir = functools.partial(os.makedirs, exist_ok=True)


def patch_pinning(module):
    """Lets PyTorch's loaders hand on batches in pinned memory (``pin_memory``).

    Args:
        module: ``recbole.data.interaction``.
    """

    def pin_memory(rows):
        pinned = copy.copy(rows)
        pinned.interaction = {name: values.pin_memory() for name, values in rows.interaction.items()}
        return pinned

    module.Interaction.pin_memory = pin_memory
