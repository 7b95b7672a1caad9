"""The softmax of a ranking loss: ours, in blocks, beside PyTorch's cross-entropy of the matrix of all scores; and the
time that the kernel takes to provide the memory of a ranking, kept or not.

    python benchmarks/ranking_loss.py --out benchmarks/ranking_loss.json

Both in turn, one thread, medians. A step of each is loss and gradients; memory is the peak of a process above what it
had before the step. A ranking scores 1,024 users against 18,357 items, as of Sports, ten times.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time

import torch
from torch import nn

from recbole_iacn.nn.shared_softmax import shared_softmax_loss
from recbole_iacn.system.kept_memory import keep_freed_memory

SIZES = {"Sports, a batch of 128 histories": (1024, 1937), "ml-1m, all items": (21_000, 3_416)}
_WIDTH, _TURNS = 64, 9
_KEPT, _FRESH = "kept", "fresh"


def of_matrix(users, own, candidates, column):
    """The same loss by a matrix of all scores."""
    scores = torch.cat([(users * own).sum(dim=1, keepdim=True), users @ candidates.T], dim=1)
    return nn.functional.cross_entropy(scores, torch.zeros_like(column))


LOSSES = {"blocks": shared_softmax_loss, "matrix": of_matrix}


def vectors(rows, candidates):
    torch.manual_seed(0)
    parts = [torch.randn(count, _WIDTH, requires_grad=True) for count in (rows, rows, candidates)]
    return *parts, torch.full((rows,), -1)


def seconds(function):
    begin = time.perf_counter()
    function()
    return time.perf_counter() - begin


def in_process(*arguments):
    """What another process of this file prints."""
    command = [sys.executable, __file__, *map(str, arguments)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def most_memory():
    """MB that this process had at most; getrusage would count the parent's."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) / 1024


def peak(name, rows, candidates):
    """MB of one step above what there was before."""
    given = vectors(rows, candidates)
    before = most_memory()
    LOSSES[name](*given).backward()
    return most_memory() - before


def ranking(way):
    """Milliseconds per batch of a ranking of all items."""
    if way == _KEPT:
        keep_freed_memory()
    users, items = torch.randn(1024, _WIDTH), torch.randn(18_357, _WIDTH)

    def rank():
        scores = users @ items.T
        return (scores == scores[:, :1]).sum(dim=1), scores.topk(20, dim=1)

    rank()
    return 1000 * statistics.median(seconds(rank) for _ in range(10))


def measure():
    torch.set_num_threads(1)
    found = {}
    for size, (rows, candidates) in SIZES.items():
        given = vectors(rows, candidates)
        turns = {name: [] for name in LOSSES}
        for _ in range(_TURNS):
            for name, loss in LOSSES.items():
                turns[name].append(seconds(lambda loss=loss, given=given: loss(*given).backward()))
        ratios = [matrix / blocks for blocks, matrix in zip(*turns.values())]
        found[size] = {f"{name}, ms": round(1000 * statistics.median(times), 1) for name, times in turns.items()}
        found[size]["matrix / blocks"] = round(statistics.median(ratios), 2)
        found[size].update({f"{name}, MB": round(in_process("peak", name, rows, candidates)) for name in LOSSES})
    turns = [(in_process("ranking", _KEPT, 0, 0), in_process("ranking", _FRESH, 0, 0)) for _ in range(5)]
    kept, fresh = (round(statistics.median(times)) for times in zip(*turns))
    ratio = round(statistics.median(fresh / kept for kept, fresh in turns), 2)
    return {**found, "a ranking": {"kept, ms": kept, "fresh, ms": fresh, "fresh / kept": ratio}}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="*", help="of a measurement in a process of its own")
    parser.add_argument("--out")
    given = parser.parse_args()
    torch.set_num_threads(1)
    if given.part:
        what, name, rows, candidates = given.part
        print(peak(name, int(rows), int(candidates)) if what == "peak" else ranking(name))
        return
    text = json.dumps(measure(), indent=1)
    print(text)
    if given.out:
        with open(given.out, "w") as file:
            file.write(text + "\n")


if __name__ == "__main__":
    main()
