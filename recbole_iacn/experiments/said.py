"""What runs say: the warnings of a training, which are kept with its result and printed once for all runs."""

from __future__ import annotations

import contextlib
import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

_OF_THE_PLAN = "Settings without effect"  # those that the check of a plan has said before the first run
_PACKAGE = "recbole_iacn"


class _Distinct(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: dict[str, None] = {}

    def emit(self, record: logging.LogRecord) -> None:
        self.lines[record.getMessage()] = None


@contextlib.contextmanager
def collected() -> Iterator[dict[str, None]]:
    """While active, keep this package's warnings, each once, and print none: they would break a progress bar.

    Yields:
        dict: its keys are the lines, in order; it grows.
    """
    logger, handler = logging.getLogger(_PACKAGE), _Distinct()
    before = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.WARNING)
    logger.propagate = False
    try:
        yield handler.lines
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before[0])
        logger.propagate = before[1]


@contextlib.contextmanager
def unheard() -> Iterator[None]:
    """While active, drop this package's warnings: a training that goes on warns of the interruption, and its result is
    that of an uninterrupted one."""
    logger = logging.getLogger(_PACKAGE)
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)


class Said:
    """The lines of several runs, counted.

    Args:
        noun: what a run is called.
    """

    def __init__(self, noun: str = "run") -> None:
        self._counts: Counter[str] = Counter()
        self._runs, self._noun = 0, noun

    def add(self, result: Mapping[str, Any]) -> None:
        """Count the lines of a run.

        Args:
            result: with its ``warnings``, which earlier versions did not keep.
        """
        self._runs += 1
        self._counts.update(result.get("warnings") or [])

    def lines(self) -> list[str]:
        """Each line once, with the number of runs that said it; without those of the plan's check."""
        of = f" of {self._runs} {self._noun}{'' if self._runs == 1 else 's'})"
        return [f"{line} ({n}{of}" for line, n in self._counts.items() if not line.startswith(_OF_THE_PLAN)]
