"""The command recbole-iacn train finds the settings that lie beside the data, and says so."""

from pathlib import Path

import pytest
import yaml

from recbole_iacn import quick_start
from recbole_iacn.cli import train


@pytest.fixture
def calls(monkeypatch):
    """What the command passes to run, which does nothing."""
    passed = []
    monkeypatch.setattr(quick_start, "run", lambda **given: passed.append(given))
    folder = Path("dataset", "shop")
    folder.mkdir(parents=True)
    (folder / "shop.yaml").write_text("epochs: 3\n")
    return passed


def test_the_settings_beside_the_data_are_read_and_reported(calls, capsys):
    Path("mine.yaml").write_text("epochs: 4\n")
    train.main(["--dataset=shop", "--config_files=mine.yaml", "--seed=1"])
    assert calls[0]["config_file_list"] == ["dataset/shop/shop.yaml", "mine.yaml"]
    assert calls[0]["config_dict"] == {"seed": "1"}
    said = capsys.readouterr().out
    assert said.count("\n") == 1 and "settings of dataset/shop/shop.yaml are read" in said


@pytest.mark.parametrize(
    "flags", [["--no_dataset_yaml"], ["--data_path=nowhere"], ["--config_files=dataset/shop/shop.yaml"]]
)
def test_nothing_is_said_where_nothing_is_found(calls, capsys, flags):
    train.main(["--dataset=shop", *flags])
    given = [flag.partition("=")[2] for flag in flags if flag.startswith("--config_files")]
    assert calls[0]["config_file_list"] == given and capsys.readouterr().out == ""


def test_where_a_training_begins_is_passed_on(calls):
    train.main(["--dataset=shop", "--from=yesterday", "--new_rows=fresh"])
    train.main(["--dataset=shop", "--resume", "saved/DIN.pth"])
    begins = [{key: call[key] for key in ("resume", "start_from", "new_rows")} for call in calls]
    assert begins == [
        {"resume": None, "start_from": "yesterday", "new_rows": "fresh"},
        {"resume": "saved/DIN.pth", "start_from": None, "new_rows": None},
    ]


def test_one_of_several_processes_reports(calls, capsys, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    train.main(["--dataset=shop"])
    assert len(calls[0]["config_file_list"]) == 1 and capsys.readouterr().out == ""


def test_an_error_names_the_file(data_path, capsys):
    folder = Path("dataset", "tiny")
    folder.mkdir(parents=True)
    for path in (data_path / "tiny").iterdir():
        (folder / path.name).write_text(path.read_text())
    own = folder / "tiny.yaml"
    own.write_text("load_col: {inter: [user_id, item_id, timestamp]}\nepochs: 0\n")
    with pytest.raises(SystemExit) as ended:
        train.main(["--dataset=tiny", "--model=DIN"])
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert error == "error: epochs: must be an integer >= 1, got 0 (epochs is set in dataset/tiny/tiny.yaml)\n"
    with pytest.raises(SystemExit):
        train.main(["--dataset=tiny", "--model=DIN", "--epochs=-1"])
    assert capsys.readouterr().err == "error: epochs: must be an integer >= 1, got -1\n"
    own.write_text("load_col: {inter: [user_id, item_id, timestmp]}\n")
    with pytest.raises(SystemExit):
        train.main(["--dataset=tiny", "--model=DIN"])
    assert "'timestmp'" in (error := capsys.readouterr().err) and error.endswith("is set in dataset/tiny/tiny.yaml)\n")


@pytest.mark.slow
def test_an_interrupted_training_names_what_resumes_it(settings, monkeypatch, capsys):
    from recbole_iacn.training.trainer import IaCNTrainer

    Path("mine.yaml").write_text(yaml.safe_dump(settings(epochs=3)))
    train_epoch = IaCNTrainer._train_epoch

    def interrupted(trainer, data, epoch, *args, **kwargs):
        if epoch == 1:
            raise KeyboardInterrupt
        return train_epoch(trainer, data, epoch, *args, **kwargs)

    flags = ["--model=DIN_IaCN", "--dataset=tiny", "--config_files=mine.yaml"]
    with monkeypatch.context() as patched, pytest.raises(SystemExit) as ended:
        patched.setattr(IaCNTrainer, "_train_epoch", interrupted)
        train.main(flags)
    said = capsys.readouterr().err.splitlines()[-1]
    assert ended.value.code == 130 and said.startswith("interrupted; --resume=")
    assert said.endswith(" goes on after the best epoch")
    assert train.main([*flags, said.split()[1]])["checkpoint"] == said.split()[1].removeprefix("--resume=")
