"""What is said of a wrong argument is one line that can be read."""

import pytest

from recbole_iacn import cli


@pytest.mark.parametrize("value", ["a" * 5_000, "a\nb\x1b[31m", "\udcff"])
@pytest.mark.parametrize(
    "command", [["prepare", "amazon", "--memory"], ["serve", "x", "--port"], ["train", "--nproc"], ["report", "x"]]
)
def test_a_wrong_value_is_one_line(command, value, capsys):
    with pytest.raises(SystemExit, match="2"):
        cli.main([*command, value])
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.endswith(" --help\n")
    assert error[:-1].isprintable() and len(error) < 1_400


@pytest.mark.parametrize(
    ("command", "error"),
    [
        ("report", "the following arguments are required: folder. See recbole-iacn report --help"),
        ("serve b --port x", "--port: invalid int value: 'x'. See recbole-iacn serve --help"),
        ("train --nproc x", "--nproc: invalid int value: 'x'. See recbole-iacn train --help"),
        (
            "report f --picture",
            "--picture: there is no such option. Did you mean --pictures? See recbole-iacn report --help\n",
        ),
        (
            "report --picture=x",
            "--picture: there is no such option. Did you mean --pictures? See",
        ),  # and none is missing
        ("recommend b --event e.csv", "--event: there is no such option. Did you mean --events? See"),
        ("report f g", "'g': there is one argument too many. See recbole-iacn report --help\n"),
        ("report f g h", "'g': there are 2 arguments too many. See"),
        ("report f -", "'-': there is one argument too many. See"),
        ("report f -- --x", "'--x': there is one argument too many. See"),
        ("report f -1", "'-1': there is one argument too many. See"),
        ("serve b --zzz=secret", "--zzz: there is no such option. See recbole-iacn serve --help\n"),
        ("serve b --zzz secret", "--zzz: there is no such option. See recbole-iacn serve --help\n"),
        ("serve b -tsecret", "-t: there is no such option. See recbole-iacn serve --help\n"),
        ("--zzz", "--zzz: there is no such option. See recbole-iacn --help\n"),
        ("--versoin", "--versoin: there is no such option. Did you mean --version? See recbole-iacn --help\n"),
        ("--zzz 80 serve b", "--zzz: there is no such option. See recbole-iacn --help\n"),
        ("--port 80 serve b", "--port: write it after serve, not before. See recbole-iacn serve --help\n"),
        ("--epochs 2 train", "--epochs: write it after train, not before. See recbole-iacn train --help\n"),
        ("--jobs serve experiment e", "--jobs: write it after experiment, not before. See recbole-iacn experiment"),
        ("--pictures report score", "--pictures: write it after report, not before. See recbole-iacn report --help\n"),
        ("--json x report f", "--json: there is no such option"),
        (
            "--dataset a prepare rows",
            "--dataset: write it after rows, not before. See recbole-iacn prepare rows --help\n",
        ),
        ("prepare --dataset a rows", "--dataset: write it after rows, not before."),
        ("prepare --zzz rows --dataset a", "--zzz: there is no such option. See recbole-iacn prepare --help\n"),
        ("prepare tabel", "COMMAND: invalid choice: 'tabel'"),
    ],
)
def test_a_wrong_argument_is_named_in_one_line(command, error, capsys):
    with pytest.raises(SystemExit, match="2"):
        cli.main(command.split())
    assert capsys.readouterr().err.startswith(f"error: {error}")


def test_a_path_that_is_too_long_for_the_disk_is_one_line(tmp_path, capsys):
    path = tmp_path / "plan.yaml"
    path.write_text(f"datasets: [tiny]\nmodels: [WideDeep]\nseeds: [1]\ndata_path: {'a' * 5_000}\n")
    with pytest.raises(SystemExit, match="2"):
        cli.main(["experiment", str(path), "--plan"])
    error = capsys.readouterr().err
    assert error.startswith("error: aaa") and error.count("\n") == 1 and len(error) < 1_400
    assert error.endswith("File name too long\n")


@pytest.mark.parametrize("command", ["report --zzz --help", "serve b -x -h", "--zzz --help"])
def test_help_is_shown_beside_a_wrong_option(command, capsys):
    with pytest.raises(SystemExit, match="0"):
        cli.main(command.split())
    assert capsys.readouterr().out.startswith("usage: recbole-iacn")


def test_a_value_may_look_like_a_negative_number(tmp_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        cli.main(["serve", "b", "--max-k", "-5"])
    assert capsys.readouterr().err == "error: max_k: must be a number above 0, got -5\n"
