"""The commands bundle and train --bundle, as a user types them."""

import json
from pathlib import Path

import pytest
import torch

import recbole_iacn
from recbole_iacn import cli
from recbole_iacn.bundle.folder import Bundle


@pytest.fixture
def flags(settings):
    """A training of one epoch on the tiny data."""
    given = {**settings(epochs=1), "state": "ERROR"}
    return ["train", "--dataset=tiny", *(f"--{key}={value}" for key, value in given.items())]


def stopped(arguments, capsys):
    """The one line on which a command ends."""
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    printed = capsys.readouterr()
    assert ended.value.code == 2 and printed.err.startswith("error: ") and printed.err.count("\n") == 1
    return printed.err.removeprefix("error: ")


@pytest.mark.slow
def test_a_training_writes_a_bundle_of_its_best_epoch(flags, tmp_path, capsys):
    cli.main([*flags, "--model=MIND", "--bundle=models/shop"])
    (checkpoint,) = Path("saved").glob("*.pth")
    weights = torch.load(checkpoint, weights_only=True)["state_dict"]
    bundle = Bundle.read("models/shop")
    assert all(torch.equal(value, weights[name]) for name, value in bundle.weights.items())
    # The same by the other command.
    capsys.readouterr()
    cli.main(["bundle", str(checkpoint), "--out=other"])
    assert capsys.readouterr().out.endswith("other\n")
    files = json.loads(Path("models/shop/manifest.json").read_text())["files"]
    assert json.loads(Path("other/manifest.json").read_text())["files"] == files
    # It is replaced only where that is asked for.
    assert "models/shop: exists already" in stopped([*flags, "--model=MIND", "--bundle=models/shop"], capsys)
    cli.main([*flags, "--model=YouTubeDNN", "--bundle=models/shop", "--overwrite"])
    assert Bundle.read("models/shop").manifest["model"] == "YouTubeDNN"


@pytest.mark.parametrize(
    "more, message",
    [
        (["--bundle=there"], "there: exists already; name another folder"),
        (["--bundle=there", "--overwrite"], "there: is not a bundle, so it is not replaced"),
        (["--bundle=file/model"], "file/model: cannot be written (file is a file); name another folder"),
        (["--overwrite"], "overwrite: replaces a bundle, and none is written; name its folder by bundle (--bundle)"),
    ],
)
def test_the_place_is_checked_before_any_work(flags, tmp_path, capsys, monkeypatch, more, message):
    monkeypatch.setattr("recbole_iacn.quick_start.assemble", lambda *given, **more: pytest.fail("data were read"))
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "mine.txt").write_text("mine")
    (tmp_path / "file").write_text("")
    assert message in stopped([*flags, "--model=MIND", *more], capsys)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "there"]


def test_several_processes_check_the_place_before_they_start(settings, tmp_path, monkeypatch):
    monkeypatch.setattr("recbole_iacn.quick_start._spawn", lambda *given: pytest.fail("processes were started"))
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "mine.txt").write_text("mine")
    with pytest.raises(recbole_iacn.ConfigError, match="there: exists already"):
        recbole_iacn.run("MIND", "tiny", config_dict=settings(), nproc=2, bundle="there")


@pytest.mark.parametrize("arguments", [["none.pth"], ["none.pth", "--trust"]])
def test_a_missing_checkpoint_is_one_line(capsys, arguments):
    assert stopped(["bundle", *arguments, "--out=made"], capsys).startswith("none.pth: no such file; give a checkpoint")
