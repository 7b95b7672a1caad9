"""Results of others are read as results, or are named as what they are not."""

import json

import pytest

from recbole_iacn.errors import ConfigError
from recbole_iacn.experiments.result_check import check_result
from recbole_iacn.experiments.store import read_results, restore_runs

RUN = {"dataset": "tiny", "model": "BPR", "mode": "", "sweep": {}, "seed": 1, "settings": {}, "test": {"auc": 0.5}}
RUN |= {"best": 0.5, "valid": {"auc": 0.5}, "epochs": [{"losses": {"main": 1.0}, "valid": 0.5, "seconds": 1.0}]}


def test_a_result_is_what_it_was():
    assert check_result(dict(RUN), "x", *RUN) == RUN
    assert check_result({"rate": 1}, "x") == {"rate": 1}
    with pytest.raises(ConfigError, match="its field test is missing"):
        check_result({"seed": 1}, "x", "seed", "test")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("dataset", 5), ("mode", None), ("sweep", []), ("seed", "1"), ("settings", None), ("test", {"auc": "x"})),
        *(("valid", [1]), ("epochs", [{"losses": {"main": "x"}}]), ("best", None), ("version", {}), ("peak_mb", "x")),
    ],
)
def test_a_field_of_another_kind_is_named(key, value):
    with pytest.raises(ConfigError, match=f"^x: not a run's result, its field {key} is missing or of another kind"):
        check_result({**RUN, key: value}, "x")


def test_names_stay_in_the_folder(tmp_path):
    (tmp_path / "one" / "results").mkdir(parents=True)
    file = tmp_path / "one" / "results" / "runs.jsonl"
    file.write_text(json.dumps({**RUN, "dataset": "../../outside"}) + "\n")
    with pytest.raises(
        ConfigError, match=r"^reuse: .*runs\.jsonl, line 1: run: '\.\./\.\./outside-BPR.* cannot be the name"
    ):
        restore_runs(file.parent)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [file]


def test_damaged_files_are_named(tmp_path):
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "a.json").write_text("[" * 100_000)
    with pytest.raises(ConfigError, match=r"a\.json: is damaged \(has too many lists"):
        read_results(tmp_path)
    (tmp_path / "plan.json").write_text('{"tiny": 5}')
    with pytest.raises(ConfigError, match=r"plan\.json: is damaged, it has no lists of runs"):
        read_results(tmp_path)
