"""One run of an experiment, in a folder of its own."""

import os
from pathlib import Path

import pytest

from recbole_iacn import building
from recbole_iacn.experiments.one_run import train
from recbole_iacn.experiments.plan import read_plan


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
