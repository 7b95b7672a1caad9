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


def test_a_path_that_is_too_long_for_the_disk_is_one_line(tmp_path, capsys):
    path = tmp_path / "plan.yaml"
    path.write_text(f"datasets: [tiny]\nmodels: [WideDeep]\nseeds: [1]\ndata_path: {'a' * 5_000}\n")
    with pytest.raises(SystemExit, match="2"):
        cli.main(["experiment", str(path), "--plan"])
    error = capsys.readouterr().err
    assert error.startswith("error: aaa") and error.count("\n") == 1 and len(error) < 1_400
    assert error.endswith("File name too long\n")
