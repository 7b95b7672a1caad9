"""Interests of a batch: short and long histories apart, beside one call on all of them.

    python benchmarks/by_length.py --data_path dataset --out benchmarks/by_length.json

Both in turn, one thread, medians: interests and their gradients, for batches of 1,024 rows per click, whose lengths are
those of a dataset (at most 50).
"""

import argparse
import json
import statistics
import time
from collections import Counter
from pathlib import Path

import torch

from recbole_iacn.nn import BehaviorToInterestRouting
from recbole_iacn.nn.by_length import extract_by_length
from recbole_iacn.nn.extractor import SelfAttentiveInterests
from recbole_iacn.nn.transformer import TransformerBlock

_WIDTH, _INTERESTS, _LONGEST, _ROWS, _BATCHES = 64, 4, 50, 1024, 15
EXTRACTORS = {
    "MIND's routing": lambda: BehaviorToInterestRouting(_WIDTH, _INTERESTS, _LONGEST),
    "ComiRec's attention": lambda: SelfAttentiveInterests(_WIDTH, _INTERESTS, _LONGEST),
    "ComiRec+'s block and attention": lambda: SelfAttentiveInterests(
        _WIDTH, _INTERESTS, _LONGEST, block=TransformerBlock(_WIDTH)
    ),
}


def lengths_of(path):
    """The lengths of the histories of a dataset's training rows: each user's last two clicks validate and test."""
    users = [line.partition("\t")[0] for line in Path(path).read_text(encoding="utf-8").splitlines()[1:]]
    return torch.tensor([min(n, _LONGEST) for count in Counter(users).values() for n in range(1, count - 2)])


def seconds(call, behaviors):
    begun = time.perf_counter()
    call()[0].sum().backward()
    behaviors.grad = None
    return time.perf_counter() - begun


def measure(lengths):
    torch.manual_seed(0)
    found = {}
    for name, make in EXTRACTORS.items():
        extractor, whole, apart = make(), [], []
        for _ in range(_BATCHES):
            rows = lengths[torch.randint(len(lengths), (_ROWS,))]
            mask = torch.arange(int(rows.max())) < rows.unsqueeze(1)
            behaviors = torch.randn(*mask.shape, _WIDTH).mul_(mask.unsqueeze(2)).requires_grad_()
            whole.append(seconds(lambda: extractor(behaviors, mask), behaviors))  # noqa: B023 -- called at once
            apart.append(seconds(lambda: extract_by_length(extractor, extractor, behaviors, mask), behaviors))  # noqa: B023
        ratios = [one / other for one, other in zip(whole, apart)]
        found[name] = {
            "one call, ms": round(1000 * statistics.median(whole), 1),
            "apart, ms": round(1000 * statistics.median(apart), 1),
            "ratio": round(statistics.median(ratios), 2),
        }
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_path", default="dataset")
    parser.add_argument("--datasets", nargs="+", default=["Beauty", "ml-1m"])
    parser.add_argument("--out")
    given = parser.parse_args()
    torch.set_num_threads(1)
    found = {}
    for name in given.datasets:
        lengths = lengths_of(Path(given.data_path, name, f"{name}.inter"))
        share = float(lengths.float().mean()) / _LONGEST
        found[f"{name}, {share:.0%} of the positions real"] = measure(lengths)
    text = json.dumps(found, indent=1)
    print(text)
    if given.out:
        Path(given.out).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
