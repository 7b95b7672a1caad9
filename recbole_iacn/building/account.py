"""What a run says of itself: its data and model as it begins, its epochs, and afterwards how long it took and which
files it has written."""

from __future__ import annotations

import os
import re
import time
from typing import TYPE_CHECKING, Any

from recbole_iacn import parallel
from recbole_iacn.bridge import run_names
from recbole_iacn.training.epoch_table import EpochTable

if TYPE_CHECKING:
    from recbole.config import Config

    from recbole_iacn.building.training import Training
    from recbole_iacn.system.run_output import Output

_RUN = re.compile(r"-\d{8}-\d{6}-[0-9a-f]{8}")  # of a name that unique_name has made


class Account:
    """Of one run, from before its data are read.

    Args:
        config: the settings.
        output: what is printed.
    """

    def __init__(self, config: Config, output: Output) -> None:
        self._config, self._output = config, output
        self._began, self._clock = time.time(), time.monotonic()
        self._is_first = parallel.rank() == 0
        protocol = f"protocol {config['protocol']}, " if config["protocol"] else ""
        self._say(f"{config['model']} on {config['dataset']}: {protocol}seed {config['seed']}, {config['device']}")

    @property
    def bars(self) -> bool:
        """Whether there are progress bars."""
        return self._output.shows_bars(self._config["show_progress"])

    def begin(self, training: Training) -> None:
        """Say what the data and the model consist of, and watch the epochs.

        Args:
            training: before its ``fit``.
        """
        self._training = training
        parts = {"to train": training.train_data, "to validate": training.valid_data, "to test": training.test_data}
        sizes = {name: getattr(data, "_dataset", None) for name, data in parts.items() if data}
        rows = ", ".join(f"{len(part):,} {name}" for name, part in sizes.items() if part is not None)
        data, weights = training.dataset, sum(one.numel() for one in training.model.parameters())
        self._say(
            f"{data.user_num - 1:,} users, {data.item_num - 1:,} items; rows: {rows}; {weights:,} weights"
        )  # RecBole counts a user and an item for padding
        say = self._output.say if self._output.is_brief and self._is_first else None
        self.epochs = EpochTable(training.trainer, bool(training.valid_data), say)

    def end(self) -> None:
        """Say which epoch is the best, after the last one."""
        self.epochs.end()
        if self.epochs.last is None or self.epochs.best is None:
            return
        asked = self._training.trainer.epochs
        early = f", stopped early of {asked}" if self.epochs.last < asked else ""
        self._say(f"best epoch {self.epochs.best} of {self.epochs.last}{early}")

    def result(self, bundle: str | None) -> dict[str, Any]:
        """What :func:`recbole_iacn.run` returns beside RecBole's results.

        Args:
            bundle: the bundle's folder, if one was written.
        """
        return {
            "seed": self._config["seed"],
            "valid_metric": str(self._config["valid_metric"]).lower(),
            "decimals": self._config["metric_decimal_place"],
            "best_epoch": self.epochs.best,
            "last_epoch": self.epochs.last,
            "seconds": round(time.monotonic() - self._clock, 2),
            "files": self._files(bundle),
        }

    def _files(self, bundle):
        checkpoint, log = self._training.checkpoint, run_names.log_of(self._config)
        name = os.path.splitext(os.path.basename(log or ""))[0]
        curves = self._output.within(os.path.join("log_tensorboard", name))
        named = {
            "checkpoint": checkpoint,
            "bundle": bundle,
            "log": log,
            "log_tensorboard": curves if log and os.path.isdir(curves) else None,
        }
        named = {kind: os.fspath(path) for kind, path in named.items() if path is not None}
        other = [path for path in self._others(name) if path not in named.values()]
        return {**named, **({"other": other} if other else {})}

    def _others(self, name):
        """Further files beside the checkpoint that this run has written: of a first stage, of pretraining, of data."""
        folder = self._config["checkpoint_dir"]
        if not os.path.isdir(folder):
            return []
        with os.scandir(folder) as found:
            return sorted(
                entry.path
                for entry in found
                if entry.is_file()
                and not entry.name.startswith(".")
                and entry.stat().st_mtime >= self._began
                and (name in entry.name or not _RUN.search(entry.name))
            )

    def _say(self, line):
        if self._is_first:
            self._output.say(line)
