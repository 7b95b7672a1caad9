"""Files of strangers, by every way in: what they contain must not run, and they must not lead anywhere else."""

import contextlib
import json
import random
import zipfile
from pathlib import Path

import numpy as np
import torch
from helpers import write_atomic
from made_runs import result

import recbole_iacn
from faults.cases import case
from faults.payloads import MAKE, PAYLOADS, Calls, inside, rejected
from recbole_iacn.errors import ConfigError
from recbole_iacn.training import checkpoint_file

KIND = "stranger's file"


def settings(folder, **changes):
    """Of a run of a second."""
    if not (folder / "data").is_dir():
        write_atomic(folder / "data")
    base = {"data_path": str(folder / "data"), "embedding_size": 8, "epochs": 1, "state": "ERROR", "seed": 7}
    base |= {"load_col": {"inter": ["user_id", "item_id", "timestamp"]}, "show_progress": False}
    base |= {"train_batch_size": 512, "eval_batch_size": 512, "checkpoint_dir": str(folder / "saved")}
    return base | changes


def poisoned(path, payload, out):
    """A checkpoint with a payload before its content."""
    with zipfile.ZipFile(path) as whole, zipfile.ZipFile(out, "w") as made:
        for entry in whole.infolist():
            content = whole.read(entry)
            if entry.filename.endswith("/data.pkl"):
                content = payload + b"0" + content  # its result is dropped
            made.writestr(entry.filename, content)
    return str(out)


def checkpoint(folder, model="BPR", recboles=False):
    training = recbole_iacn.build(model, "tiny", config_dict=settings(folder))
    path = str(folder / "model.pth")
    if recboles:
        training.trainer._save_checkpoint(0, verbose=False, saved_model_file=path)
    else:
        training.save_checkpoint(path)
    return training, path


def _resumed(training, path, folder):
    training.resume(path)


def _started(training, path, folder):
    recbole_iacn.build("BPR", "tiny", config_dict=settings(folder), start_from=path)


def _bundled(training, path, folder):
    from recbole_iacn.bundle.from_checkpoint import bundle_checkpoint

    bundle_checkpoint(path, folder / "bundle")


def _evaluated(training, path, folder):
    training.trainer.evaluate(training.test_data, model_file=path)


def _resumed_by_recbole(training, path, folder):
    training.trainer.resume_checkpoint(path)


def _loaded_by_recbole(training, path, folder):
    from recbole.quick_start import load_data_and_model

    load_data_and_model(path)


def _pretrained(training, path, folder):
    pretrained = {"use_pretrain": True, "mf_pretrain_path": path, "mlp_pretrain_path": path}
    recbole_iacn.build("NeuMF", "tiny", config_dict=settings(folder, **pretrained))


WAYS = {
    "Training.resume": _resumed,
    "start_from": _started,
    "bundle": _bundled,
    "evaluate": _evaluated,
    "resume_checkpoint": _resumed_by_recbole,
    "load_data_and_model": _loaded_by_recbole,
    "weights to start from": _pretrained,
}


def _legacy(state, payload, out):
    torch.save(state, out, _use_new_zipfile_serialization=False)
    out.write_bytes(payload + b"." + out.read_bytes())


def _alone(state, payload, out):
    out.write_bytes(payload + b".")


def _scripted(state, payload, out):
    class Model(torch.nn.Module):
        def forward(self, x: int) -> int:
            return x

    torch.jit.script(Model()).save(str(out))
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr("model/extra.pkl", payload + b".")


@case(KIND, "a checkpoint with code in it, by every way that opens one", tries=400)
def checkpoint_with_code(folder, seed):
    chosen = random.Random(seed)
    with inside(folder):
        training, path = checkpoint(folder, recboles=chosen.random() < 0.5)
        bad = poisoned(path, PAYLOADS[chosen.choice([*PAYLOADS])], folder / "bad.pth")
        with contextlib.suppress(ConfigError, KeyError):  # weights of another model are none to start from
            WAYS[chosen.choice([*WAYS])](training, bad, folder)


@case(KIND, "another format of PyTorch's, or a pickle alone, with code in it", tries=200)
def other_formats(folder, seed):
    chosen = random.Random(seed)
    with inside(folder):
        make = chosen.choice([_legacy, _alone, _scripted])
        make({"config": {"model": "BPR"}, "state_dict": {}}, PAYLOADS[chosen.choice([*PAYLOADS])], folder / "bad.pth")
        rejected(lambda: checkpoint_file.load(folder / "bad.pth"), "bad.pth: is not a checkpoint")


@case(KIND, "saved datasets and loaders with code in them, found or named", tries=100)
def saved_with_code(folder, seed):
    chosen = random.Random(seed)
    with inside(folder):
        name = chosen.choice(["tiny-Dataset.pth", "tiny-for-BPR-dataloader.pth"])
        (folder / "saved").mkdir()
        (folder / "saved" / name).write_bytes(PAYLOADS[chosen.choice([*PAYLOADS])] + b".")
        key = chosen.choice([None, "dataset_save_path", "dataloaders_save_path"])
        given = settings(folder, **({key: str(folder / "saved" / name)} if key else {}))
        if key:
            rejected(lambda: recbole_iacn.build("BPR", "tiny", config_dict=given), f"{key}: ")
        else:
            assert len(recbole_iacn.build("BPR", "tiny", config_dict=given).train_data) > 0


EXPRESSION = f"__import__('builtins').exec({MAKE!r})"


def _in_yaml(folder, key, text):
    path = folder / "settings.yaml"
    path.write_text(f"{key}: {text}\n")
    recbole_iacn.build("KD_DAGFM", "tiny", [str(path)], settings(folder))


def _teacher(folder):
    given = {"phase": "teacher_training", "teacher": EXPRESSION}
    recbole_iacn.build("KD_DAGFM", "tiny", config_dict=settings(folder, **given))


def _teacher_for_recbole(folder):
    """As by run_recbole, which checks no setting."""
    from recbole.config import Config
    from recbole.data import create_dataset, data_preparation
    from recbole.utils import get_model

    import recbole_iacn.bridge.registry  # noqa: F401

    given = settings(folder, phase="teacher_training", teacher=EXPRESSION)
    config = Config("KD_DAGFM", "tiny", config_dict=given)
    get_model("KD_DAGFM")(config, data_preparation(config, create_dataset(config))[0]._dataset)


def _choices(folder):
    import recbole.trainer.hyper_tuning as module

    module.eval(EXPRESSION)  # what RecBole calls, which needs hyperopt before


def _embeddings(folder):
    from recbole.model.general_recommender import ldiffrec

    np.save(folder / "item_emb.npy", np.array([Calls(exec, MAKE)], dtype=object), allow_pickle=True)
    ldiffrec.np.load(folder / "item_emb.npy", allow_pickle=True)


SETTINGS = {
    "an object in YAML": lambda folder: _in_yaml(folder, "epochs", f"!!python/object/apply:builtins.exec [{MAKE!r}]"),
    "an expression in YAML": lambda folder: _in_yaml(folder, "epochs", repr(EXPRESSION)),
    "trust in YAML": lambda folder: _in_yaml(folder, "trust", "True"),
    "a teacher": _teacher,
    "a teacher, for RecBole": _teacher_for_recbole,
    "choices of a search": _choices,
    "embeddings": _embeddings,
}


@case(KIND, "settings, arrays and lists of choices with code in them", tries=70)
def settings_with_code(folder, seed):
    name = [*SETTINGS][seed % len(SETTINGS)]
    with inside(folder):
        try:
            SETTINGS[name](folder)
        except ConfigError as error:
            assert "\n" not in str(error), str(error)
        else:
            raise AssertionError(f"{name}: was accepted")


NAMES = ("../../outside", "..", "a/b", "a\\b", "a\x00b", "\n", "x" * 300, "~", "-o", "é" * 200, "a:b")


@case(KIND, "names of paths in the results that --reuse reads", tries=60)
def names_of_paths(folder, seed):
    from recbole_iacn.experiments.store import restore_runs

    chosen = random.Random(seed)
    results = folder / "one" / "results"
    results.mkdir(parents=True)
    outside = folder / "outside"
    run = {**result(), "best": 0.8}  # all else is right, so that the name alone decides
    run[chosen.choice(["dataset", "model", "mode"])] = chosen.choice([str(outside), *NAMES])
    (results / "runs.jsonl").write_text(json.dumps(run) + "\n" + json.dumps(result(seed=2)) + "\n")
    with contextlib.suppress(ConfigError):
        restore_runs(results)
    made = {path for path in folder.rglob("*") if path.is_file()}
    assert {path.parent for path in made} <= {results, results / "runs"}, made
    (results / "runs.jsonl").write_text(json.dumps(result(seed=2)) + "\n")
    restore_runs(results)
    assert len([*(results / "runs").iterdir()]) in (1, 2)  # a name without a path is one


@case(KIND, "a bundle whose settings and columns were changed, and signed anew", tries=200)
def bundle_signed_anew(folder, seed):
    from recbole_iacn.bundle import manifest

    chosen = random.Random(seed)
    training, _ = checkpoint(folder)
    bundle = Path(training.save(str(folder / "bundle")))
    path = bundle / chosen.choice(["settings.json", "columns.json"])
    content = json.loads(path.read_text())
    part = content
    while isinstance(part, dict) and part:
        key = chosen.choice(sorted(part))
        if isinstance(part[key], dict) and part[key] and chosen.random() < 0.7:
            part = part[key]
            continue
        part[key] = chosen.choice([None, -1, [], {}, "x", [[]], 10**30, True, "../../x"])
        break
    path.write_text(json.dumps(content))
    about = json.loads((bundle / manifest.NAME).read_text())
    about["files"][path.name] = manifest._about(path)
    (bundle / manifest.NAME).write_text(json.dumps(about))
    with contextlib.suppress(ConfigError), inside(folder):
        recbole_iacn.load(bundle)
