"""Limits of a table's work: memory, threads, rows at once."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recbole_iacn.errors import ConfigError
from recbole_iacn.serving.tables.output_files import NAME_ANOTHER
from recbole_iacn.system import disk
from recbole_iacn.system.atomic_writes import scratch


@dataclass(frozen=True)
class Limits:
    """How a table is worked on; none of it changes the result but ``overwrite``.

    Attributes:
        memory: MiB for the whole process; what needs more is done on disk, beside the result.
        threads: of the database; by default one per core.
        batch_size: users or rows that the model answers at once.
        overwrite: replace the result's file if it exists.
        progress: show a progress bar, on a terminal.
    """

    memory: int = 2048
    threads: int | None = None
    batch_size: int = 4096
    overwrite: bool = False
    progress: bool = True

    @property
    def quiet(self) -> bool | None:
        """tqdm's ``disable``: None where a terminal decides."""
        return None if self.progress else True

    def check(self) -> None:
        """Reject limits that are too low.

        Raises:
            ConfigError: names the option.
        """
        for name, value, least in (
            ("memory", self.memory, 1280),
            ("threads", 1 if self.threads is None else self.threads, 1),
            ("batch_size", self.batch_size, 1),
        ):
            if value < least:
                raise ConfigError(f"{name}: must be at least {least}, got {value}")

    @contextlib.contextmanager
    def working(self, out: Path) -> Iterator[Path]:
        """A hidden folder beside the result, which is always removed in the end. What the disk refuses while the block
        lasts is one line.

        Args:
            out: the result.

        Raises:
            ConfigError: the folder, or what is written to it, cannot be written.
        """
        with disk.writing(out, NAME_ANOTHER), scratch(out.with_name(f"{out.name}.work")) as folder:
            folder.mkdir()
            yield folder

    def base(self, kind: Callable[..., Any], folder: Path, tokens: Any) -> Any:
        """A database of a kind, within the limits."""
        return kind(folder, self.memory, self.threads or os.cpu_count() or 1, tokens)
