"""Ctrl-C and SIGTERM, in the process that a user has started and in its children.

The command's process is the one that is told. It stops its children, keeps what was reached, says so in one line and
ends with 130 (Ctrl-C) or 143 (SIGTERM). Its children do not hear Ctrl-C, which a terminal sends to all of them; they
end when they are told to, or when their parent is gone.
"""

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.process import BaseProcess
from types import FrameType


class Terminated(KeyboardInterrupt):
    """SIGTERM: what Ctrl-C is, from another process."""


@contextlib.contextmanager
def ending_with_a_line() -> Iterator[None]:
    """While active, SIGTERM is an exception like Ctrl-C, and both end the process with one line.

    The line is ``interrupted``, followed by what :func:`saying` has added. The exit code is 130 or 143.
    """
    before = None
    if threading.current_thread() is threading.main_thread():
        before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    except KeyboardInterrupt as interrupt:
        reached = getattr(interrupt, "reached", "")
        print(f"interrupted; {reached}" if reached else "interrupted", file=sys.stderr, flush=True)
        sys.exit(143 if isinstance(interrupt, Terminated) else 130)
    finally:
        if before is not None:
            signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def saying(reached: str | Callable[[], str]) -> Iterator[None]:
    """Add to the line of an interruption what was reached, and how to go on.

    Args:
        reached: such as ``results/x has 12 of 30 runs; the same command goes on``, or a function that counts when it is
            asked. The innermost block's text is kept.
    """
    try:
        yield
    except KeyboardInterrupt as interrupt:
        if not getattr(interrupt, "reached", ""):
            with undisturbed():
                interrupt.reached = reached() if callable(reached) else reached  # type: ignore[attr-defined]
        raise


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
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        process.start()
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # a child inherits what is blocked
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def begin_child() -> None:
    """Called first in a child process: it does not hear Ctrl-C, ends at once at SIGTERM, and when its parent is gone.

    Not for a child that has work to put in order; what it leaves on the disk is swept
    (:mod:`~recbole_iacn.system.leftovers`).
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_after, args=(parent,), daemon=True, name="parent").start()


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


def _terminate(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one must not interrupt what the first has begun
    raise Terminated


def _end_after(parent: BaseProcess) -> None:
    parent.join()
    os._exit(143)
