"""Patches of RecBole for several processes, for workers of loaders and for pinned memory."""

import copy
import functools
import os

from recbole_iacn.bridge.wrapping import wrap
from recbole_iacn.system import interrupts


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


def patch_workers(module):
    """Let the workers of a loader end with their process, and not hear Ctrl-C. PyTorch's look for it every five
    seconds.

    Args:
        module: ``recbole.data.dataloader.abstract_dataloader``.
    """

    @wrap(module.AbstractDataLoader, "__iter__")
    def iterate(original, loader):
        before = loader.worker_init_fn
        loader.worker_init_fn = functools.partial(_begin_worker, before)
        try:
            return original(loader)
        finally:
            loader.worker_init_fn = before  # a saved loader has no function of this package


def _begin_worker(own, number):
    interrupts.begin_child()
    if own is not None:
        own(number)
