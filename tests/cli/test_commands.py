"""The command recbole-iacn itself."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow


def test_a_closed_pipe_gives_no_error(file):
    """As with ``| head``, the reader has closed the pipe."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-c", "from recbole_iacn.cli import main; main()", "experiment", str(file()), "--plan"]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")
