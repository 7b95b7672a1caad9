"""Tries of cases, each in a process, a folder, a HOME and a TMPDIR of its own, with a limit of time.

A try's process is forked from this one, which has imported what most cases need, so that a try costs hundredths of a
second. It leads a session of its own: what it started, and did not end, is found there after it.
"""

import contextlib
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path

from faults.cases import Case

_GRACE = 2.0  # seconds in which processes that a try has started may end after it
_LONGEST = 300  # characters of a failure that are recorded
_CACHES = ("torchinductor_*", ".ses")  # which PyTorch and ONNX Runtime keep there for their next process
_PRELOADED = ("torch", "pandas", "recbole_iacn.building", "recbole_iacn.cli.commands", "recbole_iacn.data")


class Try:
    """One case with one seed, under way.

    Args:
        case: the case.
        seed: decides the moment, the damage or the payload.
    """

    def __init__(self, case: Case, seed: int) -> None:
        self.case, self.seed = case, seed
        self.begun = time.monotonic()
        self.place = Path(tempfile.mkdtemp(prefix="faults-"))
        for name in ("work", "tmp", "home"):
            (self.place / name).mkdir()
        self.process = os.fork()
        if not self.process:
            _attempt(case, seed, self.place)

    def outcome(self) -> dict | None:
        """What has become of it: name, seed, seconds and failure, which is None if the package survived; None while it
        is under way."""
        ended, status = os.waitpid(self.process, os.WNOHANG)
        seconds = time.monotonic() - self.begun
        if not ended and seconds < self.case.seconds:
            return None
        failure = self._failure(status) if ended else f"hangs: not done in {self.case.seconds:.0f} s"
        self.end()
        found = {"name": self.case.name, "seed": self.seed, "seconds": round(seconds, 2), "failure": failure}
        return found

    def end(self) -> None:
        """Kill what is left of it, and remove its folder."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.process, 0)
        _remove(self.place)

    def _failure(self, status):
        code = os.waitstatus_to_exitcode(status)
        text = _text(self.place / "failure")
        if text:
            return text
        if code:
            last = (_text(self.place / "output").strip().splitlines() or [""])[-1]
            return f"the process ended with {code}: {last}"[:_LONGEST]
        if not _empty_of_processes(self.process):
            return "processes that it started go on after it"
        left = [] if self.case.leaves else _names_in(self.place / "tmp")
        return f"leaves {', '.join(left)}"[:_LONGEST] if left else None


def run(tries: Sequence[tuple[Case, int]], jobs: int) -> Iterator[dict]:
    """Make tries, several at the same time; yields their outcomes as they end.

    Args:
        tries: (case, seed).
        jobs: how many at the same time.
    """
    preload()
    waiting, under_way = list(reversed(tries)), []
    try:
        while waiting or under_way:
            while waiting and len(under_way) < jobs:
                under_way.append(Try(*waiting.pop()))
            time.sleep(0.005)
            for one in list(under_way):
                outcome = one.outcome()
                if outcome is not None:
                    under_way.remove(one)
                    yield outcome
    finally:
        for one in under_way:
            one.end()


def preload() -> None:
    """Import what most cases need, once for all tries."""
    import importlib

    for name in _PRELOADED:
        importlib.import_module(name)
    import recbole.quick_start  # noqa: F401


def _attempt(case, seed, place):
    """The child's side; it does not return."""
    code = 1
    try:
        os.setsid()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        _redirect(place / "output")
        os.environ |= {"TMPDIR": str(place / "tmp"), "HOME": str(place / "home")}
        tempfile.tempdir = None
        os.chdir(place / "work")
        sys.argv = ["test"]
        case.attempt(place / "work", seed)
        code = 0
    except BaseException as error:
        (place / "failure").write_text(_in_words(error), encoding="utf-8", errors="replace")
        with contextlib.suppress(BaseException):
            traceback.print_exc()
    finally:
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _in_words(error):
    lines = " ".join(str(error).split())
    where = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {lines} ({Path(where.filename).name}:{where.lineno})"[:_LONGEST]


def _redirect(path):
    output = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(output, stream)
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    sys.stdout, sys.stderr = (open(one, "w", buffering=1, closefd=False) for one in (1, 2))  # noqa: SIM115


def _text(path):
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""


def _names_in(folder):
    return sorted(path.name for path in folder.iterdir() if not any(map(path.match, _CACHES)))


def _empty_of_processes(group):
    """Whether all that a try started has ended, at the latest a little after it."""
    until = time.monotonic() + _GRACE
    while time.monotonic() < until:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False


def _remove(place):
    """Also what a try has made read-only."""
    for path in [place, *place.rglob("*")]:
        if path.is_dir() and not path.is_symlink():
            with contextlib.suppress(OSError):
                path.chmod(0o700)
    shutil.rmtree(place, ignore_errors=True)
