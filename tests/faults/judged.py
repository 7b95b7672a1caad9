"""Commands that are run in this process, and what each must do: end well, or end with one line and leave nothing."""

import contextlib
import io
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from recbole_iacn.errors import ConfigError

LONGEST = 2_000  # characters of a line that a user can read


@contextlib.contextmanager
def within(seconds: float) -> Iterator[None]:
    """TimeoutError for what takes longer; a process of its own, which can be killed, is surer."""

    def stop(*_):
        raise TimeoutError(f"not done in {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(round(seconds))
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def command(arguments: Sequence[Any], seconds: float = 60, others: Sequence[int] = ()) -> tuple[int, str]:
    """Run ``recbole-iacn``.

    Args:
        arguments: the command line.
        seconds: after which it hangs.
        others: exit codes that are right beside 0 and 2.

    Returns:
        The exit code, and what it printed, errors included. Code 2 comes with one line at the end.
    """
    from recbole_iacn.cli import main

    output, code = io.TextIOWrapper(io.BytesIO(), "utf-8", newline="\n", write_through=True), 0
    with within(seconds), contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        try:
            main([str(one) for one in arguments])
        except SystemExit as end:
            code = end.code or 0
    text = output.buffer.getvalue().decode()
    shown = " ".join(str(one)[:60] for one in arguments)
    assert code in (0, 2, *others), f"{shown} ends with {code!r}: {text[-300:]}"
    assert "Traceback" not in text, f"{shown}: {text[-300:]}"
    if code == 2:
        line = (text.splitlines() or [""])[-1]
        assert "error: " in line[:60], f"{shown}: its last line is no error: {text[-300:]!r}"
        readable(line)
    return code, text


def call(work: Callable[[], Any]) -> tuple[Any, str | None]:
    """Call a function that may reject its input; returns its result, or the line by which it rejects."""
    try:
        return work(), None
    except ConfigError as error:
        readable(str(error))
        assert ": " in str(error), f"names no setting or file: {error}"
        return None, str(error)


def readable(line: str) -> None:
    """A message is one line of text, and not a page of it."""
    assert line.isprintable(), f"not one line of plain text: {line[:LONGEST]!r}"
    assert len(line) <= LONGEST, f"a line of {len(line):,} characters: {line[:300]}"


def tree(folder: Path) -> dict[str, int]:
    """What lies in a folder: path -> size, of a folder -1."""
    if not folder.is_dir():
        return {}
    return {
        str(path.relative_to(folder)): -1 if path.is_dir() else path.lstat().st_size
        for path in sorted(folder.rglob("*"))
    }


def made_once(name: str, make: Callable[[Path], object]) -> Path:
    """A folder that all tries read and that is made by the first that needs it.

    Args:
        name: of the folder.
        make: called with the folder, which is empty.
    """
    from filelock import FileLock

    place = Path(os.environ.get("FAULTS_SHARED") or _own())
    place.mkdir(parents=True, exist_ok=True)
    with FileLock(place / f"{name}.lock"):
        folder = place / name
        if not folder.is_dir():
            partial = place / f"{name}.new"
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir()
            make(partial)
            partial.rename(folder)
    return folder


_folders: list[tempfile.TemporaryDirectory] = []  # in the test suite, where no harness has named one


def _own():
    if not _folders:
        _folders.append(tempfile.TemporaryDirectory(prefix="faults-shared-"))
    return _folders[0].name
