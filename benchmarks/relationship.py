"""What the relationship score costs where a model is used: the same model with it and without it, in turn.

    python benchmarks/relationship.py --data_path dataset

Milliseconds per history, medians, of all items' scores, of a hundred candidates' and of a single candidate's (which
routes the history again for every row). The weights are those of the start: the time does not depend on them.
"""

import argparse
import json
import statistics
import time
from pathlib import Path

HERE = Path(__file__).parent
WAYS = ("all items", "100 candidates", "1 candidate")


def opened(backbone, relationship, given):
    """A model and its test rows."""
    from recbole_iacn.building import build

    settings = {
        "data_path": given.data_path,
        "load_col": {"inter": ["user_id", "item_id", "timestamp"], "item": ["item_id", "categories"]},
        "iacn_item_features": ["categories"],
        "embedding_size": 16,
        "mlp_hidden_size": [80, 40],
        "iacn_relationship": relationship,
        "gpu_id": "",
        "state": "ERROR",
        "seed": 1,
    }
    training = build(f"{backbone}_IaCN", given.dataset, config_dict=settings)
    return training.model.eval(), training.test_data._dataset


def seconds_of(model, rows, way, torch):
    """How long a batch of rows takes in one of the three ways."""
    items = torch.randint(1, model.n_items, (len(rows), 100), generator=torch.Generator().manual_seed(1))
    start = time.perf_counter()
    if way == "all items":
        model.full_sort_predict(rows)
    elif way == "100 candidates":
        model.candidate_scores(rows, items)
    else:
        model.predict(rows)
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_path", default="dataset")
    parser.add_argument("--dataset", default="Beauty")
    parser.add_argument("--models", nargs="+", default=["DIN", "DIEN", "WideDeep"])
    parser.add_argument("--rows", type=int, default=64, help="histories at once (default: %(default)s)")
    parser.add_argument("--turns", type=int, default=9)
    parser.add_argument("--out", default=HERE / "relationship.json", help="where the figures go (default: %(default)s)")
    given = parser.parse_args()
    import numpy as np
    import torch

    torch.set_num_threads(1)
    found = {}
    for backbone in given.models:
        both = [opened(backbone, how, given) for how in ("none", "detached")]
        for way in WAYS:
            taken = ([], [])
            with torch.no_grad():
                for turn in range(given.turns + 1):
                    for place, (model, test) in enumerate(both):
                        count = given.rows if way != "1 candidate" else 1024
                        seconds = seconds_of(model, test[np.arange(count)], way, torch) / count
                        if turn:  # the first one is to warm up
                            taken[place].append(1e3 * seconds)
            without, beside = map(statistics.median, taken)
            ratio = statistics.median(b / a for a, b in zip(*taken))
            found[f"{backbone}, {way}"] = {"none": without, "detached": beside, "ratio": ratio}
            print(f"{backbone:9} {way:15} {without:8.4f} {beside:8.4f} ms a history  {ratio:5.2f} x", flush=True)
    Path(given.out).write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
