"""Atomic writes of files and folders: written beside the target, then renamed to it.

The rename is atomic, and the content is on the disk before it: after a crash, or with a full disk, there is the old
file or the new one, never a part. What was being written is removed after any failure, including an interruption, and
after a kill by the next that writes to the same folder.
"""

import contextlib
import ctypes
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from recbole_iacn.errors import ConfigError
from recbole_iacn.system import leftovers

_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # Linux's fcntl.h and fs.h


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A path to write to, a file or a folder, that replaces ``path`` when the block ends without an error.

    Args:
        path: a file, or a folder, which is replaced as a whole. Its parent must exist.

    Yields:
        A path of the same name in a hidden folder beside ``path``; nothing is there yet.

    Raises:
        OSError: the path cannot be written; it is then unchanged.
    """
    with scratch(path) as partial:
        yield partial
        put_in_place(partial, path)


@contextlib.contextmanager
def scratch(path: str | Path) -> Iterator[Path]:
    """A path beside ``path``, of the same name in a hidden folder (:mod:`~recbole_iacn.system.leftovers`), that is
    always removed in the end. What dead processes have left in the parent is removed first.

    Args:
        path: the file or folder that is being made. Its parent must exist.

    Yields:
        The path; nothing is there yet.

    Raises:
        ConfigError: the path has no name of its own.
    """
    check_named(path)
    path = Path(path)
    restore(path)
    leftovers.sweep(path.parent)
    with leftovers.held(path) as folder:
        yield folder / path.name


@contextlib.contextmanager
def with_parents(path: str | Path) -> Iterator[None]:
    """The folders above a path, made if they are missing; those that were made are removed again after a failure.

    Args:
        path: the file or folder that is written within the block.

    Raises:
        OSError: they cannot be made.
    """
    parent = Path(path).absolute().parent
    missing = [folder for folder in (parent, *parent.parents) if not os.path.lexists(folder)]
    try:
        parent.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        for folder in missing:
            with contextlib.suppress(OSError):  # it was not made, or another process uses it by now
                folder.rmdir()
        raise


def check_named(path: str | os.PathLike[str]) -> None:
    """Reject ``.``, ``..`` and an empty path, which are places and not the name of something that can be made there.

    Args:
        path: the file or folder to make.

    Raises:
        ConfigError: names the path, and the mend.
    """
    if Path(path).name in ("", ".."):
        raise ConfigError(f"{path}: is a place, and nothing can be made in its stead; name a file or folder in it")


def put_in_place(partial: Path, path: str | Path) -> None:
    """Rename, after everything that was written has reached the disk.

    Args:
        partial: file or folder, on the same file system as ``path``.
        path: the new name. An existing folder changes places with the new one, where the system can do so in one step
            (Linux); elsewhere it is ``.<name>.before`` for the moment between two renames, see :func:`restore`.
    """
    path = Path(path)
    for written in partial.rglob("*") if partial.is_dir() else [partial]:
        _to_disk(written)
    if partial.is_dir() and path.is_dir():
        if not _exchanged(partial, path):
            _by_two_renames(partial, path)
        shutil.rmtree(partial, ignore_errors=True)
    else:
        os.replace(partial, path)
    with contextlib.suppress(OSError):  # a file system, such as Windows', that does not synchronise folders
        _to_disk(path.parent)


def restore(path: str | Path) -> None:
    """Complete what a process that died between the two renames of :func:`put_in_place` has begun.

    Args:
        path: the folder that was being replaced. If it is missing, its former self is put back; otherwise that is
            removed.
    """
    before = _before(Path(path))
    if before.is_dir():
        if Path(path).exists():
            shutil.rmtree(before, ignore_errors=True)
        else:
            os.replace(before, path)


def put_right(path: str | Path) -> None:
    """Complete or remove what a process that was killed has left of a file or folder, and beside it: before it is
    looked whether there is something already.

    Args:
        path: that is to be made; neither it nor its parent need exist.
    """
    with contextlib.suppress(OSError):  # no obstacle; whoever writes there says why not
        restore(path)
        leftovers.sweep(Path(path).parent)


def write_text(path: str | Path, text: str) -> None:
    """Write a file of text, UTF-8.

    Args:
        path: the file.
        text: its content.
    """
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")


def _before(path):
    return path.with_name(f".{path.name}.before")


def _exchanged(one, other):
    """Whether two paths have changed places in one step: only Linux can, and not on every file system."""
    if sys.platform != "linux":
        return False
    rename: Any = getattr(ctypes.CDLL(None), "renameat2", None)
    return rename is not None and not rename(
        _AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE
    )


def _by_two_renames(partial, path):
    before = _before(path)
    os.replace(path, before)
    try:
        os.replace(partial, path)
    except BaseException:
        os.replace(before, path)
        raise
    os.replace(before, partial)


def _to_disk(path):
    """Windows synchronises only files that are open for writing; elsewhere a folder holds its files' names."""
    if path.is_dir() and os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDWR if path.is_file() else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
