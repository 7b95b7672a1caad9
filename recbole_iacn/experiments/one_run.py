"""One training of an experiment, in a process of its own."""

import contextlib
import ctypes
import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

from recbole_iacn.experiments.plan import Run, recbole_name
from recbole_iacn.experiments.store import TOLD
from recbole_iacn.names import FAMILY
from recbole_iacn.version import __version__

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # glibc's malloc.h


def train(run: Run, data_path: str, after_epoch: Callable[[int, float], object] | None = None) -> dict[str, Any]:
    """Train, validate, test.

    Args:
        run (Run): what.
        data_path (str): where the data lie.
        after_epoch (Callable, optional): called with (epoch, validation score); may raise to end the run.

    Returns:
        dict: what the run was, ``best``, the highest validation score, ``valid`` and ``test`` metrics of its epoch,
        ``divergence`` between the interests of clicked and recommended items, if the run asks for it, ``epochs`` with
        losses, validation score and seconds, ``loading``, the seconds before the first, ``seconds`` in all and
        ``peak_mb``, the most memory of the process.
    """
    import torch

    from recbole_iacn.building import build
    from recbole_iacn.experiments.divergence import interest_divergence

    torch.set_num_threads(1)
    _keep_memory()
    logging.basicConfig(level=logging.ERROR)  # RecBole's warnings would stand between the lines of the bar over runs
    start = time.perf_counter()
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as scratch, contextlib.ExitStack() as left:
        os.chdir(scratch)  # whatever RecBole writes where it stands
        left.callback(os.chdir, before)
        given = {"show_progress": False, **run.settings, "data_path": data_path, "checkpoint_dir": scratch}
        training = build(recbole_name(run), run.dataset, config_dict=given)
        epochs, loading = [], time.perf_counter() - start

        def note(epoch, score):
            ours = getattr(training.trainer, "epoch_losses", None)
            losses = ours[-1] if ours else {"main": float(training.trainer.train_loss_dict[epoch])}
            epochs.append({"losses": losses, "valid": float(score), "seconds": time.perf_counter() - start})
            if after_epoch:
                after_epoch(epoch, score)

        best, valid = training.fit(verbose=False, callback_fn=note)
        test = training.test()
        apart = None
        if run.divergence and (run.mode == "full" or run.model in FAMILY):
            apart = float(interest_divergence(training.model, training.test_data._dataset, rows=run.divergence).mean())
    return {
        **{key: getattr(run, key) for key in TOLD},
        "best": float(best),
        "valid": {name: float(value) for name, value in valid.items()},
        "test": {name: float(value) for name, value in test.items()},
        "divergence": apart,
        "loading": loading,
        "epochs": epochs,
        "seconds": time.perf_counter() - start,
        "peak_mb": _peak_mb(),
        "version": __version__,
    }


def _keep_memory():
    """Let glibc keep what is freed, for the next step: the system's pages are zeroed anew whenever it hands them out.

    It helps RecBole's own models most, whose optimizer makes tensors of the item table's size at every step.
    """
    # Linux alone; elsewhere nothing is kept.
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt:
        mallopt(_MMAP_MAX, 0)
        mallopt(_TRIM_THRESHOLD, 2**31 - 1)


def _peak_mb():
    try:
        import resource
    except ImportError:  # not on Windows
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
