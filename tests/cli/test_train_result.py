"""The result that recbole-iacn train prints."""

import json

import numpy as np

from recbole_iacn.cli.train_result import as_json, as_text

RESULT = {
    "best_valid_result": {"auc": 0.7, "logloss": np.float64(0.5)},
    "test_result": {"auc": 0.6, "logloss": float("nan")},
    **{"seed": 7, "valid_metric": "auc", "decimals": 4, "best_epoch": 2, "last_epoch": 3, "seconds": 1.5},
    "files": {"checkpoint": "saved/a.pth", "log": "log/a.log", "other": ["saved/b.pth", "saved/c.pth"]},
    "model": object(),
}


def test_metrics_side_by_side_then_the_files():
    rows = [line.split() for line in as_text(RESULT).splitlines()]
    assert rows[:3] == [["valid", "test"], ["auc", "0.7000", "0.6000"], ["logloss", "0.5000", "nan"]]
    assert rows[3:] == [
        ["checkpoint", "saved/a.pth"],
        ["log", "log/a.log"],
        ["other", "saved/b.pth"],
        ["other", "saved/c.pth"],
    ]


def test_without_validation_there_is_one_column():
    rows = [line.split() for line in as_text({**RESULT, "best_valid_result": None}).splitlines()]
    assert rows[:2] == [["test"], ["auc", "0.6000"]]


def test_json_is_one_line_and_has_no_nan():
    text = as_json("DIN", "shop", RESULT)
    found = json.loads(text, parse_constant=lambda name: name)
    assert "\n" not in text and found["test"] == {"auc": 0.6, "logloss": None}
    assert found["valid"] == {"auc": 0.7, "logloss": 0.5} and found["files"] == RESULT["files"]
    assert [found[key] for key in ("model", "dataset", "seed", "best_epoch", "seconds")] == ["DIN", "shop", 7, 2, 1.5]
