"""Ctrl-C and SIGTERM, in the process that a user has started and in its children.

The command's process is the one that is told. It stops its children, keeps what was reached, says so in one line and
ends with 130 (Ctrl-C) or 143 (SIGTERM). Its children do not hear Ctrl-C, which a terminal sends to all of them; they
end when they are told to, or when their parent is gone.
"""

import contextlib
import multiprocessing
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.process import BaseProcess
from typing import Any

from recbole_iacn.system.hearing import Hearing, Terminated, kill_children

__all__ = [
    "Terminated",
    "begin_child",
    "deaf",
    "end_after",
    "ending_with_a_line",
    "leaving",
    "left_to_another",
    "saying",
    "start",
    "stop",
    "undisguised",
    "undisturbed",
]

Reached = str | Callable[[], str]

_hearing: Hearing | None = None
_active: list[Reached] = []  # what the blocks of saying that the main thread is in would add


@contextlib.contextmanager
def ending_with_a_line(own: bool = False) -> Iterator[None]:
    """While active, SIGTERM is an exception like Ctrl-C, and both end the process with one line.

    The line is ``interrupted``, followed by what :func:`saying` has added. The exit code is 130 or 143. Within another
    such block, or outside the main thread, it does nothing.

    Args:
        own: the process belongs to this block: it also ends where the main thread is in a long call of a library or the
            exception gets lost, and at a second signal; children of :mod:`multiprocessing` end with it. Defaults to
            False, for commands that are called as functions.
    """
    global _hearing
    if _hearing is not None or threading.current_thread() is not threading.main_thread():
        yield
        return
    _hearing = hearing = Hearing(own, _line)
    try:
        hearing.begin()
        yield
    except BaseException as error:
        number = hearing.number
        if number is None and isinstance(error, KeyboardInterrupt):
            number = signal.SIGTERM if isinstance(error, Terminated) else signal.SIGINT
        if number is None:
            raise
        reached = getattr(error, "reached", None)
        if reached is not None:
            _active[:] = [reached]
        hearing.say()
        if own:
            kill_children()
        sys.exit(128 + number)
    finally:
        hearing.end()
        _hearing = None
        _active.clear()


@contextlib.contextmanager
def saying(reached: Reached) -> Iterator[None]:
    """Add to the line of an interruption what was reached, and how to go on.

    Args:
        reached: such as ``results/x has 12 of 30 runs, the same command goes on``, or a function that returns it when
            it is asked. The innermost block's text is kept; an empty one adds nothing.
    """
    _active.append(reached)
    try:
        yield
    except BaseException as error:  # also one that a library has made of it, see undisguised
        if (isinstance(error, KeyboardInterrupt) or _is_heard()) and not getattr(error, "reached", ""):
            error.reached = _text(reached)  # type: ignore[attr-defined]
        raise
    finally:
        if _active:
            _active.pop()


@contextlib.contextmanager
def leaving(path: str | os.PathLike[str]) -> Iterator[None]:
    """Add to the line of an interruption whether a file or folder has been written, which is made as a whole.

    Args:
        path: the file or folder.
    """
    before = _identity(path)

    def state() -> str:
        if _identity(path) != before:
            return f"{path} is written"
        return f"{path} is not written" if before is None else f"{path} is as it was"

    with saying(state):
        yield


@contextlib.contextmanager
def undisguised() -> Iterator[None]:
    """An error that follows an interruption is the interruption: a library that was interrupted may raise its own."""
    try:
        yield
    except Exception as error:
        if not _is_heard():
            raise
        interrupt = KeyboardInterrupt()  # the exit code is of the signal that was heard
        interrupt.reached = getattr(error, "reached", "")  # type: ignore[attr-defined]
        raise interrupt from error


@contextlib.contextmanager
def left_to_another() -> Iterator[None]:
    """While active, signals are handled by somebody else, such as a web server with handlers of its own."""
    with _hearing.left_to_another() if _hearing else contextlib.nullcontext():
        yield


@contextlib.contextmanager
def deaf() -> Iterator[None]:
    """Children that are started in the block do not hear Ctrl-C before :func:`begin_child`; this process hears what
    came meanwhile when the block ends."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """While active, a second Ctrl-C does not interrupt what the first has begun, such as the end of children.

    For what takes a second at most; in a thread that is not the main one it changes nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        if before is not None:  # whatever set it, it was not Python, which cannot set it again
            signal.signal(signal.SIGINT, before)


def start(process: BaseProcess) -> None:
    """Start a child that does not hear Ctrl-C from its first moment, before it reaches :func:`begin_child`.

    Args:
        process: of :mod:`multiprocessing`, not yet started.
    """
    with deaf():
        process.start()


def begin_child() -> None:
    """Called first in a child process: it does not hear Ctrl-C, ends at once at SIGTERM, and when its parent is gone.

    Not for a child that has work to put in order; what it leaves on the disk is swept
    (:mod:`~recbole_iacn.system.leftovers`).
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    from tqdm import tqdm  # a fifth of a second that most commands need not wait for

    # By default tqdm shares a semaphore with other processes, and Python warns of one whose process was ended.
    tqdm.set_lock(threading.RLock())
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_after, args=(parent,), daemon=True, name="parent").start()


def end_after(parent: int) -> None:
    """Called in a child that is no process of :mod:`multiprocessing` and leads a group of its own: the whole group ends
    when the parent is gone.

    Args:
        parent: the parent's number; it may be gone already.
    """

    def wait() -> None:
        while os.getppid() == parent:
            time.sleep(0.25)
        os.killpg(os.getpgrp(), signal.SIGKILL)

    threading.Thread(target=wait, daemon=True, name="parent").start()


def stop(processes: Iterable[BaseProcess], seconds: float = 1.0) -> None:
    """End children: told first, and killed if they do not end in time.

    Args:
        processes: of :mod:`multiprocessing`.
        seconds: that all of them together have, between the two.
    """
    with undisturbed():
        processes = [process for process in processes if process.is_alive()]
        for process in processes:
            process.terminate()
        until = time.monotonic() + seconds
        for process in processes:
            process.join(max(until - time.monotonic(), 0))
            if process.is_alive():
                process.kill()
                process.join()


def _identity(path: str | os.PathLike[str]) -> tuple[int, int] | None:
    """What another file or folder in the same place would not have; None where there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def _is_heard() -> bool:
    return _hearing is not None and _hearing.number is not None


def _line() -> str:
    """The line of an interruption."""
    texts = [text for text in map(_text, reversed(_active)) if text]
    return "; ".join(["interrupted", *texts[:1]])


def _text(reached: Reached) -> str:
    try:
        return reached() if callable(reached) else reached
    except Exception:  # it describes a state that is being changed
        return ""


def _end_after(parent: BaseProcess) -> None:
    parent.join()
    own: dict[str, Any] = vars(multiprocessing.current_process())["_config"]
    if "tempdir" in own:  # of the sockets by which a loader's worker hands on tensors
        shutil.rmtree(own["tempdir"], ignore_errors=True)
    os._exit(143)
