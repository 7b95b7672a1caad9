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


def _flags(settings, **changes):
    given = settings(epochs=2, **changes)
    return ["--model=DIN_IaCN", "--dataset=tiny", *(f"--{key}={value}" for key, value in given.items())], given


def _tree():
    return sorted(str(path) for path in Path(".").rglob("*") if path.is_file())


@pytest.mark.slow
def test_the_table_has_the_figures_of_a_run_and_the_log_the_rest(settings, capfd, caplog):
    import recbole_iacn

    caplog.set_level("INFO")  # pytest's handlers make this process an application with a level of its own
    flags, given = _flags(settings, state="INFO")
    result = train.main(flags)
    printed = capfd.readouterr()
    library = recbole_iacn.run("DIN_IaCN", "tiny", config_dict={**given, "checkpoint_dir": "library"})
    assert result["test_result"] == library["test_result"]
    assert result["best_valid_result"] == library["best_valid_result"]
    lines = printed.out.splitlines()
    assert lines[0].startswith("DIN_IaCN on tiny: protocol leave_one_out_ctr, seed ")
    head = next(place for place, line in enumerate(lines) if line.split()[:1] == ["epoch"])
    rows = {line.split()[0]: line.split() for line in lines[head + 1 :]}
    assert {"1", "2"} <= set(rows) and f"best epoch {result['best_epoch']} of 2" in lines
    assert rows["auc"][1:] == [f"{result[part]['auc']:.4f}" for part in ("best_valid_result", "test_result")]
    assert rows["checkpoint"][1] == result["checkpoint"] and rows["log"][1] == result["files"]["log"]
    # The settings, the model and RecBole's lines are in the log file alone; warnings are printed, each once.
    log = Path(rows["log"][1]).read_text()
    assert "train_batch_size = " in log and "epoch 0 training" in log and "test result" in log
    assert "train_batch_size" not in printed.out + printed.err and "INFO" not in printed.err
    warnings = [line.removeprefix("warning: ") for line in printed.err.splitlines()]
    assert warnings and len(set(warnings)) == len(warnings) and "it/s" not in printed.err
    assert all(line in log for line in warnings)


@pytest.mark.slow
def test_json_is_all_there_is_on_standard_output(settings, capfd):
    import json

    result = train.main([*_flags(settings)[0], "--json", "--bundle=model"])
    found = json.loads(capfd.readouterr().out)
    assert found["test"] == result["test_result"] and found["valid"] == result["best_valid_result"]
    assert found["files"] == {
        "checkpoint": result["checkpoint"],
        "bundle": "model",
        "log": result["files"]["log"],
    }
    assert found["best_epoch"] == result["best_epoch"] in (1, 2) and found["seconds"] > 0


@pytest.mark.slow
def test_everything_that_is_written_lies_below_out_and_is_said(settings, capfd):
    flags, _ = _flags(settings, log_tensorboard=True)
    result = train.main([*flags, "--out=runs/a"])
    files = result["files"]
    curves = [str(path) for path in Path(files["log_tensorboard"]).rglob("*") if path.is_file()]
    assert curves and _tree() == sorted([files["checkpoint"], files["log"], *curves])
    assert all(path.startswith("runs/a/") for path in _tree())
    said = capfd.readouterr().out
    assert all(path in said for path in files.values())
    # It goes on from there, writes to the same checkpoint, and its log lies below --out.
    rest = [flag for flag in flags if not flag.startswith("--epochs=")]
    on = train.main([*rest, "--epochs=3", f"--resume={files['checkpoint']}", "--out=runs/b"])
    assert on["checkpoint"] == files["checkpoint"] and on["files"]["log"].startswith("runs/b/log/")


@pytest.mark.slow
def test_what_a_first_stage_writes_is_said(settings, capfd):
    given = settings(epochs=1, mlp_hidden_size=..., topk=[5], eval_negatives=20)
    flags = [f"--{key}={value}" for key, value in given.items() if value is not ...]
    result = train.main(["--model=TiMiRec", "--dataset=tiny", *flags])
    stem = result["checkpoint"].removesuffix(".pth")
    assert result["files"]["other"] == [f"{stem}-extractor.pth"]
    assert _tree() == sorted([result["files"]["log"], result["checkpoint"], f"{stem}-extractor.pth"])
    assert f"{stem}-extractor.pth" in capfd.readouterr().out


def test_out_and_checkpoint_dir_are_one_too_many(settings, capsys):
    flags, _ = _flags(settings, checkpoint_dir="there")
    with pytest.raises(SystemExit) as ended:
        train.main([*flags, "--out=runs"])
    assert ended.value.code == 2 and not Path("runs").exists()
    assert capsys.readouterr().err.startswith("error: out, checkpoint_dir (--out): both say where checkpoints lie")
    Path("file").write_text("")
    with pytest.raises(SystemExit):
        train.main([*_flags(settings)[0], "--out=file"])
    assert "file" in (error := capsys.readouterr().err) and "name another folder (--out)" in error


@pytest.mark.slow
def test_verbose_prints_the_log_as_run_does(settings):
    """In a process of its own: pytest has handlers, where RecBole's would not be added."""
    import subprocess
    import sys

    flags, _ = _flags(settings, state="INFO")
    command = [sys.executable, "-m", "recbole_iacn_command", "train", *flags, "--verbose"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "train_batch_size = " in done.stderr.replace("\x1b", "") and "test result" in done.stderr
    assert "epoch" not in done.stdout and "checkpoint" in done.stdout and "it/s" not in done.stderr
