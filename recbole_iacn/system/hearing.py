"""Signals of a process that belongs to one command: heard once, obeyed whatever the process is doing.

Python raises KeyboardInterrupt between two lines of the main thread. That is too late where the main thread is in a
long call of a library, and lost where a library swallows every exception. So a thread watches, woken by the C part of
Python's signals, and ends the process itself if the exception has not ended it in time. What is then unfinished on the
disk is swept by the next process (:mod:`~recbole_iacn.system.leftovers`).
"""

import atexit
import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

STUCK = 1.5  # seconds in which the main thread must have heard
LONGEST = 5.0  # seconds in which the process must have ended
_SAME = 1.0  # seconds: a signal that comes twice, to the group and to the process, is one


class Terminated(KeyboardInterrupt):
    """SIGTERM: what Ctrl-C is, from another process."""


class Hearing:
    """What a process is told by SIGINT and SIGTERM, from :meth:`begin` to :meth:`end`.

    Args:
        own: the process belongs to the command alone. It is then ended by force where it does not end by itself, and at
            the second signal.
        line: what to print at the end.

    Attributes:
        number: the signal that was heard; None before.
    """

    def __init__(self, own: bool, line: Callable[[], str]) -> None:
        self.number: int | None = None
        self._own, self._line = own, line
        self._at = 0.0
        self._pid = os.getpid()
        self._heard, self._over = threading.Event(), threading.Event()
        self._printed = False
        self._before: dict[int, Any] = {}
        self._pipe: tuple[int, int] | None = None

    def begin(self) -> None:
        """Hear from now on. A signal that is ignored, as Ctrl-C is in the background of a shell's script, stays so."""
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) != signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._hear)
        if self._own:
            self._hook, sys.unraisablehook = sys.unraisablehook, self._unraisable
            self._last, sys.excepthook = sys.excepthook, self._uncaught
            atexit.register(self._exit)  # so early that it is called last
            self._watch()

    def end(self) -> None:
        """Hear no more. In a process of its own, a signal now ends what is left of it at once."""
        if self._own:
            for number in self._before:
                signal.signal(number, lambda heard, frame: self.at_once(heard))
            return
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def say(self) -> None:
        """Print the line, once."""
        if not self._printed:
            self._printed = True
            with contextlib.suppress(OSError, ValueError):  # nobody reads it
                print(self._line(), file=sys.stderr, flush=True)

    def at_once(self, number: int) -> None:
        """Print the line and end, with the children, whatever they are doing."""
        if not self._printed:
            self._printed = True
            with contextlib.suppress(OSError):
                os.write(2, f"{self._line()}\n".encode())  # the main thread may hold the lock of sys.stderr
        kill_children()
        os._exit(128 + number)

    @contextlib.contextmanager
    def left_to_another(self) -> Iterator[None]:
        """While active, somebody else hears, such as a web server with handlers of its own."""
        watched = signal.set_wakeup_fd(-1) if self._pipe else -1
        try:
            yield
        finally:
            if self._pipe:
                signal.set_wakeup_fd(watched)
                if self.number is not None:
                    os.write(self._pipe[1], bytes([self.number]))

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._pid:  # a child, in its first moment
            if number == signal.SIGTERM:
                os._exit(128 + number)
            return
        if self.number is not None:
            if time.monotonic() - self._at < _SAME:
                return
            if self._own:
                self.at_once(self.number)
        self.number, self._at = number, time.monotonic()
        self._heard.set()
        raise Terminated if number == signal.SIGTERM else KeyboardInterrupt

    def _unraisable(self, lost: Any) -> None:
        """An exception in a destructor goes no further; it is raised again, outside of it. Others of a process that
        was told to end are of objects that it has left half made, such as a loader."""
        if self.number is None:
            self._hook(lost)
            return
        if not isinstance(lost.exc_value, KeyboardInterrupt):
            return
        number, self.number = self.number, None
        again = threading.Timer(0.01, signal.raise_signal, [number])
        again.daemon = True
        again.start()

    def _exit(self) -> None:
        """With the exit code: where the exception went through exec() of text, Python would kill itself instead."""
        if self._printed and self.number is not None and os.getpid() == self._pid:
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(OSError, ValueError):
                    stream.flush()
            os._exit(128 + self.number)

    def _uncaught(self, kind: Any, error: BaseException, trace: Any) -> None:
        """Between the command's last line and the end."""
        if self.number is None or not isinstance(error, KeyboardInterrupt):
            self._last(kind, error, trace)
            return
        self.at_once(self.number)

    def _watch(self) -> None:
        if os.name != "posix":
            return
        self._pipe = reading, writing = os.pipe()
        os.set_blocking(writing, False)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        os.register_at_fork(after_in_child=self._in_child)
        threading.Thread(target=self._await, args=(reading,), daemon=True, name="signals").start()

    def _await(self, reading: int) -> None:
        number = 0
        while number not in self._before:  # other signals, such as that of a child's end, are written, too
            number = os.read(reading, 1)[0]
        if self._heard.wait(STUCK):
            time.sleep(LONGEST)
        self.at_once(number)

    def _in_child(self) -> None:
        """Children by fork: the parent hears for them."""
        if os.getpid() != self._pid and self._pipe:
            signal.set_wakeup_fd(-1)
            if signal.SIGINT in self._before:
                signal.signal(signal.SIGINT, signal.SIG_IGN)
            if signal.SIGTERM in self._before:
                signal.signal(signal.SIGTERM, signal.SIG_DFL)


def kill_children() -> None:
    """End all children of :mod:`multiprocessing`, without waiting for them. PyTorch's loaders would raise an error for
    each."""
    if hasattr(signal, "SIGCHLD") and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for process in multiprocessing.active_children():
        process.kill()
