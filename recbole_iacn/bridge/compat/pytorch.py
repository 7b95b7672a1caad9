"""Shims for what PyTorch breaks in RecBole, and for what RecBole changes in PyTorch."""

import sys

from recbole_iacn.bridge.wrapping import wrap


def patch_checkpoints(module):
    """For callers inside RecBole only: open files as this package does, without running any code. The ``Config`` of a
    checkpoint is restored here, on every stack.

    Args:
        module: ``recbole``.
    """
    import torch

    if torch.load.__name__ == "load_for_recbole":
        return
    load = torch.load

    def load_for_recbole(*args, **kwargs):
        caller = sys._getframe(1).f_globals.get("__name__", "")
        if not caller.startswith("recbole.") or "weights_only" in kwargs:
            return load(*args, **kwargs)
        from recbole_iacn.training import checkpoint

        return checkpoint.for_recbole(*args, **kwargs)

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
