"""What a training frees stays with its process, unless the environment says otherwise."""

import platform
import subprocess
import sys

import pytest

from recbole_iacn.system.kept_memory import keep_freed_memory

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's own thresholds")

# How many bytes stay resident of 160 MB that were filled and freed. A count of page faults would hang on their size.
_RESIDENT = """
import resource, sys
from recbole_iacn.system.kept_memory import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory()
import numpy as np

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()

before = resident()
np.ones(20_000_000)
print(resident() - before)
"""


def _kept(way):
    return int(
        subprocess.run([sys.executable, "-c", _RESIDENT, way], capture_output=True, text=True, check=True).stdout
    )


def test_freed_memory_stays_with_the_process():
    assert _kept("keep") > 150e6
    assert _kept("give back") < 20e6


@pytest.mark.parametrize("name", ["MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES"])
def test_a_choice_of_ones_own_is_left_alone(name, monkeypatch):
    monkeypatch.setenv(name, "1")
    assert not keep_freed_memory()


def test_a_training_keeps_its_memory(monkeypatch):
    from recbole_iacn.building import training

    called = []
    monkeypatch.setattr(training, "keep_freed_memory", lambda: called.append(True))
    parts = training.Training(*[None] * 7)
    monkeypatch.setattr(training.Training, "_begin", lambda self: None)
    with pytest.raises(TypeError):
        parts.fit()  # without a config
    assert called
