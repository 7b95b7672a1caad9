"""Train DIN and DIN_IaCN on RecBole's built-in ml-100k under the paper's protocol, and print one table.

    make demo            (or: python examples/demo.py [epochs])

Both models use the same rows, the same fixed test negatives and the same settings. All files are written below demo/.
"""

import logging
import sys
import time
from pathlib import Path

import torch

import recbole_iacn
from recbole_iacn.system import interrupts

FOLDER = Path("demo")
SETTINGS = {
    "protocol": "leave_one_out_ctr",
    "MAX_ITEM_LIST_LENGTH": 20,
    "embedding_size": 16,
    "mlp_hidden_size": [80, 40],
    "load_col": {"inter": ["user_id", "item_id", "timestamp"], "item": ["item_id", "release_year", "class"]},
    "stopping_step": 2,
    "checkpoint_dir": str(FOLDER / "saved"),
}


def train(model, settings):
    """Train and test a model, and return a row of the table."""
    log = FOLDER / f"{model}.log"
    logging.basicConfig(filename=log, filemode="w", level=logging.INFO, format="%(asctime)s %(message)s", force=True)
    training = recbole_iacn.build(model, "ml-100k", config_dict=settings)
    start = time.perf_counter()
    training.fit(show_progress=True)
    result = training.test()
    seconds = time.perf_counter() - start
    return f"{model:10}{result['auc']:8.4f}{result['logloss']:9.4f}{seconds:9.0f}   {training.checkpoint:44} {log}"


def main():
    epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    # The matrix products are small: a second thread gains little, and costs much if another process is busy.
    torch.set_num_threads(1)
    FOLDER.mkdir(exist_ok=True)
    rows = []
    for model in ("DIN", "DIN_IaCN"):
        print(f"Training {model}, at most {epochs} epochs", file=sys.stderr)
        rows.append(train(model, {**SETTINGS, "epochs": epochs}))
    print("\nml-100k, test on each user's last film against one fixed film that the user has not seen\n")
    print(f"{'model':10}{'AUC':>8}{'LogLoss':>9}{'seconds':>9}   {'checkpoint':44} log")
    print("\n".join(rows))


if __name__ == "__main__":
    with interrupts.ending_with_a_line(own=True):  # Ctrl-C is one line
        main()
