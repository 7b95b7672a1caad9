"""A disk that is full, read-only or has a file where a folder should be, in one line that names the place."""

import contextlib
import errno
import os
import re
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from recbole_iacn.errors import ConfigError
from recbole_iacn.system import leftovers

_BLOCK = 4096  # bytes that are written on trial: a full disk may still have room for names
_FULL = (errno.ENOSPC, errno.EDQUOT)
_REFUSALS = (*_FULL, errno.EFBIG, errno.EROFS, errno.EIO, errno.ENAMETOOLONG)  # of writing, whatever the file

# What packages say of a disk without the system's own words for it, by the package that raises it.
_WORDS = {
    "duckdb": "failed to offload data block|Could not write file|Failed to create directory|Cannot open file",
    "sqlite3": "disk is full|disk I/O error|readonly database|unable to open database file",
    "safetensors": "I/O error",
    # PyTorch raises a plain RuntimeError.
    "builtins": "PytorchStreamWriter failed|unexpected pos|open file failed|iostream error|Parent directory .* exist",
}


@contextlib.contextmanager
def writing(place: str | os.PathLike[str], mend: str = "name another place") -> Iterator[None]:
    """Turn what a disk refuses, while a place is written, into one line, whichever package has met it.

    Args:
        place: the file or folder that is being written.
        mend: what the user can do, naming the option.

    Raises:
        ConfigError: the place, the reason, the space that is left there, and the mend.
    """
    try:
        yield
    except (ConfigError, BrokenPipeError):  # said already; the reader of a pipe, not a disk
        raise
    except Exception as error:
        if not isinstance(error, OSError) and not refused(error):
            raise
        other = _other_file(error, Path(place))
        if other is not None:
            raise ConfigError(f"{other}: {reason(error, other)}") from error
        raise ConfigError(f"{place}: cannot be written ({reason(error, place)}); {mend}") from error


def refused(error: BaseException) -> bool:
    """Whether a disk has refused to write, whatever the kind of the exception: an OSError of the system's, or an error
    of DuckDB's, PyTorch's, safetensors' or SQLite's that stands for one.

    An OSError that a file may have to itself, such as a missing one, is not counted: it may be of a file that is read.

    Args:
        error: what was raised.
    """
    return _number(error) in _REFUSALS or _by_its_words(error)


def reason(error: BaseException, place: str | os.PathLike[str]) -> str:
    """Why a disk refuses, such as ``No space left on device, 0 MB are free``.

    Args:
        error: what was raised.
        place: the file or folder that was being written.
    """
    number = _number(error)
    if number is not None:
        words = os.strerror(number)
    else:
        words = (str(error).splitlines() or [""])[0].strip() or type(error).__name__
    free = free_space(place) if number in _FULL or (number is None and _may_be_full(error)) else None
    return words if free is None else f"{words}, {free / 1e6:,.0f} MB are free"


def check(place: str | os.PathLike[str], mend: str = "name another place", within: bool = False) -> None:
    """Reject a file or folder that cannot be written, before any work: what the work begins with is made and removed.

    Args:
        place: the file or folder that will be made or replaced; it, and its parents, may be missing.
        mend: what the user can do, naming the option.
        within: the place is a folder that stays, and files will be written into it.

    Raises:
        ConfigError: as :func:`writing`.
    """
    place = Path(place)
    there = next(path for path in (place, *place.parents) if os.path.lexists(path))
    if ((within or there != place) and not there.is_dir()) or kind(there) == "a link to nothing":
        raise ConfigError(f"{place}: cannot be written ({there} is {kind(there)}); {mend}")
    try:
        for path in (place, *(there / name for name in place.relative_to(there).parts)):
            with contextlib.suppress(FileNotFoundError):
                os.lstat(path)  # a name, or all of them, may be too long
        whole = Path(os.path.abspath(place))
        folder = whole.parent if there == place and not within else Path(os.path.abspath(there))
        with leftovers.held(folder / (whole.name or "trial")) as trial:
            (trial / "trial").write_bytes(bytes(_BLOCK))
    except OSError as error:
        raise ConfigError(f"{place}: cannot be written ({reason(error, place)}); {mend}") from error


def kind(path: str | os.PathLike[str]) -> str:
    """What there is at a path: ``a file``, ``a folder``, ``a link to nothing``, ``a pipe``, ``a device``, ``nothing``.

    Args:
        path: any path. One whose folder may not be read has ``nothing``.
    """
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return "a link to nothing" if os.path.islink(path) else "nothing"
    for is_kind, words in _KINDS:
        if is_kind(mode):
            return words
    return "not a file"


_KINDS = (
    (stat.S_ISREG, "a file"),
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (lambda mode: stat.S_ISCHR(mode) or stat.S_ISBLK(mode), "a device"),
)


def check_file(path: str | os.PathLike[str], what: str = "") -> None:
    """Reject what is not a file that can be read, before it is opened: a pipe would make the reader wait for ever.

    Args:
        path: the file.
        what: for the message, such as ``name a checkpoint (.pth)``.

    Raises:
        ConfigError: says what it is instead.
    """
    found, tail = kind(path), f"; {what}" if what else ""
    if found == "nothing":
        try:
            os.stat(path)
        except OSError as error:
            raise ConfigError(f"{path}: {os.strerror(error.errno or errno.ENOENT)}{tail}") from None
    if found != "a file":
        raise ConfigError(f"{path}: is {found}, not a file{tail}")
    if not os.access(path, os.R_OK):
        raise ConfigError(f"{path}: {os.strerror(errno.EACCES)}{tail}")


def free_space(place: str | os.PathLike[str]) -> int | None:
    """Bytes that are free where a file or folder is or would be made; None where the system does not say."""
    there = next((folder for folder in (Path(place), *Path(place).absolute().parents) if os.path.isdir(folder)), None)
    try:
        return None if there is None else shutil.disk_usage(there).free
    except OSError:
        return None


def _number(error):
    """The system's number of what was refused: of the error, of what it was raised from, or as its text names it."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.errno is not None:
            return seen.errno
        seen = seen.__cause__ or seen.__context__
    if isinstance(error, OSError) or _package(error) in _WORDS:
        return next((number for number in _REFUSALS if os.strerror(number) in str(error)), None)
    return None


def _by_its_words(error):
    package = _package(error)
    return package in _WORDS and re.search(_WORDS[package], str(error)) is not None


def _package(error):
    return type(error).__module__.partition(".")[0].strip("_")


def _other_file(error, place):
    """The file that an error names, if it is not the place, what holds it, or what is made beside it: the work may also
    read files."""
    name = getattr(error, "filename", None)
    if name is None or isinstance(name, int):
        return None
    at, place = Path(os.path.abspath(os.fsdecode(name))), Path(os.path.abspath(place))
    is_hidden = any(".partial-" in part for part in at.parts)
    beside = at.is_relative_to(place.parent) and at.name.startswith(place.name)
    return None if is_hidden or beside or at.is_relative_to(place) or place.is_relative_to(at) else at


def _may_be_full(error):
    """PyTorch's C++ writer, SQLite, DuckDB's spilling and NumPy's tofile do not say why."""
    return not isinstance(error, OSError) or "requested and" in str(error)
