"""What a process that died has left beside the files that it was making, and how it is told from work in progress.

Work in progress lies in a hidden folder, ``.<name>.partial-<random>``, whose lock its process holds. The system
releases a lock when its process ends, however it ends, so a folder without a holder is nobody's, in whatever process,
container or restart it was made.
"""

import contextlib
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

_LOCK = ".lock"  # in every folder of work in progress
_TEMPORARY = "recbole-iacn"


@contextlib.contextmanager
def held(path: str | Path) -> Iterator[Path]:
    """A hidden folder beside ``path`` that is this process's own while the block lasts, and is removed in the end.

    Args:
        path: the file or folder that is being made. Its parent must exist.

    Yields:
        The folder. It is empty but for its lock.

    Raises:
        OSError: it cannot be made.
    """
    folder, lock = _claimed(Path(path))
    try:
        yield folder
    finally:
        lock.release()  # Windows removes no file that is open; another process's sweep does the same as this one
        shutil.rmtree(folder, ignore_errors=True)


def sweep(folder: str | Path, name: str = "*") -> int:
    """Remove what dead processes have left in a folder; what a living one is making stays.

    Args:
        folder: that holds finished and unfinished work; it may be missing.
        name: of the file or folder that was being made. Defaults to any.

    Returns:
        How many unfinished files and folders were removed.
    """
    return sum(map(_removed, Path(folder).glob(f".{name}.partial-*")))


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder where the system keeps temporary files, which only this user can read. It is removed in the end, and
    after a kill by the next that is made there.

    Yields:
        The folder. It is empty but for its lock.

    Raises:
        OSError: it cannot be made.
    """
    sweep_temporary()
    with held(Path(tempfile.gettempdir(), _TEMPORARY)) as folder:
        folder.chmod(0o700)
        yield folder


def sweep_temporary() -> int:
    """Remove the temporary folders of dead processes; returns how many."""
    return sweep(tempfile.gettempdir(), _TEMPORARY)


def _claimed(path):
    """A new folder and its lock, held."""
    from filelock import Timeout

    while True:
        folder = path.with_name(f".{path.name}.partial-{secrets.token_hex(4)}")
        folder.mkdir()
        lock = _lock(folder)
        try:
            lock.acquire()
        except (Timeout, FileNotFoundError):  # another process swept it between the two lines
            continue
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        if (folder / _LOCK).is_file():
            return folder, lock
        lock.release()


def _removed(folder):
    from filelock import Timeout

    lock = _lock(folder)
    try:
        if not (folder / _LOCK).exists() and any(folder.iterdir()):
            return False  # it only looks like one of these
        lock.acquire()
    except (Timeout, OSError, NotImplementedError):  # at work, gone meanwhile, another user's, or without locks
        return False
    try:
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        lock.release()
    return not folder.exists()


def _lock(folder):
    from filelock import FileLock

    return FileLock(folder / _LOCK, timeout=0, thread_local=False)
