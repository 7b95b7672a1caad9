"""Commands that are interrupted: one line, no process, and the same command goes on to the same figures."""

import os
import signal
import time

import psutil
import pytest
from faults import short_trainings

from recbole_iacn.experiments.plan import read_plan
from recbole_iacn.experiments.store import result_path


@pytest.fixture
def begun(tmp_path):
    """An experiment of two runs that take an hour, of which two are under way."""
    file = short_trainings.write_file(tmp_path, seeds=[1], settings={"embedding_size": 900_000})
    process = short_trainings.start(tmp_path, ["experiment", file, "--out", "out", "--jobs", "2"], tmp_path / "tmp")
    process.stdout.readline()
    logs = [result_path(tmp_path / "out" / "trial", run).with_suffix(".log") for run in read_plan(file).runs]
    while not all(log.exists() for log in logs):
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    yield process
    process.kill()
    process.communicate()


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_an_interrupted_experiment_leaves_no_process_and_no_file(begun, tmp_path, number, code):
    children = psutil.Process(begun.pid).children(recursive=True)
    (os.killpg if number == signal.SIGINT else os.kill)(begun.pid, number)
    _, errors = begun.communicate(timeout=60)
    assert begun.returncode == code and psutil.wait_procs(children, timeout=20)[1] == []
    if number == signal.SIGKILL:
        return
    last = errors.replace("\r", "\n").strip().rpartition("\n")[2]
    assert last == "interrupted; out/trial has 0 of 2 runs; the same command goes on" and "Traceback" not in errors
    assert os.listdir(tmp_path / "tmp") == os.listdir(tmp_path / "out" / "trial" / "runs") == []


@pytest.mark.slow
def test_what_a_kill_has_left_is_removed_by_the_next_command(begun, tmp_path):
    begun.kill()
    begun.communicate()
    assert any((tmp_path / "tmp").iterdir()) and any((tmp_path / "out" / "trial" / "runs").glob("*.log"))
    file = short_trainings.write_file(tmp_path, seeds=[1])
    process = short_trainings.start(tmp_path, ["experiment", file, "--out", "out"], tmp_path / "tmp")
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    runs = read_plan(file).runs
    assert sorted(os.listdir(tmp_path / "out" / "trial" / "runs")) == sorted(f"{run.id}.json" for run in runs)
    assert os.listdir(tmp_path / "tmp") == [] and os.listdir(tmp_path / "out") == ["trial"]
