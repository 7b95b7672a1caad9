"""A checkpoint with code in it is opened by every way that there is, and the code does not run."""

import contextlib
from pathlib import Path

import pytest
import torch
from faults.payloads import PAYLOADS, RAN, inside
from faults.strangers import WAYS, checkpoint, poisoned

from recbole_iacn.errors import ConfigError

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """By format, a folder with a training, its checkpoint, and that with code before its content."""
    made = {}
    for recboles in (False, True):
        folder = tmp_path_factory.mktemp("strangers")
        with inside(folder):
            training, path = checkpoint(folder, recboles=recboles)
            made[recboles] = folder, training, path, poisoned(path, PAYLOADS["REDUCE"], folder / "bad.pth")
    return made


@pytest.mark.parametrize("recboles", [False, True])
def test_the_code_runs_where_torch_is_told_to_unpickle(opened, recboles):
    """So the tests below can fail."""
    folder, _, _, bad = opened[recboles]
    with inside(folder):
        torch.load(bad, weights_only=False)
        assert Path(RAN).exists()
        Path(RAN).unlink()


@pytest.mark.parametrize("recboles", [False, True])
@pytest.mark.parametrize("way", WAYS)
def test_no_code_runs(opened, way, recboles):
    folder, training, path, bad = opened[recboles]
    with inside(folder), contextlib.suppress(ConfigError, KeyError):
        WAYS[way](training, bad, folder)
    # A BPR is not a NeuMF, the bundle's folder is there now, and save_checkpoint writes weights alone.
    if way not in ("bundle", "weights to start from") and (recboles or "resume" not in way):
        WAYS[way](training, path, folder)  # the content itself is accepted
