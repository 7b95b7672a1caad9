"""Shims for what PyTorch breaks in RecBole, and for what RecBole changes in PyTorch."""

import pickle
import sys

from recbole_iacn.bridge.compat.noise import without_warning
from recbole_iacn.bridge.wrapping import wrap


def patch_checkpoints(module):
    """For callers inside RecBole only: load a checkpoint safely, and unpickle it only if that fails, as it does for a
    file that stock RecBole wrote. The ``Config`` of this package's checkpoints is restored here, on every stack.

    Args:
        module: ``recbole``.
    """
    import torch

    if torch.load.__name__ == "load_for_recbole":
        return
    # RecBole pickles with protocol 4, about which the safe loader warns before it rejects the file.
    load = without_warning(torch.load, "Detected pickle protocol")

    def load_for_recbole(*args, **kwargs):
        caller = sys._getframe(1).f_globals.get("__name__", "")
        if not caller.startswith("recbole.") or "weights_only" in kwargs:
            return load(*args, **kwargs)
        try:
            loaded = load(*args, weights_only=True, **kwargs)
        except pickle.UnpicklingError:
            loaded = load(*args, weights_only=False, **kwargs)
            # RecBole restores NumPy's old names when a Config is constructed; a loaded one needs them, too.
            if isinstance(loaded, dict) and hasattr(loaded.get("config"), "compatibility_settings"):
                loaded["config"].compatibility_settings()
            return loaded
        if isinstance(loaded, dict) and "recbole_iacn" in loaded:
            from recbole_iacn.training.checkpoint import restore

            return restore(loaded)
        return loaded

    torch.load = load_for_recbole


def patch_anomaly_detection():
    """Restore autograd's anomaly detection to its state before the import of SINE, which every look-up of a sequential
    model imports."""
    import torch

    # If SINE was imported before this package, the current state is the one that SINE set.
    late = hasattr(sys.modules.get("recbole.model.sequential_recommender.sine"), "SINE")
    before = not late and torch.is_anomaly_enabled()
    yield
    torch.autograd.set_detect_anomaly(before)


def patch_flops(module):
    """Log nan FLOPs for a model without ``predict``, instead of aborting the run.

    Args:
        module: ``recbole.quick_start.quick_start``.
    """

    @wrap(module, "get_flops")
    def get_flops(original, *args, **kwargs):
        try:
            return original(*args, **kwargs)
        except AssertionError:
            return float("nan")


def patch_preloaded_weights(module):
    """Return pre-trained vectors as float32, the type of the tensors that they are multiplied by.

    Args:
        module: ``recbole.data.dataset.dataset``.
    """

    @wrap(module.Dataset, "get_preload_weight")
    def get_preload_weight(original, dataset, field):
        return original(dataset, field).astype("float32")
