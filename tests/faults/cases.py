"""What a case of a fault is, and how cases are repeated and counted."""

import importlib
import pkgutil
import shutil
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Case:
    """A fault that the package must survive.

    Attributes:
        kind: the row group of the table, such as ``kill``.
        what: what is done, in words, such as ``prepare table --overwrite, at any moment``.
        attempt: called with an empty folder and a seed; raises an exception if the package did not survive.
        tries: how often ``make faults`` repeats it.
        quick: a try takes at most about two seconds, so the test suite makes one.
    """

    kind: str
    what: str
    attempt: Callable[[Path, int], None]
    tries: int
    quick: bool


@dataclass(frozen=True)
class Outcome:
    """How often a case was tried and survived, and the first failure."""

    case: Case
    tries: int
    survived: int
    failure: str | None


_cases: list[Case] = []


def case(kind: str, what: str, tries: int = 20, quick: bool = True):
    """Make a function of (empty folder, seed) a case; see :class:`Case`."""

    def add(attempt):
        _cases.append(Case(kind, what, attempt, tries, quick))
        return attempt

    return add


def cases() -> list[Case]:
    """All cases of the modules beside this one."""
    import faults

    for module in pkgutil.iter_modules(faults.__path__):
        if module.name != "__main__":
            importlib.import_module(f"faults.{module.name}")
    return sorted(_cases, key=lambda case: case.kind)


def repeat(case: Case, tries: int | None = None, first: int = 0) -> Outcome:
    """Try a case with as many seeds, each in an empty folder of its own."""
    tries = case.tries if tries is None else tries
    survived, failure = 0, None
    for seed in range(first, first + tries):
        folder = Path(tempfile.mkdtemp(prefix="faults-"))
        try:
            case.attempt(folder, seed)
            survived += 1
        except Exception:
            failure = failure or f"seed {seed}: {traceback.format_exc()}"
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    return Outcome(case, tries, survived, failure)
