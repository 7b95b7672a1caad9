"""Functions whose warnings are suppressed still work."""

import types
import warnings

import torch

from recbole_iacn.bridge.compat import noise


def test_cuda_amp_gives_no_warnings_and_is_complete():
    """NCL's trainer reads ``amp.autocast`` from the module from which others read ``amp.GradScaler``."""
    module = types.SimpleNamespace(amp=torch.cuda.amp)
    noise.patch_scaler_warnings(module)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not module.amp.GradScaler(enabled=False).is_enabled()
        with module.amp.autocast(enabled=False):
            assert not torch.is_autocast_enabled("cuda")
    assert module.amp.custom_fwd is torch.cuda.amp.custom_fwd
