"""A disk that is full, read-only or has a file where a folder should be, in one line that names the place."""

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from recbole_iacn.errors import ConfigError

_REFUSALS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
# What libraries say whose errors are not an OSError: PyTorch, SQLite, safetensors.
_WORDS = ("PytorchStreamWriter failed writing", "database or disk is full", "No space left on device")


@contextlib.contextmanager
def writing(place: str | os.PathLike[str], mend: str = "name another place") -> Iterator[None]:
    """Turn what a disk refuses, while a place is written, into one line.

    Args:
        place: the file or folder that is being written.
        mend: what the user can do, naming the option.

    Raises:
        ConfigError: the place, the reason, the space that is left there, and the mend.
    """
    try:
        yield
    except OSError as error:
        if isinstance(error, BrokenPipeError):  # the reader of a pipe, no disk
            raise
        raise ConfigError(f"{place}: cannot be written ({reason(error, place)}); {mend}") from error


def reason(error: OSError, place: str | os.PathLike[str]) -> str:
    """Why a disk refuses, such as ``No space left on device, 0 MB are free``.

    Args:
        error: what was raised.
        place: the file or folder that was being written.
    """
    words = error.strerror or str(error) or type(error).__name__
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        free = free_space(place)
        words += "" if free is None else f", {free / 1e6:,.0f} MB are free"
    return words


def refusal(error: BaseException) -> str | None:
    """What a disk refused, if that is why something failed: the next attempt would fail, too.

    Args:
        error: what was raised; what caused it is looked at, too.

    Returns:
        Such as ``/tmp/x: No space left on device, 0 MB are free``; None if it was something else.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno in _REFUSALS:
            place = cause.filename or tempfile.gettempdir()
            return f"{place}: {reason(cause, place)}"
        if any(words in str(cause) for words in _WORDS):
            return next(iter(str(cause).splitlines()))
        cause = cause.__cause__ or cause.__context__
    return None


def free_space(place: str | os.PathLike[str]) -> int | None:
    """Bytes that are free where a file or folder is or would be made; None where the system does not say."""
    there = next((folder for folder in (Path(place), *Path(place).absolute().parents) if folder.is_dir()), None)
    try:
        return None if there is None else shutil.disk_usage(there).free
    except OSError:
        return None
