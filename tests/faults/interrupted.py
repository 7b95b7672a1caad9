"""Commands that are interrupted or killed at a moment that a seed decides, and then run once more.

A command runs in a session of its own: in a new interpreter, so that the moment may fall into its imports, or, where
``make faults`` has imported what it needs, more often in a fork, which costs no time.
"""

import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from faults.judged import made_once

ROOT = Path(__file__).parents[2]
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}
LONGEST = 30.0  # seconds in which a process ends that was told to
_WHOLE = 200.0  # seconds in which an undisturbed command ends, on a busy machine
_CHILDREN = 2.0  # seconds in which no process of a command that has ended may be left
_FRESH = "import os, sys, recbole_iacn_command as c; os.write(int(sys.argv.pop(1)), b'.'); c.main()"


@dataclass
class Ended:
    """How a command ended.

    Attributes:
        code: its exit code, negative for a signal.
        out, err: what it printed.
        seconds: how long it took.
    """

    code: int
    out: str
    err: str
    seconds: float


class Running:
    """A command under way.

    Args:
        arguments: the command line.
        folder: where it runs, and where its output is kept.
        fresh: in a new interpreter rather than in a fork of this process.
    """

    def __init__(self, arguments: Sequence[Any], folder: Path, fresh: bool) -> None:
        self.folder = folder
        words = [str(one) for one in arguments]
        ready, tell = os.pipe()
        start = _in_new_interpreter if fresh else _in_fork
        self.process = start(words, folder, tell)
        os.close(tell)
        os.read(ready, 1)
        os.close(ready)
        self.begun = time.monotonic()

    def tell(self, number: int) -> None:
        """Send a signal: Ctrl-C to all its processes, as a terminal does, others to the first."""
        with contextlib.suppress(ProcessLookupError):
            (os.killpg if number == signal.SIGINT else os.kill)(self.process, number)

    def ended(self, longest: float = _WHOLE) -> Ended:
        """Wait for its end, and for that of its children, which have two seconds."""
        until = time.monotonic() + longest
        while True:
            done, status = os.waitpid(self.process, os.WNOHANG)
            if done:
                break
            if time.monotonic() > until:
                os.killpg(self.process, signal.SIGKILL)
                raise AssertionError(f"hangs, not ended in {longest:.0f} s: {self.text('err')[-300:]}")
            time.sleep(0.005)
        seconds = time.monotonic() - self.begun
        until = time.monotonic() + _CHILDREN
        while _is_there(self.process):
            if time.monotonic() > until:
                left = subprocess.run(["ps", "-o", "args", "-g", str(self.process)], capture_output=True, text=True)
                with contextlib.suppress(ProcessLookupError):  # it has ended meanwhile, too late
                    os.killpg(self.process, signal.SIGKILL)
                raise AssertionError(f"children go on: {left.stdout}")
            time.sleep(0.01)
        return Ended(os.waitstatus_to_exitcode(status), self.text("out"), self.text("err"), seconds)

    def text(self, stream: str) -> str:
        """What it has printed to ``out`` or ``err``."""
        return (self.folder / stream).read_text(errors="replace")


def _in_new_interpreter(words, folder, tell):
    paths = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    with open(folder / "out", "w") as out, open(folder / "err", "w") as err:
        return subprocess.Popen(
            [sys.executable, "-c", _FRESH, str(tell), *words],
            cwd=folder / "work",
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            pass_fds=[tell],
            start_new_session=True,
            env=os.environ | {"PYTHONPATH": paths},
        ).pid


def _in_fork(words, folder, tell):
    process = os.fork()
    if process:
        return process
    code = 70
    try:
        os.setsid()
        for stream, name in ((1, "out"), (2, "err")):
            os.dup2(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
        sys.stdout, sys.stderr = (open(one, "w", buffering=1, closefd=False) for one in (1, 2))  # noqa: SIM115
        os.chdir(folder / "work")
        code = _run(words, tell)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def _run(words, tell):
    import multiprocessing.util

    from recbole_iacn.cli import commands
    from recbole_iacn.system import interrupts

    try:
        with interrupts.ending_with_a_line(own=True):
            os.write(tell, b".")
            commands.main(words)
    except SystemExit as end:
        return end.code or 0
    finally:
        multiprocessing.util._exit_function()
    return 0


def _is_there(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@dataclass(frozen=True)
class Command:
    """A command that is interrupted.

    Attributes:
        name: of the command.
        arguments: from the folder of inputs to its command line; it writes below ``made/``.
        result: from its folder and how it ended to what must be the same; by default the bytes of all files.
    """

    name: str
    arguments: Callable[[Path], list[Any]]
    result: Callable[[Path, Ended], Any] | None = None

    def run(self, inputs: Path, folder: Path, fresh: bool) -> Running:
        """Start it in a folder."""
        (folder / "work").mkdir(exist_ok=True)
        return Running(self.arguments(inputs), folder, fresh)

    def found(self, folder: Path, ended: Ended) -> Any:
        """What a finished command has made."""
        assert ended.code == 0, f"ended with {ended.code}: {ended.err[-300:]}"
        hidden = [path.name for path in (folder / "work").rglob(".*") if path.name != ".gitignore"]
        assert not hidden, f"left behind: {', '.join(hidden)}"
        return (self.result or digests)(folder, ended)


def digests(folder: Path, ended: Ended | None = None) -> dict[str, str]:
    """Path -> SHA-256 of all that lies in a folder's ``work``."""
    work = folder / "work"
    return {
        str(path.relative_to(work)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(work.rglob("*"))
        if path.is_file()
    }


def usual(command: Command, inputs: Path, fresh: bool) -> tuple[Path, dict[str, Any]]:
    """A folder in which a command ended undisturbed, what it made, and how long it took."""

    def make(folder):
        ended = command.run(inputs, folder, fresh).ended()
        found = command.found(folder, ended)
        (folder / "usual.json").write_text(json.dumps({"found": found, "seconds": ended.seconds}))

    folder = made_once(f"usual-{command.name}-{'fresh' if fresh else 'forked'}".replace(" ", "-"), make)
    return folder, json.loads((folder / "usual.json").read_text())


def disturb(command: Command, inputs: Path, folder: Path, seed: int, numbers: Sequence[int]) -> None:
    """Send one of the signals at any moment until the usual end, look at the end, and run the command again.

    Every second try replaces what an earlier run has made.
    """
    source = random.Random(seed)
    fresh = not os.environ.get("FAULTS_SHARED") or seed % 3 == 0
    made, expected = usual(command, inputs, fresh)
    if seed % 2:
        shutil.copytree(made / "work", folder / "work")
    running = command.run(inputs, folder, fresh)
    number = source.choice(list(numbers))
    time.sleep(source.uniform(0, expected["seconds"]))
    running.tell(number)
    ended = running.ended(LONGEST)
    if number in CODES:
        check_line(ended, number, lambda: _all_done(command, folder, ended, expected["found"]))
    again = command.run(inputs, folder, fresh).ended()
    found = _found(command, folder, again)
    assert found == expected["found"], f"not what an undisturbed run makes: {found} rather than {expected['found']}"


def _found(command, folder, ended):
    """As it is recorded of the undisturbed run."""
    return json.loads(json.dumps(command.found(folder, ended)))


def _all_done(command, folder, ended, expected):
    try:
        return _found(command, folder, replace(ended, code=0)) == expected
    except AssertionError:  # something is left behind, or not there
        return False


def check_line(ended: Ended, number: int, done: Callable[[], bool]) -> None:
    """A command that was interrupted says so in one line and in its exit code; it may also have ended before.

    Args:
        ended: how it ended.
        number: the signal.
        done: whether it has made all that it makes undisturbed. Only then may it end with 0, or, since Python hears no
            more when it has finished, by the signal itself, without a line.
    """
    assert "Traceback" not in ended.err + ended.out, ended.err[-600:]
    if ended.code in (0, -number):
        assert done(), f"code {ended.code} before all was done: {ended.err[-300:]!r}"
        return
    lines = [line for line in ended.err.splitlines() if line.startswith("interrupted")]
    assert (ended.code, len(lines)) == (CODES[number], 1), f"code {ended.code}: {ended.err[-300:]!r}"
    assert ended.err.endswith(f"{lines[0]}\n"), f"not the last line: {ended.err[-300:]!r}"
