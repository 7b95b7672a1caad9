"""What denormal numbers cost a product of matrices, and what it costs where they count as zero.

    python benchmarks/denormals.py

One step of a GRU of width 64 on 256 rows, on one thread; in turn, medians, microseconds.
"""

import contextlib
import statistics
import time

import torch

from recbole_iacn.training.denormals import denormals_as_zero

NORMAL, DENORMAL = 1e-3, 1e-40


def microseconds(value, as_zero):
    """Of one product."""
    state, weight = torch.full((256, 64), value), torch.full((64, 192), 1e-3)
    with denormals_as_zero() if as_zero else contextlib.nullcontext():
        start = time.perf_counter()
        for _ in range(20):
            state @ weight
        return (time.perf_counter() - start) / 20 * 1e6


def main():
    torch.set_num_threads(1)
    cases = [(value, as_zero) for value in (NORMAL, DENORMAL) for as_zero in (False, True)]
    found = {case: [] for case in cases}
    for _ in range(15):
        for case in cases:
            found[case].append(microseconds(*case))
    for (value, as_zero), taken in found.items():
        print(f"{value:g}{', denormals as zero' if as_zero else ''}: {statistics.median(taken):.0f}")


if __name__ == "__main__":
    main()
