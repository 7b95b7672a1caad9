"""What argparse says of a wrong argument is one line that can be read."""

import pytest

from recbole_iacn import cli


@pytest.mark.parametrize("value", ["a" * 5_000, "a\nb\x1b[31m", "\udcff"])
@pytest.mark.parametrize(
    "command", [["prepare", "amazon", "--memory"], ["serve", "x", "--port"], ["train", "--nproc"], ["report", "x"]]
)
def test_a_wrong_value_is_one_line(command, value, capsys):
    with pytest.raises(SystemExit, match="2"):
        cli.main([*command, value])
    usage, _, error = capsys.readouterr().err.partition(": error: ")
    assert usage.startswith("usage: ") and error.endswith("\n")
    assert error[:-1].isprintable() and 0 < len(error) < 1_400
