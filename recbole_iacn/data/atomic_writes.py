"""Atomic writes of files and folders: written beside the target, then renamed to it.

The rename is atomic, and the content is on the disk before it: after a crash, or with a full disk, there is the old
file or the new one, never a part. The temporary path is removed after any failure, including an interruption.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A path to write to, a file or a folder, that replaces ``path`` when the block ends without an error.

    Args:
        path: a file, or a folder, which is replaced as a whole. Its parent must exist.

    Yields:
        A hidden path beside ``path``; nothing is there yet.

    Raises:
        OSError: the path cannot be written; it is then unchanged.
    """
    with scratch(path) as partial:
        yield partial
        put_in_place(partial, path)


@contextlib.contextmanager
def scratch(path: str | Path) -> Iterator[Path]:
    """A path beside ``path``, ``.<name>.partial-<process>``, that is always removed in the end.

    Args:
        path: the file or folder that is being made.

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
    """Rename, after everything that was written has reached the disk.

    Args:
        partial: file or folder, on the same file system as ``path``.
        path: the new name; an existing folder is removed only after the new one has taken its place.
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
    """Windows synchronises only files that are open for writing; elsewhere a folder holds its files' names."""
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
