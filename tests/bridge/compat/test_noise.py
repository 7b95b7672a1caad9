"""What is silenced still works."""

import types
import warnings

import torch

from recbole_iacn.bridge.compat import noise


def test_cuda_amp_is_quiet_and_whole():
    """NCL's trainer reads ``amp.autocast`` from where others read ``amp.GradScaler``."""
    module = types.SimpleNamespace(amp=torch.cuda.amp)
    noise.patch_scaler_warnings(module)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not module.amp.GradScaler(enabled=False).is_enabled()
        with module.amp.autocast(enabled=False):
            assert not torch.is_autocast_enabled("cuda")
    assert module.amp.custom_fwd is torch.cuda.amp.custom_fwd
