"""Full-sort scoring: DIN scores a catalogue of 367,982 items for 256 users in one process.

    python benchmarks/full_sort.py                              DIN_IaCN
    python benchmarks/full_sort.py --model DIEN_IaCN --users 16

Prints seconds, scores per second and the peak memory of the process, and writes JSON. Stock RecBole would first repeat
every history for every item: the memory that this needs is computed, not measured.
"""

import argparse
import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

from recbole_iacn.building import build

HERE = Path(__file__).parent
SPORTS = (35_598, 18_357, 2_277, 296_337)  # numbers of users, items, categories, interactions


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="DIN_IaCN")
    parser.add_argument("--mode", default="full")
    parser.add_argument("--items", type=int, default=367_982)
    parser.add_argument("--users", type=int, default=256)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", default=HERE / "full_sort.json", help="where the figures go (default: %(default)s)")
    given = parser.parse_args()
    sys.argv = sys.argv[:1]
    os.environ["OMP_NUM_THREADS"] = str(given.threads)
    import torch
    from amazon_like import write_atomic

    torch.set_num_threads(given.threads)
    with tempfile.TemporaryDirectory() as folder:
        write_atomic(folder, "large", SPORTS, catalogue=given.items, many_categories=True)
        settings = {
            "data_path": folder,
            "load_col": {"inter": ["user_id", "item_id", "timestamp"], "item": ["item_id", "categories"]},
            "MAX_ITEM_LIST_LENGTH": 20,
            "embedding_size": 16,
            "mlp_hidden_size": [80, 40],
            "iacn_mode": given.mode,
            "use_gpu": False,
            "state": "ERROR",
            "seed": 1,
        }
        training = build(given.model, "large", config_dict=settings)
        model = training.model.eval()
        rows = training.test_data._dataset[torch.arange(given.users)]
    before, start = peak(), time.perf_counter()
    with torch.no_grad():
        scores = model.full_sort_predict(rows)
    seconds = time.perf_counter() - start
    columns = [values for name, values in rows.interaction.items() if name != "item_id"]
    repeated = sum(values[0].numel() * values.element_size() for values in columns) * scores.numel()
    result = {
        "model": given.model,
        "users": given.users,
        "items": given.items,
        "seconds": round(seconds, 1),
        "scores_a_second": round(scores.numel() / seconds),
        "peak_gb": round(peak(), 2),
        "peak_before_gb": round(before, 2),
        "stock_repeats_gb": round(repeated / 1e9, 1),
    }
    print(json.dumps(result, indent=1))
    Path(given.out).write_text(json.dumps(result, indent=1) + "\n")


def peak():
    """The peak memory of this process, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


if __name__ == "__main__":
    main()
