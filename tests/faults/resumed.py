"""Trainings that are killed at any moment and resumed: the result is that of the uninterrupted one, to the bit."""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import yaml
from helpers import SHORT_RANKING, write_atomic

from faults.cases import case

_BASE = {
    "load_col": {
        "inter": ["user_id", "item_id", "timestamp"],
        "item": ["item_id", "categories"],
        "user": ["user_id", "age"],
    },
    "embedding_size": 8,
    "MAX_ITEM_LIST_LENGTH": 6,
    "train_batch_size": 64,
    "eval_batch_size": 64,
    "show_progress": False,
    "state": "ERROR",
    "seed": 7,
}
_OF_A_RUN = ("data_path", "show_progress", "state", "seed")  # which the file of an experiment does not set
_LAYERS = {"mlp_hidden_size": [16, 8]}
_BY_TIME = {"split": {"LS": "valid_and_test"}, "order": "TO", "group_by": "user"}
_RANKED = {key: value for key, value in SHORT_RANKING.items() if value is not ...}
_MODELS = {
    "DIN_IaCN": _LAYERS,
    "WideDeep_IaCN": _LAYERS,
    "MIND": _RANKED,
    "TiMiRec": _RANKED,
    "DIN": {**_LAYERS, "metrics": ["AUC"], "valid_metric": "AUC", "eval_args": {**_BY_TIME, "mode": "uni1"}},
    "SASRec": {
        **{
            "load_col": _RANKED["load_col"],
            "train_neg_sample_args": None,
            "protocol": "leave_one_out_sampled",  # whose order of rows depends on the epoch
            "topk": [5],
            "metrics": ["MRR"],
            "valid_metric": "MRR@5",
        },
        **{"hidden_size": 8, "inner_size": 8, "n_heads": 1, "n_layers": 1},
    },
}

# Trains, says after each epoch that it has, and writes the result: figures, and a digest of all weights.
_TRAIN = """
import hashlib, json, sys
import recbole_iacn
name, given, resumed, result = json.loads(sys.argv[1])
sys.argv[1:] = []
training = recbole_iacn.build(name, "tiny", config_dict=given)
if resumed:
    training.resume(resumed)
print("begun", flush=True)
best = training.fit(verbose=False, callback_fn=lambda epoch, score: print("epoch", flush=True))
tested = training.test()
digest = hashlib.sha256()
for key, value in sorted(training.model.state_dict().items()):
    digest.update(key.encode() + value.numpy().tobytes())
with open(result, "w") as file:
    json.dump([float(best[0]), {k: float(v) for k, v in tested.items()}, digest.hexdigest()], file)
"""


def _started(folder, name, given, resumed=None, result="result.json"):
    command = [sys.executable, "-c", _TRAIN, json.dumps([name, given, resumed, result])]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _ended(process, folder, result="result.json"):
    _, errors = process.communicate()
    assert process.returncode == 0, errors[-2000:]
    return json.loads((folder / result).read_text())


def settings(name, seed, **changes):
    data = str(Path(os.environ.get("FAULTS_SHARED", "."), "data").absolute())
    given = {**_BASE, **_MODELS[name], "data_path": data, "learning_rate": 0.01, "epochs": 5, "stopping_step": 9}
    return {**given, "seed": seed, **changes}


def _kill_and_resume(folder, seed, name):
    write_atomic(folder, "tiny")
    given = settings(name, seed, data_path=str(folder))
    whole = _ended(_started(folder, name, {**given, "checkpoint_dir": "whole"}), folder)
    draw, process = random.Random(seed), _started(folder, name, given)
    for _ in range(draw.randrange(1, 6)):
        process.stdout.readline()
    time.sleep(draw.uniform(0, 0.15))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    kept = sorted((folder / "saved").glob("*.pth"), key=lambda path: path.name.endswith("-extractor.pth"))
    on = _ended(_started(folder, name, given, str(kept[0]) if kept else None, "on.json"), folder, "on.json")
    assert on == whole, (on, whole)
    left = [path.name for path in (folder / "saved").iterdir() if not path.name.endswith(".pth")]
    assert not left, left


@case("kill", "a training of DIN_IaCN, then --resume: equal to the bit", tries=20, quick=False, seconds=600)
def training_din_iacn(folder, seed):
    _kill_and_resume(folder, seed, "DIN_IaCN")


@case("kill", "a training of WideDeep_IaCN, then --resume: equal to the bit", tries=20, quick=False, seconds=600)
def training_widedeep_iacn(folder, seed):
    _kill_and_resume(folder, seed, "WideDeep_IaCN")


@case("kill", "a training of MIND, then --resume: equal to the bit", tries=20, quick=False, seconds=600)
def training_mind(folder, seed):
    _kill_and_resume(folder, seed, "MIND")


@case("kill", "a training of TiMiRec, in either stage, then --resume: equal to the bit", 20, quick=False, seconds=600)
def training_timirec(folder, seed):
    _kill_and_resume(folder, seed, "TiMiRec")


@case("kill", "a training of RecBole's DIN, then --resume: equal to the bit", tries=20, quick=False, seconds=600)
def training_din(folder, seed):
    _kill_and_resume(folder, seed, "DIN")


@case("kill", "a training of RecBole's SASRec, then --resume: equal to the bit", tries=20, quick=False, seconds=600)
def training_sasrec(folder, seed):
    _kill_and_resume(folder, seed, "SASRec")


_EXPERIMENT = ("TiMiRec", "DIN_IaCN", "SASRec")  # of two stages, with modes, and RecBole's


def _experiment(folder, seed, out):
    """Start an experiment of one run, in a session of its own; returns the process and its folder of runs."""
    name = _EXPERIMENT[seed % len(_EXPERIMENT)]
    own = {key: value for key, value in settings(name, seed).items() if key not in _OF_A_RUN}
    own["epochs"] = 4 if name == "TiMiRec" else 8
    modes = {"modes": ["full"]} if name == "DIN_IaCN" else {}
    file = folder / "trial.yaml"
    plan = {
        "datasets": ["tiny"],
        "models": [name.removesuffix("_IaCN")],
        "seeds": [seed],
        "data_path": str(folder),
        "settings": own,
        **modes,
    }
    file.write_text(yaml.safe_dump(plan))
    command = [sys.executable, "-m", "recbole_iacn_command", "experiment", str(file), "--out", out]
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    return process, folder / out / "trial" / "runs"


def _epochs(runs):
    """As many as the log of the run under way has."""
    with contextlib.suppress(FileNotFoundError):  # it has just ended
        return sum(log.read_text().count(": validation") for log in runs.glob("*.log"))
    return 0


def _result(process, runs):
    _, errors = process.communicate()
    assert process.returncode == 0, errors[-2000:]
    (path,) = runs.iterdir()  # and nothing else is left
    result = json.loads(path.read_text())
    for one in (result, *result["epochs"]):
        for key in ("seconds", "loading", "peak_mb"):
            one.pop(key, None)
    return result


@case("kill", "an experiment of real trainings, at any moments, then again: its figures", 20, quick=False, seconds=900)
def experiment(folder, seed):
    write_atomic(folder, "tiny")
    whole = _result(*_experiment(folder, seed, "whole"))
    draw = random.Random(seed)
    for _ in range(2):
        process, runs = _experiment(folder, seed, "out")
        wanted = draw.randrange(1, 7)
        while process.poll() is None and _epochs(runs) < wanted:
            time.sleep(0.005)
        time.sleep(draw.uniform(0, 0.1))
        with contextlib.suppress(ProcessLookupError):  # it has ended by itself
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    on = _result(*_experiment(folder, seed, "out"))
    assert on == whole, (on, whole)
