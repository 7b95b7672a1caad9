"""What PyTorch breaks in RecBole, and what RecBole does to PyTorch."""

import pickle
import sys

from recbole_iacn.bridge.compat.noise import without_warning
from recbole_iacn.bridge.wrapping import wrap


def patch_checkpoints(module):
    """For callers inside RecBole only: load safely first, and only a file that can't be read so, one that stock RecBole
    wrote, is unpickled. Checkpoints of this package get their ``Config`` back here, on every stack.

    Args:
        module: ``recbole``.
    """
    import torch

    if torch.load.__name__ == "load_for_recbole":
        return
    # RecBole pickles by protocol 4, of which the safe loader warns before it rejects it.
    load = without_warning(torch.load, "Detected pickle protocol")

    def load_for_recbole(*args, **kwargs):
        caller = sys._getframe(1).f_globals.get("__name__", "")
        if not caller.startswith("recbole.") or "weights_only" in kwargs:
            return load(*args, **kwargs)
        try:
            loaded = load(*args, weights_only=True, **kwargs)
        except pickle.UnpicklingError:
            loaded = load(*args, weights_only=False, **kwargs)
            # RecBole restores NumPy's old names when a Config is made; one that is loaded needs them, too.
            if isinstance(loaded, dict) and hasattr(loaded.get("config"), "compatibility_settings"):
                loaded["config"].compatibility_settings()
            return loaded
        if isinstance(loaded, dict) and "recbole_iacn" in loaded:
            from recbole_iacn.training.checkpoint import restore

            return restore(loaded)
        return loaded

    torch.load = load_for_recbole


def patch_anomaly_detection():
    """Leave autograd's anomaly detection as it was before SINE, which every look-up of a sequential model imports."""
    import torch

    # Where SINE was imported before this package, what stands now is its doing.
    late = hasattr(sys.modules.get("recbole.model.sequential_recommender.sine"), "SINE")
    before = not late and torch.is_anomaly_enabled()
    yield
    torch.autograd.set_detect_anomaly(before)


def patch_flops(module):
    """Where ``predict`` is not implemented, the logged number of FLOPs is not a number, instead of the run's end.

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
    """Pre-trained vectors as float32, which is what they are multiplied with.

    Args:
        module: ``recbole.data.dataset.dataset``.
    """

    @wrap(module.Dataset, "get_preload_weight")
    def get_preload_weight(original, dataset, field):
        return original(dataset, field).astype("float32")
