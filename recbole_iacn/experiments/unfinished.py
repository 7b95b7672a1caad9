"""What is kept of a run until it has its result, so that an interrupted one goes on after its best epoch.

``runs/<id>.unfinished/`` holds the best epoch's checkpoint and ``epochs.json``, the epochs until now. A training that
goes on from its checkpoint repeats the epochs after it exactly, so the result is that of an uninterrupted run.
"""

import json
import os
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Any

from recbole_iacn.building.training import Training
from recbole_iacn.errors import ConfigError
from recbole_iacn.experiments.plan import Run
from recbole_iacn.experiments.results import Epoch, Strict, Unreadable, parse_as, read_text
from recbole_iacn.experiments.store import ELSEWHERE
from recbole_iacn.system import disk
from recbole_iacn.system.atomic_writes import write_text
from recbole_iacn.version import __version__

_ENDING = ".unfinished"
_RECORD = "epochs.json"


class Anew(Exception):
    """Why a run that was interrupted cannot go on and starts anew, as text."""


class _Record(Strict):
    made: dict[str, str]  # the versions and the device: of two of them, figures and times would be of neither
    file: str  # the checkpoint
    best: int  # how many of the epochs there are up to that of the checkpoint
    number: int  # that epoch's number, of its stage
    loading: float
    epochs: list[Epoch]


def place_of(folder: str | Path, run: Run) -> Path:
    """The folder of what is kept of a run."""
    return Path(folder, "runs", run.id + _ENDING)


def is_begun(folder: str | Path, run: Run) -> bool:
    """Whether there is an epoch after which a run may go on."""
    return (place_of(folder, run) / _RECORD).is_file()


def forget(place: Path) -> None:
    """Remove what is kept of a run, which has its result or starts anew."""
    shutil.rmtree(place, ignore_errors=True)


def sweep(folder: str | Path) -> None:
    """Remove the folders of runs that were ended before there was an epoch to go on from."""
    for place in Path(folder, "runs").glob(f"*{_ENDING}"):
        if not (place / _RECORD).is_file():
            forget(place)


def of_others(folder: str | Path, planned: Collection[str]) -> list[Path]:
    """What is kept of runs that are not in the plan: of settings before a change, or of a search.

    Args:
        folder: of the experiment.
        planned: the ids of its runs.
    """
    places = sorted(Path(folder, "runs").glob(f"*{_ENDING}"))
    return [place for place in places if place.name.removesuffix(_ENDING) not in planned]


class Progress:
    """The epochs of a run, with those before an interruption.

    Args:
        place: as :func:`place_of` returns it; the folder of the checkpoints.

    Attributes:
        epochs: what the result has of each epoch.
        loading: the seconds before the first epoch.
    """

    def __init__(self, place: Path) -> None:
        self.epochs: list[dict[str, Any]] = []
        self.loading = 0.0
        self._place = place
        self._best: dict[str, Any] = {}  # what a record has of the best epoch

    @property
    def seconds(self) -> float:
        """Of the training until the last epoch, without those that an interruption has lost."""
        return self.epochs[-1]["seconds"] if self.epochs else 0.0

    def go_on(self, training: Training, device: str) -> str:
        """Let a training go on where the run was interrupted, if it was.

        Args:
            training: not trained yet.
            device: what it trains on, "cpu" or the name of a GPU.

        Returns:
            From where, in words; empty if it was not interrupted; or that an interruption would lose it, and why.

        Raises:
            Anew: it cannot; the training may have weights of it, so build another.
            ConfigError: the place cannot be read or written, or another process is at work there.
        """
        from recbole_iacn.training import resuming

        if not (self._place / _RECORD).is_file():
            who = resuming.inexact(training.trainer)
            lost = f"would start anew if interrupted: RecBole's {who} keeps more than its checkpoints hold"
            return lost if who else ""
        found = self._read(device)
        path = self._place / found["file"]
        resuming.check_free(str(path))
        disk.check(path, ELSEWHERE)
        goes_on = _resumed(training, path, found["number"])
        self.epochs = found["epochs"][: found["best"]] if goes_on else found["epochs"]
        self.loading = found["loading"]
        self._best = {key: found[key] for key in ("file", "best", "number")}
        stage = " of its first stage" if path.stem.endswith("-extractor") else ""
        return f"goes on after epoch {found['number']}{stage}" if goes_on else "has been trained; goes on with its test"

    def add(self, training: Training, number: int, epoch: dict[str, Any], device: str) -> None:
        """Add an epoch that was trained and validated.

        Args:
            training: whose trainer has written its checkpoint, if it is the best.
            number: of the epoch, from 0; of TiMiRec's second stage again from 0.
            epoch: what the result has of it.
            device: as for :meth:`go_on`.

        Raises:
            ConfigError: the place cannot be written.
        """
        from recbole_iacn.training import resuming

        self.epochs.append(epoch)
        if resuming.inexact(training.trainer):
            return
        if training.trainer.cur_step == 0:  # epochs since the best one
            file = os.path.basename(training.trainer.saved_model_file)
            self._best = {"file": file, "best": len(self.epochs), "number": number}
        if self._best:
            about = {"made": _made(device), **self._best, "loading": self.loading, "epochs": self.epochs}
            with disk.writing(self._place, ELSEWHERE):
                write_text(self._place / _RECORD, json.dumps(about) + "\n")

    def _read(self, device):
        path = self._place / _RECORD
        try:
            found = parse_as(_Record, read_text(path, "make it readable, or remove it, and the run starts anew"))
        except Unreadable as error:
            raise Anew(f"{path}: is damaged ({error})") from None
        for what, here in _made(device).items():
            if found["made"].get(what) != here:
                raise Anew(f"{path}: is of {what} {found['made'].get(what)}, and this is {here}")
        if os.path.basename(found["file"]) != found["file"] or not 0 < found["best"] <= len(found["epochs"]):
            raise Anew(f"{path}: is damaged (its best epoch is none of its {len(found['epochs'])})")
        return found


def _made(device):
    import recbole
    import torch

    return {
        "version": __version__,
        "recbole": recbole.__version__,
        "torch": str(torch.__version__),
        "device": device,
    }


def _resumed(training, path, number):
    """Resume; whether anything is left to train."""
    from recbole_iacn.training import checkpoint_file, resuming

    try:
        state = checkpoint_file.load(str(path))
        if state.get("epoch") != number:  # the process ended between writing it and the record
            raise Anew(f"{path}: is of another epoch than its record")
        changed = resuming.different(state["config"], training.config)
        if changed:  # by a file of settings that lies below those of the run
            raise Anew(f"{path}: was trained with other settings, {', '.join(changed)}")
        goes_on = training.resume(str(path))
    except ConfigError as error:  # damaged, or of other rows
        raise Anew(str(error)) from error
    if not goes_on and not training.config["protocol"]:
        # RecBole draws a test's negatives from where the training has left its generators.
        raise Anew(f"{path}: has been trained, and without a protocol its test would draw other negatives")
    return goes_on
