"""What the processes of benchmarks/family.py share: one thread, tasks by name, and the CPU seconds of each.

A process says which versions it has, then answers each line of its standard input, the name of a task, by a line with
what it did: training targets or users, and the CPU seconds of the process. It needs NumPy and PyTorch alone, since it
runs in the environments of the peers.
"""

import json
import os
import sys
import time
from importlib.metadata import version

import torch


def serve(tasks, packages):
    """Answer until standard input ends.

    Args:
        tasks (dict): from a name to a function that does it and returns how many targets or users it had.
        packages (list of str): whose versions are said.
    """
    torch.set_num_threads(1)
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what a library prints is no answer
    print(json.dumps({name: version(name) for name in ("torch", *packages)}), file=answers)
    for line in sys.stdin:
        begin = time.process_time()
        count = tasks[line.strip()]()
        print(json.dumps({"count": count, "seconds": time.process_time() - begin}), file=answers)


def best_unseen(scores, row, item, k):
    """The k best items of each user without padding and what the user clicked; ``scores`` is changed."""
    scores[:, 0] = -torch.inf
    scores[row, item] = -torch.inf
    return scores.topk(k, dim=1)


def in_turn(batches, count):
    """So many of the batches, beginning where the last call ended."""
    while True:
        taken, batches = batches[:count], batches[count:] + batches[:count]
        yield taken
