"""Patches of RecBole for several processes and for pinned memory."""

import copy
import functools
import os


def patch_folders(module):
    """Create a folder without an error if it exists. RecBole checks first and creates then, so that one of several
    processes may fail.

    Args:
        module: ``recbole.utils.utils``.
    """
    module.ensure_dir = functools.partial(os.makedirs, exist_ok=True)


def patch_pinning(module):
    """Let PyTorch's loaders return batches in pinned memory (``pin_memory``).

    Args:
        module: ``recbole.data.interaction``.
    """

    def pin_memory(rows):
        pinned = copy.copy(rows)
        pinned.interaction = {name: values.pin_memory() for name, values in rows.interaction.items()}
        return pinned

    module.Interaction.pin_memory = pin_memory
