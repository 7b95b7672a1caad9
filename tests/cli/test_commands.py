"""The command recbole-iacn itself."""

import contextlib
import os
import subprocess
import sys

import pytest

import recbole_iacn
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


def test_a_misspelt_command_is_one_line(capsys):
    with pytest.raises(SystemExit) as ended:
        commands.main(["tarin", "--model=DIN"])
    error = "error: tarin: there is no such command. Did you mean 'train', 'explain'? See recbole-iacn --help\n"
    assert ended.value.code == 2 and capsys.readouterr().err == error


def test_help_imports_nothing_heavy():
    """Nor does a command's own: it imports its arguments' module alone."""
    code = """
import sys
from recbole_iacn.cli import commands
for arguments in ([], ["recommend"], ["prepare", "rows"], ["serve"]):
    try:
        commands.main([*arguments, "--help"])
    except SystemExit:
        pass
print([name for name in ("pydantic", "torch", "numpy", "yaml", "tqdm", "recbole") if name in sys.modules])
print(sorted(name.rpartition(".")[2] for name in sys.modules if name.startswith("recbole_iacn.cli.")))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    *_, heavy, own = done.stdout.splitlines()
    assert heavy == "[]", done.stdout
    assert own == str(
        sorted(
            ["answered", "commands", "data", "own_modules", "parser", "prepare_rows", "prepared", "recommend", "serve"]
        )
    )
    assert "--k" in done.stdout and "print the first users' rows" in done.stdout


def test_a_command_line_has_the_arguments_of_its_command():
    """And the others are known by name; without a command line, all have theirs."""
    whole, one = commands.parser(), commands.parser(["recommend", "--help"])
    for parser, others in ((whole, True), (one, False)):
        of_command = parser._subparsers._group_actions[0].choices
        assert list(of_command) == [command.name for command in commands.COMMANDS]
        assert "--k" in of_command["recommend"].format_help()
        assert ("--port" in of_command["serve"].format_help()) is others
        assert of_command["serve"].description == "answer requests over HTTP with a bundle's model."


def test_the_version_imports_nothing_heavy():
    code = """
import sys
from recbole_iacn.cli import commands
try:
    commands.main(["--version"])
except SystemExit as ended:
    assert not ended.code
print([name for name in ("pydantic", "torch", "numpy", "yaml", "tqdm", "recbole") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == f"recbole_iacn {recbole_iacn.__version__}\n[]\n", done.stderr
