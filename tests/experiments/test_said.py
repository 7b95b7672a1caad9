"""What runs say is kept with the result and printed once: no line breaks the progress bar, and none is lost."""

import json
import logging

import pytest
from helpers import SHORT_RANKING

from recbole_iacn.cli import main
from recbole_iacn.experiments.said import Said, collected, unheard


def test_warnings_are_kept_each_once_and_not_printed(capfd, monkeypatch):
    own, other = logging.getLogger("recbole_iacn.some"), logging.getLogger("another")
    monkeypatch.setattr(logging.getLogger(), "handlers", [logging.StreamHandler()])  # without those that runs have left
    with collected() as lines:
        own.warning("dropped %d rows", 3)
        own.warning("dropped 3 rows")
        own.info("no warning")
        own.error("worse")
    own.warning("afterwards")
    other.warning("of others")
    assert list(lines) == ["dropped 3 rows", "worse"]
    assert capfd.readouterr().err == "afterwards\nof others\n"


def test_what_a_training_that_goes_on_warns_of_is_no_part_of_its_result():
    logger = logging.getLogger("recbole_iacn.some")
    with collected() as lines:
        with unheard():
            logger.warning("this training is finished")
        logger.warning("dropped 3 rows")
    assert list(lines) == ["dropped 3 rows"]


def test_the_logger_is_as_it_was_after_an_error():
    logger = logging.getLogger("recbole_iacn")
    before = logger.level, logger.propagate, list(logger.handlers)
    with pytest.raises(ZeroDivisionError), collected():
        1 / 0  # noqa: B018
    assert (logger.level, logger.propagate, logger.handlers) == before


def test_lines_of_runs_are_counted_but_for_those_of_the_plan():
    said = Said()
    assert said.lines() == []
    said.add({"warnings": ["a"]})
    assert said.lines() == ["a (1 of 1 run)"]
    said = Said("trial")
    for warnings in (["a", "b"], ["b", "Settings without effect: x"], None):
        said.add({} if warnings is None else {"warnings": warnings})
    assert said.lines() == ["a (1 of 3 trials)", "b (2 of 3 trials)"]


def test_an_experiment_says_once_what_its_runs_do_not_read(file, settings, data_path, tmp_path, capsys):
    own = settings(epochs=1, data_path=..., show_progress=..., state=..., seed=..., **SHORT_RANKING)
    load = {"inter": ["user_id", "item_id", "timestamp"], "item": ["item_id", "categories"]}
    own = {key: value for key, value in {**own, "load_col": load}.items() if value is not ...}
    path = file(models=["MIND"], settings=own, data_path=str(data_path))
    main(["experiment", str(path), "--out", str(tmp_path / "out")])
    lines = [line for line in capsys.readouterr().err.splitlines() if "does not read" in line]
    assert lines == ["MIND does not read categories (item) (2 of 2 runs)"]
    results = [json.loads(one.read_text()) for one in (tmp_path / "out" / "trial" / "runs").glob("*.json")]
    assert [one["warnings"] for one in results] == [["MIND does not read categories (item)"]] * 2
