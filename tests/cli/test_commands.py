"""The command recbole-iacn itself."""

import contextlib
import os
import subprocess
import sys

import pytest

from recbole_iacn.cli import commands

pytestmark = pytest.mark.slow


def test_a_closed_pipe_gives_no_error(file):
    """As with ``| head``, the reader has closed the pipe."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-c", "from recbole_iacn.cli import main; main()", "experiment", str(file()), "--plan"]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="the system has no disk that is always full")
def test_an_output_that_cannot_be_written_is_one_line(monkeypatch, capsys):
    monkeypatch.setattr(commands, "_run", lambda arguments: print("a line"))
    full = open("/dev/full", "w")  # noqa: SIM115  (closing it fails)
    monkeypatch.setattr(sys, "stdout", full)
    with pytest.raises(SystemExit) as ended:
        commands.main(["doctor"])
    with contextlib.suppress(OSError):
        full.close()
    assert ended.value.code == 2 and capsys.readouterr().err == "error: No space left on device\n"
    monkeypatch.setattr(sys, "stdout", None)  # closed by whoever started the command
    commands.main(["doctor"])
