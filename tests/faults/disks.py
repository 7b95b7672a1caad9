"""Disks that are full or read-only, places that are something else, and files that are damaged, for every command.

A disk of its own is mounted for one process where the machine allows it; elsewhere its files may not grow.
"""

import gzip
import json
import os
import random
import shutil

from helpers import write_atomic

from faults.cases import case
from faults.judged import command, made_once, tree
from faults.small_disks import in_child, limit_files, read_only, small_disk

_DISK = 8 << 20  # bytes
_SHORT = {"embedding_size": 8, "mlp_hidden_size": [8], "MAX_ITEM_LIST_LENGTH": 6, "train_batch_size": 64, "epochs": 3}


def _material():
    """A dataset, settings, a checkpoint, a bundle and raw files; made once for all tries."""
    return made_once("disks", lambda folder: in_child(lambda: _make(folder)))


def _make(folder):
    import recbole_iacn

    write_atomic(folder / "data")
    settings = {**_SHORT, "show_progress": False, "state": "ERROR", "load_col": _LOADED}
    (folder / "s.yaml").write_text(json.dumps(settings))
    os.chdir(folder)
    trained = recbole_iacn.run("DIN_IaCN", "tiny", ["s.yaml"], {"data_path": "data"}, bundle=str(folder / "bundle"))
    shutil.copy(trained["checkpoint"], folder / "model.pth")
    rng = random.Random(0)
    clicks = [(user, rng.randrange(40), 1_400_000_000 + 60 * step) for user in range(300) for step in range(8)]
    lines = [f"u{user},i{item},{time}" for user, item, time in clicks]
    (folder / "events.csv").write_text("\n".join(["user_id,item_id,timestamp", *lines]) + "\n")
    reviews = [
        json.dumps({"reviewerID": f"U{user}", "asin": f"B{item}", "overall": 5.0, "unixReviewTime": time})
        for user, item, time in clicks
    ]
    (folder / "reviews.json.gz").write_bytes(gzip.compress("\n".join(reviews).encode()))
    (folder / "lines.txt").write_text("".join(f"{user} {' '.join(map(str, range(50)))}\n" for user in range(300)))


_LOADED = {
    "inter": ["user_id", "item_id", "timestamp"],
    "item": ["item_id", "categories"],
    "user": ["user_id", "age"],
}


def _train(of, *more):
    return ["train", "--model=DIN_IaCN", "--dataset=tiny", f"--config_files={of / 's.yaml'}", *more]


def _commands(of, place):
    """Command -> its command line, all of whose output goes to ``place``, and the greatest need of room, bytes."""
    out, events = place / "made", of / "events.csv"
    data = ["--data_path", of / "data"]
    saved = [f"--data_path={of / 'data'}", f"--checkpoint_dir={out}"]
    shop = ["--name=shop", "--out", out]
    reviews = ["--year=2014", "--core=2", "--reviews", of / "reviews.json.gz"]
    commands = {
        "train": (_train(of, *saved), 300_000),
        "train --bundle": (_train(of, saved[0], "--epochs=1", f"--bundle={out}"), 100_000),
        "train --save_dataset": (_train(of, *saved, "--epochs=1", "--save_dataset=True"), 300_000),
        "bundle": (["bundle", of / "model.pth", "--out", out, *data], 100_000),
        "recommend": (["recommend", of / "bundle", "--events", events, "--out", f"{out}.csv"], 4_000_000),
        "score": (["score", of / "bundle", "--rows", events, "--events", events, "--out", f"{out}.parquet"], 4_000_000),
        "table": (["prepare", "table", "--events", events, "--threads=1", *shop], 2_000_000),
        "amazon": (["prepare", "amazon", "--threads=1", *reviews, *shop], 2_000_000),
        "sequences": (["prepare", "sequences", "--sequences", of / "lines.txt", *shop], 400_000),
    }
    assert set(commands) == {*_QUICK, *_SLOW}
    return commands


_QUICK = ("recommend", "score", "table", "amazon", "sequences", "bundle")
_INTO_FOLDERS = ("train", "train --save_dataset", "table", "amazon", "sequences")  # that may be there
_SLOW = ("train", "train --bundle", "train --save_dataset")


def _rejected(name, code, text, place, before):
    """A command that has found its disk wanting: one line that names the place, and nothing half made."""
    assert code == 2, f"{name} ends with {code}: {text[-300:]}"
    line = text.splitlines()[-1]
    assert str(place) in line, f"{name} names no place: {line}"
    left = {path: size for path, size in tree(place).items() if path not in before}
    whole = {
        path for path in left if path.endswith((".pth", ".log")) or path in ("made", "log", "log/DIN_IaCN", "saved")
    }
    assert not set(left) - whole, f"{name} leaves {sorted(left)[:3]}"


def _full(folder, seed, names):
    """Fill a disk so that a command fails at a moment that the seed decides, or does not fail at all."""
    rng, of, place = random.Random(seed), _material(), folder / "disk"
    place.mkdir()
    name = rng.choice(names)
    arguments, need = _commands(of, place)[name]
    room = rng.choice([0, rng.randrange(need)])

    def work():
        if small_disk(place, _DISK):
            with open(place / "filler", "wb") as file:
                file.write(bytes(max(shutil.disk_usage(place).free - room, 0)))
        else:
            limit_files(max(room // 4, 4096))
        before = tree(place)
        code, text = command(arguments)
        if code == 2:
            _rejected(name, code, text, place, before)
        for path in place.rglob("*.pth"):
            command(["bundle", path, "--out", folder / f"{path.stem}-bundle", "--data_path", of / "data"])
        return code

    in_child(work)


@case("disk", "a full disk, at any moment of recommend, score, prepare and bundle", tries=150, in_suite=6)
def full(folder, seed):
    _full(folder, seed, _QUICK)


@case("disk", "a full disk, at any moment of a training; its checkpoint stays whole", tries=60, quick=False)
def full_in_training(folder, seed):
    _full(folder, seed, _SLOW)


def _as_file(place):
    place.write_text("")


def _as_file_below(place):
    place.mkdir()
    for ending in ("", ".csv", ".parquet"):
        (place / f"made{ending}").write_text("mine")


def _as_folder_below(place):
    place.mkdir()
    for ending in ("", ".csv", ".parquet"):
        (place / f"made{ending}").mkdir()
        (place / f"made{ending}" / "mine").write_text("mine")


def _as_link(place):
    place.symlink_to(place.parent / "nowhere" / "deep")


def _as_link_below(place):
    place.mkdir()
    for ending in ("", ".csv", ".parquet"):
        (place / f"made{ending}").symlink_to("nowhere/deep")


def _as_long_name(place):
    place.mkdir()


def _as_read_only(place):
    if not small_disk(place, _DISK):
        place.mkdir(exist_ok=True)
    read_only(place)


_PLACES = (_as_file, _as_file_below, _as_folder_below, _as_link, _as_link_below, _as_long_name, _as_read_only)


@case("disk", "a place that is read-only, a file, a folder, a link to nothing or of too long a name", 300, in_suite=10)
def wrong_place(folder, seed):
    rng, of, place = random.Random(seed), _material(), folder / "place"
    name = rng.choice((*_QUICK, *_SLOW))
    make = rng.choice(_PLACES)

    def work():
        make(place)
        if make is _as_read_only and os.access(place, os.W_OK):
            return  # the administrator, on a machine where nothing may be mounted
        below = place / ("n" * 300) if make is _as_long_name else place
        before = tree(place)
        code, text = command(_commands(of, below)[name][0])
        if code == 0:  # prepare and a training put their own into a folder that is there
            assert make is _as_folder_below and name in (
                "train",
                "train --save_dataset",
                "table",
                "amazon",
                "sequences",
            )
            return
        _rejected(name, code, text, place, before)
        assert tree(place) == before, f"{name} has changed what was there"

    in_child(work)


def _damage(path, rng):
    """Cut a file off, empty it, turn one bit or fill a part with zeros; returns what was done."""
    content = bytearray(path.read_bytes())
    how = rng.choice(("cut", "bit", "bit", "zeros", "empty"))
    at = rng.randrange(len(content))
    if how == "cut":
        del content[at:]
    elif how == "bit":
        content[at] ^= 1 << rng.randrange(8)
    elif how == "zeros":
        content[at : at + 64] = bytes(len(content[at : at + 64]))
    else:
        content.clear()
    path.write_bytes(content)
    return f"{how} at {at} of {path.name}"


@case("damaged file", "a bundle with one file damaged, or of another bundle", tries=400, in_suite=10)
def bundle(folder, seed):
    from recbole_iacn.errors import ConfigError
    from recbole_iacn.serving.recommender import load

    rng, of = random.Random(seed), _material()
    shutil.copytree(of / "bundle", folder / "bundle")
    path = rng.choice(sorted((folder / "bundle").iterdir()))
    whole = path.read_bytes()
    what = _damage(path, rng)
    if path.read_bytes() == whole:  # zeros over zeros
        return
    try:
        load(folder / "bundle")
    except ConfigError as error:
        assert "damaged" in str(error) or "missing" in str(error) or "not a bundle" in str(error), f"{what}: {error}"
        assert path.name in str(error) or path.name == "manifest.json", f"{what}: {error}"
    else:
        raise AssertionError(f"{what} is opened")


@case("damaged file", "a checkpoint, damaged, as the start, the resumed or the bundled one", tries=400, quick=False)
def checkpoint(folder, seed):
    import torch

    from recbole_iacn.errors import ConfigError
    from recbole_iacn.training import checkpoint_file

    rng, of = random.Random(seed), _material()
    path = folder / "model.pth"
    shutil.copy(of / "model.pth", path)
    what = _damage(path, rng)
    code, text = 2, ""
    if rng.random() < 0.1:  # the whole command; otherwise what all commands open checkpoints by
        code, text = command(["bundle", path, "--out", folder / "made", "--data_path", of / "data"])
        assert code == 0 or str(path) in text, f"{what}: {text[-300:]}"
    try:
        found = checkpoint_file.load(path, mapped=False)
    except ConfigError as error:
        assert str(path) in str(error), f"{what}: {error}"
        assert code == 2, f"{what} is bundled"
        return
    right = checkpoint_file.load(of / "model.pth", mapped=False)
    for name, weight in right["state_dict"].items():
        assert torch.equal(found["state_dict"][name], weight), f"{what} gives other weights"
    assert {k: v for k, v in found.items() if k != "state_dict"}.keys() == right.keys() - {"state_dict"}, what
    assert found["config"] == right["config"], f"{what} gives other settings"
