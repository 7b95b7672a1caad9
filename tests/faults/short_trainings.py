"""``recbole-iacn experiment`` and ``search`` with trainings of milliseconds, whose made-up scores the settings decide.

Run as a program; processes that it starts import it, too, so their trainings are as short.
"""

import hashlib
import json
import math
import os
import subprocess
import sys
import time
import types
from pathlib import Path

import yaml

TIMED = ("seconds", "loading", "peak_mb")
EPOCHS = 5


def score_of(settings, epoch):
    """Higher the nearer the rate is to .01, with noise, growing with the epochs."""
    noise = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).digest()[0] / 2550
    return 0.8 - 0.1 * abs(math.log10(settings.get("learning_rate", 0.001)) + 2) + noise + 0.01 * epoch


def train(run, data_path, after_epoch=None, bundle=None, place=None, say=None):
    """In place of :func:`recbole_iacn.experiments.one_run.train`; an interrupted one starts anew."""
    from recbole_iacn.experiments.results import RUN_FIELDS
    from recbole_iacn.system import leftovers

    epochs, begun = [], time.perf_counter()
    with leftovers.temporary_folder() as folder:
        for epoch in range(EPOCHS):
            (folder / "checkpoint").write_bytes(bytes(1000))
            time.sleep(run.settings.get("embedding_size", 5) / 1000)
            score = score_of(run.settings, epoch)
            epochs.append({"losses": {"main": 1.0}, "valid": score, "seconds": time.perf_counter() - begun})
            if after_epoch:
                after_epoch(epoch, score)
    measured = {"best": score, "valid": {"auc": score}, "test": {"auc": score - 0.01}, "divergence": None}
    about = {"seconds": time.perf_counter() - begun, "peak_mb": 1.0, "version": "1"}
    return {**{key: getattr(run, key) for key in RUN_FIELDS}, **measured, "epochs": epochs, **about}


def first_settings(task):
    """In place of a look into RecBole's properties, whose import takes seconds."""
    return {"learning_rate": 0.001} if "learning_rate" in task.space else {}


def install():
    """Put short trainings in the place of real ones, and ``begun`` in that of checks of data, which import all there
    is."""
    checks = types.ModuleType("recbole_iacn.experiments.plan_checks")
    checks.check_runs = lambda *_: []
    checks.check_data = lambda *_: print("begun", flush=True)
    sys.modules[checks.__name__] = checks
    from recbole_iacn.experiments import runner, studies

    runner.train = studies.train = train
    studies._without_a_search = first_settings


def write_file(folder, **changes):
    """An experiment's file, of four runs; returns its path."""
    content = {
        "datasets": ["tiny"],
        "models": ["FM"],
        "modes": ["off", "full"],
        "seeds": [1, 2],
        "settings": {"embedding_size": 5},
        **changes,
    }
    path = Path(folder, "trial.yaml")
    path.write_text(yaml.safe_dump(content))
    return path


def start(folder, arguments, tmp):
    """Start the program in a session of its own, with ``TMPDIR``."""
    package = Path(__file__).parent.parent
    paths = os.pathsep.join((str(package), str(package.parent), os.environ.get("PYTHONPATH", "")))
    tmp.mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, __file__, *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": paths, "TMPDIR": str(tmp)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def figures(folder):
    """What a finished experiment or search has, without what differs between two times that it is made."""
    found = {}
    for path in sorted(Path(folder).rglob("*")):
        name, text = str(path.relative_to(folder)), path.read_text() if path.suffix != ".db" and path.is_file() else ""
        if path.suffix in (".json", ".jsonl") and path.name != "plan.json":
            found[name] = [
                _untimed(json.loads(one)) for one in ([text] if path.suffix == ".json" else text.splitlines())
            ]
        elif path.name == "search.db":
            found[name] = trials(path)
        else:
            found[name] = text
    return found


def _untimed(result):
    for one in (result, *result.get("epochs", ())):  # a pruned trial has none
        for key in TIMED:
            one.pop(key, None)
    return result


def trials(path):
    """Study -> its trials that have a result, in order: state, settings, validations."""
    import optuna

    found = {}
    storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
    for study in storage.get_all_studies():
        found[study.study_name] = [
            (trial.state.name, trial.params, trial.intermediate_values, trial.value)
            for trial in storage.get_all_trials(study._study_id)
            if trial.state.name in ("COMPLETE", "PRUNED")
        ]
    storage.remove_session()
    storage.engine.dispose()
    return found


if __name__ == "__mp_main__":  # a process that one of these has started
    install()
if __name__ == "__main__":
    from recbole_iacn.cli import main
    from recbole_iacn.system.interrupts import ending_with_a_line

    with ending_with_a_line(own=True):
        install()
        main()
