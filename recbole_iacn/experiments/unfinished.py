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
from recbole_iacn.system.atomic_writes import write_text
from recbole_iacn.version import __version__

_ENDING = ".unfinished"
_RECORD = "epochs.json"
_ANEW = "it starts anew"


class _Record(Strict):
    version: str
    device: str  # of another one the times would be of two
    file: str  # the checkpoint
    best: int  # how many of the epochs there are up to that of the checkpoint
    number: int  # that epoch's number, of its stage
    loading: float
    epochs: list[Epoch]


def place_of(folder: str | Path, run: Run) -> Path:
    """The folder of what is kept of a run."""
    return Path(folder, "runs", run.id + _ENDING)


def is_begun(folder: str | Path, run: Run) -> bool:
    """Whether there is an epoch after which a run can go on."""
    return (place_of(folder, run) / _RECORD).is_file()


def forget(place: Path) -> None:
    """Remove what is kept of a run, which has its result or starts anew."""
    shutil.rmtree(place, ignore_errors=True)


def sweep(folder: str | Path) -> None:
    """Remove the folders of runs that were ended before there was an epoch to go on from."""
    for place in Path(folder, "runs").glob(f"*{_ENDING}"):
        if not (place / _RECORD).is_file():
            forget(place)


def forget_others(folder: str | Path, planned: Collection[str]) -> None:
    """Remove what is kept of runs that are in no plan any more, since their settings have changed.

    Args:
        folder: of the experiment.
        planned: the ids of its runs.
    """
    for place in Path(folder, "runs").glob(f"*{_ENDING}"):
        if place.name.removesuffix(_ENDING) not in planned:
            forget(place)


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

    def go_on(self, training: Training, device: str) -> None:
        """Let a training go on where the run was interrupted, if it was.

        Args:
            training: not trained yet.
            device: what it trains on, "cpu" or the name of a GPU.

        Raises:
            ConfigError: it cannot, and says why; the training may have weights of it, so build another.
        """
        if not (self._place / _RECORD).is_file():
            return
        found = self._read(device)
        path = self._place / found["file"]
        _check_same(training, path, found["number"])
        goes_on = training.resume(str(path))
        self.epochs = found["epochs"][: found["best"]] if goes_on else found["epochs"]
        self.loading = found["loading"]
        self._best = {key: found[key] for key in ("file", "best", "number")}

    def add(self, training: Training, number: int, epoch: dict[str, Any], device: str) -> None:
        """Add an epoch that was trained and validated.

        Args:
            training: whose trainer has written its checkpoint, if it is the best.
            number: of the epoch, from 0; of TiMiRec's second stage again from 0.
            epoch: what the result has of it.
            device: as for :meth:`go_on`.
        """
        from recbole_iacn.training import resuming

        self.epochs.append(epoch)
        if not resuming.is_exact(training.trainer):
            return
        if training.trainer.cur_step == 0:  # epochs since the best one
            file = os.path.basename(training.trainer.saved_model_file)
            self._best = {"file": file, "best": len(self.epochs), "number": number}
        if self._best:
            about = {"version": __version__, "device": device, **self._best, "loading": self.loading}
            write_text(self._place / _RECORD, json.dumps({**about, "epochs": self.epochs}) + "\n")

    def _read(self, device):
        path = self._place / _RECORD
        try:
            found = parse_as(_Record, read_text(path, _ANEW))
        except Unreadable as error:
            raise ConfigError(f"{path}: is damaged ({error}); {_ANEW}") from None
        for what, here in (("version", __version__), ("device", device)):
            if found[what] != here:
                raise ConfigError(f"{path}: is of {what} {found[what]}, and this is {here}; {_ANEW}")
        if os.path.basename(found["file"]) != found["file"] or not 0 < found["best"] <= len(found["epochs"]):
            raise ConfigError(f"{path}: is damaged (its best epoch is none of its {len(found['epochs'])}); {_ANEW}")
        return found


def _check_same(training, path, number):
    """A process may have ended between writing the checkpoint and the record; and a file of settings that lies below
    those of the run may have changed."""
    from recbole_iacn.training import checkpoint_file, resuming

    state = checkpoint_file.load(str(path))
    if state.get("epoch") != number:
        raise ConfigError(f"{path}: is of another epoch than its record; {_ANEW}")
    changed = resuming.different(state["config"], training.config)
    if changed:
        raise ConfigError(f"{path}: was trained with other settings, {', '.join(changed)}; {_ANEW}")
