"""Trainings that begin at the same moment, and two commands for one folder."""

import json
import random
import re
import subprocess
import sys
import threading
import time

from helpers import write_atomic

from faults.cases import case
from faults.resumed import settings
from recbole_iacn.system import leftovers

# RecBole's own function, at a moment that all are told, with a clock that stands still.
_STOCK = """
import datetime, json, sys, time
import recbole_iacn, recbole.quick_start
from recbole.utils import utils
from recbole_iacn.system import unique_names
class Frozen(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2026, 11, 26, 6, 20, 18)
utils.datetime.datetime = unique_names.datetime = Frozen
name, given = json.loads(sys.argv[1])
sys.argv[1:] = []
print("ready", flush=True)
sys.stdin.readline()
result = recbole.quick_start.run_recbole(name, "tiny", config_dict=given)
print(json.dumps([float(result["best_valid_score"]), {k: float(v) for k, v in result["test_result"].items()}]))
"""


def _together(folder, runs):
    """Results of processes that begin together, in their order."""
    processes = []
    for run in runs:
        command = [sys.executable, "-c", _STOCK, json.dumps(run)]
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        processes.append(subprocess.Popen(command, cwd=folder, text=True, **pipes))
    for process in processes:
        assert process.stdout.readline() == "ready\n", process.communicate()[1][-2000:]
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    found = []
    for process in processes:
        out, errors = process.communicate()
        assert process.returncode == 0, errors[-2000:]
        found.append(json.loads(out.splitlines()[-1]))
    return found


@case(
    "same moment", "two trainings in two processes, in one second: each its own figures", 20, quick=False, seconds=600
)
def two_processes(folder, seed):
    write_atomic(folder, "tiny")
    name = ("DIN", "DIN_IaCN")[seed % 2]
    changes = {"data_path": str(folder), "epochs": 2}
    changes |= {} if name == "DIN_IaCN" else {"eval_args": None, "protocol": "leave_one_out_ctr"}
    runs = [[name, {**settings(name, seed, **changes), "learning_rate": rate}] for rate in (0.001, 0.05)]
    runs = [[name, {key: value for key, value in given.items() if value is not None}] for name, given in runs]
    together = _together(folder, runs)
    alone = [_together(folder, [run])[0] for run in runs]
    assert together == alone, (together, alone)
    files = [path.name for path in (folder / "saved").iterdir()]
    pattern = rf"{name}-tiny-20261126-062018-[0-9a-f]{{8}}\.pth"
    assert len(files) == 4 and all(re.fullmatch(pattern, file) for file in files), files


@case(
    "same moment",
    "two trainings in two threads, in one second: each its own figures",
    tries=20,
    quick=False,
    seconds=300,
)
def two_threads(folder, seed):
    import recbole_iacn
    from recbole_iacn.training.checkpoint import best_valid_result

    write_atomic(folder, "tiny")
    barrier, found, failed = threading.Barrier(2), {}, []

    def work(number, name):
        try:
            given = settings(name, seed, data_path=str(folder), checkpoint_dir=str(folder / "saved"), epochs=2)
            training = recbole_iacn.build(name, "tiny", config_dict={**given, "learning_rate": 0.001 + 0.05 * number})
            barrier.wait()
            found[number] = training.fit(verbose=False)[1], training.checkpoint
        except BaseException as error:
            barrier.abort()
            failed.append(error)

    names = [("DIN_IaCN", "DIN_IaCN"), ("DIN_IaCN", "DIN"), ("DIN", "DIN")][seed % 3]
    threads = [threading.Thread(target=work, args=pair) for pair in enumerate(names)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed, failed
    assert found[0][1] != found[1][1] and len(list((folder / "saved").iterdir())) == 2
    for metrics, checkpoint in found.values():
        assert dict(metrics) == best_valid_result(checkpoint), (metrics, checkpoint)


_NAMES = """
import sys
from recbole_iacn.system.unique_names import unique_name
print("ready", flush=True)
sys.stdin.readline()
print("\\n".join(unique_name("DIN", "tiny") for _ in range(1000)))
"""


@case("same moment", "4,000 names from four processes", tries=20)
def names(folder, seed):
    processes = _waiting(4, _NAMES)
    every = [name for process in processes for name in process.communicate()[0].split()]
    assert len(set(every)) == len(every) == 4000


def _waiting(number, code, *arguments):
    """Processes that have begun at the same moment, after their imports."""
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    command = [sys.executable, "-c", code, *arguments]
    processes = [subprocess.Popen(command, text=True, **pipes) for _ in range(number)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    return processes


_CLAIM = """
import os, sys
from recbole_iacn.errors import ConfigError
from recbole_iacn.system import claims, leftovers
place, rounds = sys.argv[1], int(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
for _ in range(rounds):
    try:
        with claims.claimed(place, "a test"):
            os.close(os.open(place, os.O_CREAT | os.O_EXCL))  # fails where another has it
            os.unlink(place)
    except ConfigError:
        pass
    leftovers.sweep(os.path.dirname(place))
"""


@case("same moment", "one place claimed by three processes, again and again: one at a time", tries=50)
def claims_together(folder, seed):
    for process in _waiting(3, _CLAIM, str(folder / "place"), "30"):
        _, errors = process.communicate()
        assert process.returncode == 0, errors[-2000:]
    assert not list(folder.iterdir()), list(folder.iterdir())


@case("kill", "the process that holds a place, at any moment: the next holds it", tries=50)
def claims_killed(folder, seed):
    victim, other = _waiting(2, _CLAIM, str(folder / "place"), "100")
    time.sleep(random.Random(seed).uniform(0, 0.1))
    victim.kill()
    victim.communicate()
    (folder / "place").unlink(missing_ok=True)  # what the dead one may have left there is not the claim's
    _, errors = other.communicate()
    assert other.returncode == 0 or "FileExistsError" in errors, errors[-2000:]
    (folder / "place").unlink(missing_ok=True)
    from recbole_iacn.system.claims import claimed

    with claimed(folder / "place", "the next"):
        pass
    leftovers.sweep(folder)
    assert not list(folder.iterdir()), list(folder.iterdir())


def _commands(folder, arguments):
    """(code, error output) of two commands that begin together."""
    command = [sys.executable, "-c", "from recbole_iacn.cli import main; main()", *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    processes = [subprocess.Popen(command, cwd=folder, text=True, **pipes) for _ in range(2)]
    return [(process.returncode, errors) for process, (_, errors) in [(one, one.communicate()) for one in processes]]


def _one_is_told(outcomes, place):
    codes = sorted(code for code, _ in outcomes)
    assert codes == [0, 2], outcomes
    (told,) = [errors for code, errors in outcomes if code == 2]
    last = told.strip().splitlines()[-1]
    assert last.startswith(f"error: {place}: ") and re.search(r"is at work there|exists already|just made it", last), (
        told
    )


@case("same moment", "two prepare table to one folder: one dataset, and one command is told", tries=20, quick=False)
def two_prepares(folder, seed):
    draw = random.Random(seed)
    rows = "\n".join(f"u{draw.randrange(50)},i{draw.randrange(40)},{1_400_000_000 + n}" for n in range(2000))
    (folder / "events.csv").write_text(f"user,item,time\n{rows}\n")
    outcomes = _commands(folder, ["prepare", "table", "--name=shop", "--events=events.csv", "--out=made"])
    _one_is_told(outcomes, "made/shop")
    assert sorted(path.name for path in (folder / "made").iterdir()) == ["shop"]
    assert len((folder / "made" / "shop" / "shop.inter").read_text().splitlines()) == 2001


@case("same moment", "two experiments in one folder of results: one runs, and one is told", tries=10, quick=False)
def two_experiments(folder, seed):
    write_atomic(folder / "data", "tiny")
    given = {key: value for key, value in settings("WideDeep_IaCN", seed).items() if key not in ("seed", "data_path")}
    plan = {"datasets": ["tiny"], "models": ["WideDeep"], "modes": ["full"], "seeds": [1, 2], "data_path": "data"}
    (folder / "trial.yaml").write_text(json.dumps({**plan, "settings": {**given, "epochs": 1}}))
    _one_is_told(_commands(folder, ["experiment", "trial.yaml"]), "results/trial")
    assert len(list((folder / "results" / "trial" / "runs").glob("*.json"))) == 2
    assert sorted(path.name for path in (folder / "results").iterdir()) == ["trial"]


@case("same moment", "two train --bundle to one folder: one bundle, and one command is told", tries=10, quick=False)
def two_bundles(folder, seed):
    import recbole_iacn

    write_atomic(folder / "data", "tiny")
    given = settings("WideDeep_IaCN", seed, data_path="data", epochs=1)
    (folder / "mine.yaml").write_text(json.dumps(given))
    flags = ["--model=WideDeep_IaCN", "--dataset=tiny", "--config_files=mine.yaml", "--bundle=kept"]
    _one_is_told(_commands(folder, ["train", *flags]), "kept")
    assert recbole_iacn.load(str(folder / "kept")) and not list(folder.glob(".*"))
