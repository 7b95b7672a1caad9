"""The command recbole-iacn itself."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow


def test_a_reader_who_has_enough_is_no_error(file):
    """As with ``| head``: what is read from has been closed."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-c", "from recbole_iacn.cli import main; main()", "experiment", str(file()), "--plan"]
    found = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    assert (found.returncode, found.stderr) == (1, "")
