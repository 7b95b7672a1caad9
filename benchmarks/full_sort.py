"""Scores of all items: DIN over a catalogue of 367,982 items for 256 users, in the memory of one process.

    python benchmarks/full_sort.py                              DIN_IaCN, one process
    python benchmarks/full_sort.py --model DIEN_IaCN --users 16

Prints seconds, scores a second and the most memory that the process held, and writes JSON. Stock RecBole repeats every
history for every item before it scores any: the bytes that takes are printed beside, not tried.
"""

import argparse
import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

import recbole_iacn  # noqa: F401  (makes RecBole run)

HERE = Path(__file__).parent
ROWS = (35_598, 18_357, 2_277, 296_337)  # users, items, categories, interactions: Sports'


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
    from recbole.config import Config
    from recbole.data import create_dataset, data_preparation
    from recbole.utils import get_model, init_seed

    torch.set_num_threads(given.threads)
    with tempfile.TemporaryDirectory() as folder:
        write_atomic(folder, "large", ROWS, catalogue=given.items, many_categories=True)
        settings = {
            "data_path": folder,
            "load_col": {"inter": ["user_id", "item_id", "timestamp"], "item": ["item_id", "categories"]},
            "MAX_ITEM_LIST_LENGTH": 20,
            "embedding_size": 16,
            "mlp_hidden_size": [80, 40],
            "iacn_mode": given.mode,
            "state": "ERROR",
        }
        config = Config(model=given.model, dataset="large", config_dict=settings)
        init_seed(1, True)
        train, _, test = data_preparation(config, create_dataset(config))
        model = get_model(given.model)(config, train._dataset).eval()
        rows = test._dataset[torch.arange(given.users)]
    before, start = peak(), time.perf_counter()
    with torch.no_grad():
        scores = model.full_sort_predict(rows)
    seconds = time.perf_counter() - start
    columns = [values for name, values in rows.interaction.items() if name != "item_id"]
    repeated = sum(values[0].numel() * values.element_size() for values in columns) * scores.numel()
    found = {
        "model": given.model,
        "users": given.users,
        "items": given.items,
        "seconds": round(seconds, 1),
        "scores_a_second": round(scores.numel() / seconds),
        "peak_gb": round(peak(), 2),
        "peak_before_gb": round(before, 2),
        "stock_repeats_gb": round(repeated / 1e9, 1),
    }
    print(json.dumps(found, indent=1))
    Path(given.out).write_text(json.dumps(found, indent=1) + "\n")


def peak():
    """The most memory this process has held, GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


if __name__ == "__main__":
    main()
