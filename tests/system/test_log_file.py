"""A log file that a full disk ends."""

import logging
import os

import pytest

from recbole_iacn.system.log_file import outlast


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="the system has no disk that is always full")
def test_a_full_disk_ends_the_log_and_nothing_else(tmp_path, caplog, capsys):
    log = logging.getLogger("full")
    log.propagate = False
    (tmp_path / "run.log").symlink_to("/dev/full")
    handler = logging.FileHandler(tmp_path / "run.log")
    outlast(handler)
    log.addHandler(handler)
    try:
        for number in range(3):
            log.warning("line %d", number)
    finally:
        log.removeHandler(handler)
    (said,) = caplog.messages
    assert said.startswith(f"{tmp_path / 'run.log'}: cannot be written (No space left on device, ")
    assert said.endswith("); the log ends here, and the work goes on")
    assert "Traceback" not in capsys.readouterr().err


def test_other_errors_of_a_line_are_told_as_before(tmp_path, capsys):
    handler = logging.FileHandler(tmp_path / "run.log")
    outlast(handler)
    handler.handle(logging.LogRecord("x", logging.WARNING, "", 0, "%d", ("no number",), None))
    handler.handle(logging.LogRecord("x", logging.WARNING, "", 0, "goes on", (), None))
    handler.close()
    assert "TypeError" in capsys.readouterr().err and (tmp_path / "run.log").read_text() == "goes on\n"
