"""Memory that a training frees and soon needs again stays with the process.

By default the C library of Linux returns every block above 32 MB to the system at once. A table of scores that is made
per batch then consists of fresh pages each time, which the kernel fills with zeros: half of the time of a ranking among
18,357 items went into that.
"""

import ctypes
import os
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of mallopt(3)
_LARGEST, _KEPT = 1 << 30, (1 << 31) - 1  # bytes of a block that stays, and of all that stay
_OWN_CHOICE = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES")


def keep_freed_memory() -> bool:
    """Keep freed blocks of up to 1 GiB in this process, up to 2 GiB of them, for what is allocated next.

    Returns:
        bool: whether that was set; False where the C library is not glibc, or its variables in the environment say what
        is wanted.
    """
    if not sys.platform.startswith("linux") or any(name in os.environ for name in _OWN_CHOICE):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_MMAP_THRESHOLD, _LARGEST)) and bool(mallopt(_TRIM_THRESHOLD, _KEPT))
