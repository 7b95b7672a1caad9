"""What the commands of ``faults/interrupts.py`` read: small tables, a dataset, a trained model, results of runs."""

import gzip
import json
import random
import shutil
from pathlib import Path


def with_model(folder: Path) -> None:
    """Write all of it into an empty folder."""
    with_tables(folder)
    _trained(folder)
    _results(folder / "results" / "runs")


def with_tables(folder: Path) -> None:
    """Write what needs no training."""
    source = random.Random(0)
    events = [
        (f"u{source.randrange(200)}", f"i{source.randrange(40)}", 1_600_000_000 + source.randrange(10**7))
        for _ in range(4000)
    ]
    _csv(folder / "events.csv", "user_id,item_id,timestamp", events)
    _csv(folder / "items.csv", "item_id,brand", [(f"i{k}", f"b{k % 7}") for k in range(40)])
    reviews = (
        json.dumps({"reviewerID": user, "asin": item, "overall": 5.0, "unixReviewTime": time})
        for user, item, time in events
    )
    (folder / "reviews.json.gz").write_bytes(gzip.compress("\n".join(reviews).encode()))
    meta = "".join(f"{{'asin': 'i{k}', 'categories': [['all', 'c{k % 5}']]}}\n" for k in range(40))
    (folder / "meta.json").write_text(meta)
    lines = (f"u{user} " + " ".join(f"i{source.randrange(300)}" for _ in range(20)) for user in range(3000))
    (folder / "sequences.txt").write_text("\n".join(lines) + "\n")
    (folder / "attributes.json").write_text(json.dumps({f"i{k}": [f"c{k % 9}"] for k in range(300)}))


def _csv(path, header, rows):
    path.write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n")


def _trained(folder):
    from helpers import write_atomic

    import recbole_iacn

    data = write_atomic(folder / "data")
    load = "load_col: {inter: [user_id, item_id, timestamp], item: [item_id, categories], user: [user_id, age]}\n"
    (data / "tiny" / "tiny.yaml").write_text(load)
    settings = {"data_path": str(data), "mlp_hidden_size": [8], "embedding_size": 8, "epochs": 1, "state": "ERROR"}
    settings |= {"show_progress": False, "checkpoint_dir": str(folder / "saved")}
    training = recbole_iacn.build("DIN_IaCN", "tiny", [str(data / "tiny" / "tiny.yaml")], settings)
    training.fit()
    training.save(str(folder / "bundle"))
    training.save_checkpoint(str(folder / "checkpoint.pth"))
    shutil.rmtree(folder / "saved")


def _results(runs):
    from made_runs import result, store

    for seed in (1, 2, 3):
        for mode in ("off", "width", "full"):
            store(runs.parent, result(mode=mode, seed=seed, auc=0.7 + 0.01 * seed))
