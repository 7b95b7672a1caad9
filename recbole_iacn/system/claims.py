"""One command at a time per place: whoever comes second is told who is at work there.

A claim is the lock of a hidden folder beside the place, ``.<name>.partial-claim``. The system releases it when its
process ends, however it ends, and a claim that nobody holds is swept like other leftovers.
"""

import contextlib
import functools
import inspect
import json
import os
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ParamSpec, TypeVar

from recbole_iacn.errors import ConfigError
from recbole_iacn.system import disk

_LOCK, _WHO = ".lock", "who.json"  # .lock as in every folder of work in progress, so that a sweep knows it
_WAIT = "wait until it has ended"
_PATIENCE = 0.5  # seconds; a sweep holds a lock while it removes a folder

_P = ParamSpec("_P")
_R = TypeVar("_R")
_held: dict[Path, int] = {}  # by this process -> the thread
_guard = threading.Lock()


@contextlib.contextmanager
def claimed(path: str | os.PathLike[str], work: str, mend: str = _WAIT) -> Iterator[None]:
    """Hold a place while the block lasts. A thread that holds it already may claim it again.

    Args:
        path: the file or folder that is being made or written to; it need not exist, its parent is created.
        work: what is being done, such as ``recbole-iacn experiment``; the message of a second one names it.
        mend: what whoever comes second can do.

    Raises:
        ConfigError: another process or thread is at work there; names the place and who it is. Or nothing can be
            written beside the place.
    """
    place = Path(os.path.realpath(path))
    with _guard:
        again = _held.get(place) == threading.get_ident()
    if again:
        yield
        return
    with disk.writing(path):
        place.parent.mkdir(parents=True, exist_ok=True)
        folder, lock = _locked(place, path, mend)
    try:
        with contextlib.suppress(OSError):  # the claim is the lock; a full disk is said by whoever writes more to it
            _sign(folder, work)
        with _guard:
            _held[place] = threading.get_ident()
        yield
    finally:
        with _guard:
            _held.pop(place, None)
        shutil.rmtree(folder, ignore_errors=True)
        lock.release()


def check_free(path: str | os.PathLike[str], mend: str = _WAIT) -> None:
    """Reject a place that another process or thread holds, before any work; nothing is written.

    Args:
        path: as in :func:`claimed`.
        mend: as in :func:`claimed`.

    Raises:
        ConfigError: as in :func:`claimed`.
    """
    if _folder(Path(os.path.realpath(path))).is_dir():
        with claimed(path, "a look at it", mend):
            pass


def alone_in(parameter: str, work: str, mend: str = _WAIT) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """Decorator of a function that writes to a place: it holds the place while it runs.

    Args:
        parameter: which of its parameters is the place.
        work: as in :func:`claimed`.
        mend: as in :func:`claimed`.
    """

    def decorate(function: Callable[_P, _R]) -> Callable[_P, _R]:
        signature = inspect.signature(function)

        @functools.wraps(function)
        def alone(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            given = signature.bind(*args, **kwargs)
            given.apply_defaults()
            with claimed(given.arguments[parameter], work, mend):
                return function(*args, **kwargs)

        return alone

    return decorate


def _folder(place):
    return place.with_name(f".{place.name}.partial-claim")


def _locked(place, path, mend):
    """The claim's folder, and its lock, held."""
    from filelock import FileLock, Timeout

    folder = _folder(place)
    until = time.monotonic() + _PATIENCE
    while True:
        lock = FileLock(folder / _LOCK, thread_local=False)
        try:
            folder.mkdir(exist_ok=True)
            lock.acquire(timeout=max(until - time.monotonic(), 0.02), poll_interval=0.01)
        except (FileNotFoundError, FileExistsError):  # removed by its former holder or a sweep, and made again
            if folder.parent.is_dir() and (folder.is_dir() or not folder.exists()) and time.monotonic() < until:
                continue
            raise
        except Timeout:
            raise ConfigError(f"{path}: {_who(folder)} is at work there; {mend}") from None
        if (folder / _LOCK).is_file():
            return folder, lock
        lock.release()  # removed by its former holder, in the moment before it was ours


def _sign(folder, work):
    about = {"work": work, "process": os.getpid(), "machine": socket.gethostname(), "since": time.strftime("%X")}
    (folder / _WHO).write_text(json.dumps(about), encoding="utf-8")


def _who(folder):
    try:
        about = json.loads((folder / _WHO).read_text(encoding="utf-8"))
        return "{work} (process {process} on {machine}, since {since})".format(**about)
    except (OSError, ValueError, KeyError, IndexError, TypeError):  # it is about to sign, or has just ended
        return "another process"
