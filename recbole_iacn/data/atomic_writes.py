"""Files and folders that are whole whenever they are seen: written beside their place, then renamed into it.

The rename is atomic, and what it reveals is on the disk before: after a crash, or a full disk, there is the old file or
the new one, never a part. What is written beside is removed after any failure, an interruption included.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A path to write to, a file or a folder, that takes the place of ``path`` when the block ends without an error.

    Args:
        path: a file, or a folder, which is replaced as a whole. Its parent must exist.

    Yields:
        A hidden path beside ``path``; nothing is there yet.

    Raises:
        OSError: cannot be written; ``path`` is then as it was.
    """
    with scratch(path) as partial:
        yield partial
        put_in_place(partial, path)


@contextlib.contextmanager
def scratch(path: str | Path) -> Iterator[Path]:
    """A path beside ``path``, ``.<name>.partial-<process>``, that is removed in the end, whatever happens.

    Args:
        path: what is being made.

    Yields:
        The path; nothing is there yet.
    """
    path = Path(path)
    partial = path.with_name(f".{path.name}.partial-{os.getpid()}")
    _remove(partial)  # of an earlier process with that number
    try:
        yield partial
    finally:
        _remove(partial)


def put_in_place(partial: Path, path: str | Path) -> None:
    """Rename, after all that was written has reached the disk.

    Args:
        partial: file or folder, on the same file system as ``path``.
        path: what it becomes; a folder that is there goes only when the new one has its place.
    """
    path = Path(path)
    for written in partial.rglob("*") if partial.is_dir() else [partial]:
        _to_disk(written)
    if partial.is_dir() and path.is_dir():
        before = path.with_name(f".{path.name}.before-{os.getpid()}")
        os.replace(path, before)
        try:
            os.replace(partial, path)
        except OSError:
            os.replace(before, path)
            raise
        shutil.rmtree(before, ignore_errors=True)
    else:
        os.replace(partial, path)
    with contextlib.suppress(OSError):  # a file system, such as Windows', that does not synchronise folders
        _to_disk(path.parent)


def write_text(path: str | Path, text: str) -> None:
    """Write a file of text, UTF-8.

    Args:
        path: the file.
        text: its content.
    """
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")


def _to_disk(path):
    """Windows synchronises what is open for writing, and no folder; elsewhere a folder holds its files' names."""
    if path.is_dir() and os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDWR if path.is_file() else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(path):
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
