"""What a case of a fault is, and which there are."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

SECONDS = 120  # that a try may take, unless its case says otherwise


@dataclass(frozen=True)
class Case:
    """A fault that the package must survive.

    Attributes:
        kind: the row group of the table, such as ``kill``.
        what: what is done, in words, such as ``prepare table --overwrite, at any moment``.
        attempt: called with an empty folder and a seed; raises an exception if the package did not survive.
        tries: how often ``make faults`` repeats it.
        quick: a try takes at most about two seconds, so the test suite makes some.
        in_suite: how many the test suite makes, of a quick case.
        seconds: that a try may take; one that takes longer hangs, which is a failure.
        leaves: files may be left in ``TMPDIR`` after a try, which is a failure otherwise.
    """

    kind: str
    what: str
    attempt: Callable[[Path, int], None]
    tries: int
    quick: bool
    in_suite: int = 1
    seconds: float = SECONDS
    leaves: bool = False

    @property
    def name(self) -> str:
        """Module and function, by which outcomes are recorded."""
        return f"{self.attempt.__module__.removeprefix('faults.')}.{self.attempt.__qualname__}"


_cases: list[Case] = []


def case(
    kind: str,
    what: str,
    tries: int = 20,
    quick: bool = True,
    in_suite: int = 1,
    seconds: float = SECONDS,
    leaves: bool = False,
):
    """Make a function of (empty folder, seed) a case; see :class:`Case`."""

    def add(attempt):
        _cases.append(Case(kind, what, attempt, tries, quick, in_suite, seconds, leaves))
        return attempt

    return add


def cases() -> list[Case]:
    """All cases of the modules beside this one, by kind."""
    import faults

    for module in pkgutil.iter_modules(faults.__path__):
        if module.name != "__main__":
            importlib.import_module(f"faults.{module.name}")
    names = [case.name for case in _cases]
    twice = {name for name in names if names.count(name) > 1}
    assert not twice, f"two cases are called {min(twice)}"
    return sorted(_cases, key=lambda case: (case.kind, inspect.getfile(case.attempt)))
