"""What reaches the terminal of a training."""

import io
import logging
import sys

import pytest

from recbole_iacn.system.run_output import Notices, Output, brief_bar, current


@pytest.fixture
def log():
    """A logger of this package's, a foreign one, and what makes both print."""
    root, notices = logging.getLogger(), []

    def begin(console):
        notices.append(Notices(Output(console)))
        root.addHandler(notices[0])
        root.setLevel(logging.INFO)
        return logging.getLogger("recbole_iacn.data.labels"), root

    yield begin
    root.removeHandler(notices[0])


def test_a_warning_is_printed_once_and_of_the_infos_those_of_the_package(log, capsys):
    ours, others = log("table")
    for logger in (ours, others, ours):
        logger.warning("\x1b[1;33mage\x1b[0m is not read")
    others.info("239 lines of settings")
    ours.info("3 of 9 rows are not clicks")
    ours.debug("the layout is not known")
    printed = capsys.readouterr()
    assert printed.err == "warning: age is not read\n" and printed.out == "3 of 9 rows are not clicks\n"


def test_nothing_but_the_object_goes_to_standard_output_with_json(log, capsys):
    ours, _ = log("json")
    ours.info("3 of 9 rows are not clicks")
    Output("json").say("a row")
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err == "3 of 9 rows are not clicks\na row\n"


@pytest.mark.parametrize("console", [None, "log"])
def test_where_the_log_is_printed_nothing_is_said_twice(console, capsys):
    Output(console).say("a row")
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("console, terminal, bars", [("table", False, False), ("log", True, True), (None, False, True)])
def test_bars_are_for_terminals_and_for_notebooks(console, terminal, bars, monkeypatch):
    stream = io.StringIO()
    stream.isatty = lambda: terminal
    monkeypatch.setattr(sys, "stderr", stream)
    assert Output(console).shows_bars(True) is bars and not Output(console).shows_bars(False)


def test_a_bar_beside_the_table_is_removed_and_counts_from_one():
    def made(**given):
        return given

    plain = brief_bar(made, desc="Train     9")
    with Output("table").active():
        brief = brief_bar(made, desc="Train     9"), brief_bar(made, desc="Evaluate   ")
    assert plain == {"desc": "Train     9"} and current() == Output()
    assert brief == ({"desc": "Train    10", "leave": False}, {"desc": "Evaluate   ", "leave": False})


def test_what_is_written_lies_below_the_folder():
    assert Output().within("log") == "log" and Output(folder="runs/a").within("log") == "runs/a/log"
