"""One run of an experiment, in a folder of its own."""

import json
import os
from pathlib import Path

import pytest
from helpers import SHORT_RANKING

from recbole_iacn import building
from recbole_iacn.experiments.one_run import train
from recbole_iacn.experiments.plan import read_plan
from recbole_iacn.experiments.results import parse_result


def test_files_are_named_from_the_folder_of_the_command(file, monkeypatch):
    """The run itself works in another folder, in which RecBole leaves its files."""
    given = {}

    def build(model, dataset, config_dict):
        given.update(config_dict)
        assert Path.cwd() != before
        raise LookupError

    before = Path.cwd()
    monkeypatch.setattr(building, "build", build)
    settings = {"test_negatives_file": "own.tsv", "valid_negatives_file": os.path.abspath("valid.tsv")}
    with pytest.raises(LookupError):
        train(read_plan(file(settings=settings)).runs[0], "data")
    assert given["test_negatives_file"] == str(before / "own.tsv")
    assert given["valid_negatives_file"] == str(before / "valid.tsv") and Path.cwd() == before


def test_a_run_records_how_far_apart_interests_are_in_each_epoch(file, settings, data_path):
    own = settings(epochs=2, data_path=..., show_progress=..., state=..., seed=..., **SHORT_RANKING)
    own = {key: value for key, value in own.items() if value is not ...}
    plan = read_plan(file(models=["ComiRec"], settings=own, data_path=str(data_path)))
    result = train(plan.runs[0], str(data_path))
    assert parse_result(json.dumps(result)) == result
    for epoch in result["epochs"]:
        assert set(epoch["interests"]) == {"effective", "own", "cosine"}
        assert 1 <= epoch["interests"]["effective"] <= epoch["interests"]["own"] == 4
