"""What a training frees stays with its process, unless the environment says otherwise."""

import platform
import subprocess
import sys

import pytest

from recbole_iacn.system.kept_memory import keep_freed_memory

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's own thresholds")

# 160 MB, which are freed and needed again ten times: pages that the kernel has to provide.
_PAGES = """
import resource, sys
from recbole_iacn.system.kept_memory import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory()
import numpy as np
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    np.ones(20_000_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def _pages(way):
    return int(subprocess.run([sys.executable, "-c", _PAGES, way], capture_output=True, text=True, check=True).stdout)


def test_freed_memory_is_used_again():
    assert _pages("keep") < _pages("give back") / 4


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
