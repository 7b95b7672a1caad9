"""What a training prints, and the folder under which it writes: one place that all who print or write ask."""

import contextlib
import logging
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Literal, TextIO

Console = Literal["log", "table", "json"]
_OWN = "recbole_iacn."


@dataclass(frozen=True)
class Output:
    """What one training prints, and where it writes.

    Attributes:
        console: ``log``: RecBole's lines go to standard error, and nothing else; ``table``: the epochs go to standard
            output as a table, warnings to standard error, and RecBole's lines to the log file alone; ``json``: as
            ``table``, and all of it to standard error. None (default): as ``log``, with progress bars also where
            standard error is not a terminal, as in a notebook.
        folder: where ``log/`` and ``log_tensorboard/`` lie; None (default) for the working folder.
    """

    console: Console | None = None
    folder: str | None = None

    @property
    def is_brief(self) -> bool:
        """Whether RecBole's lines are left to the log file."""
        return self.console in ("table", "json")

    @property
    def stream(self) -> TextIO:
        """Where progress and results are printed."""
        return sys.stderr if self.console == "json" else sys.stdout

    def shows_bars(self, asked: bool) -> bool:
        """Whether there are progress bars.

        Args:
            asked: the setting ``show_progress``.
        """
        return bool(asked) and (self.console is None or (sys.stderr is not None and sys.stderr.isatty()))

    def say(self, line: str) -> None:
        """Print a line of progress at once, where there is no log on the terminal that says it.

        Args:
            line: without its end.
        """
        if self.is_brief:
            print(line, file=self.stream, flush=True)

    def within(self, name: str) -> str:
        """The path of a file or folder that a training writes.

        Args:
            name: relative to the folder.
        """
        return name if self.folder is None else os.path.join(self.folder, name)

    @contextlib.contextmanager
    def active(self) -> Iterator[None]:
        """While active, :func:`current` returns this one in the present thread."""
        before = _current.set(self)
        try:
            yield
        finally:
            _current.reset(before)


_current: ContextVar[Output] = ContextVar("output", default=Output())  # noqa: B039  (it is frozen)


def current() -> Output:
    """The output of the training that this thread is in."""
    return _current.get()


class Notices(logging.Handler):
    """Prints what a user should read of a log: warnings to standard error, each once, and this package's own lines,
    such as what was left out or taken over, with the progress.

    Args:
        output: of the training.
    """

    def __init__(self, output: Output) -> None:
        super().__init__()
        self._output = output
        self._said: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record, or leave it to the log file."""
        is_warning = record.levelno >= logging.WARNING
        if not is_warning and not (record.name.startswith(_OWN) and record.levelno >= logging.INFO):
            return
        try:
            line = re.sub(r"\x1b\[[\d;]*m", "", record.getMessage())
            if line in self._said:
                return
            self._said.add(line)
            if not is_warning:
                self._output.say(line)
            elif sys.stderr is not None:
                print(f"{record.levelname.lower()}: {line}", file=sys.stderr, flush=True)
        except Exception:
            self.handleError(record)


def brief_bar(make: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """A progress bar; beside a table of epochs it is removed when it is full, and counts epochs from 1 as the table.

    Args:
        make: tqdm's class.
        *args, **kwargs: its arguments.
    """
    if current().is_brief:
        kwargs["leave"] = False
        kwargs["desc"] = re.sub(
            r"(?<=Train )( *\d+)", lambda epoch: f"{int(epoch[0]) + 1:>5}", kwargs.get("desc") or ""
        )
    return make(*args, **kwargs)
