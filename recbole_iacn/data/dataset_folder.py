"""A dataset's folder, made as a whole: checked before the work, hidden while it is made, gone after a failure."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from recbole_iacn.errors import ConfigError
from recbole_iacn.system import claims, disk
from recbole_iacn.system.atomic_writes import replacing

_ANOTHER = "wait until it has ended, or name another (--out, --name)"


def check_target(target: Path, memory: int, threads: int | None, overwrite: bool) -> None:
    """Reject limits that are too low, and a folder that may not be replaced.

    Args:
        target (pathlib.Path): the folder to make.
        memory (int): MiB for the process.
        threads (int or None): of the database.
        overwrite (bool): replace ``target`` if prepare has made it.

    Raises:
        ConfigError: names the option.
    """
    for name, value, least in (("memory", memory, 512), ("threads", 1 if threads is None else threads, 1)):
        if value < least:
            raise ConfigError(f"{name}: must be at least {least}, got {value}")
    if not target.exists():
        return
    if not overwrite:
        raise ConfigError(f"{target}: exists already; name another (--out, --name), or replace it with --overwrite")
    if not (target / "manifest.json").is_file():
        raise ConfigError(f"{target}: was not made by prepare (no manifest.json), so --overwrite leaves it alone")


@contextlib.contextmanager
def making(target: Path, overwrite: bool = False, work: str = "prepare") -> Iterator[Path]:
    """A hidden folder beside ``target`` that takes its place when the block ends without an error. One command at a
    time makes it.

    Args:
        target (pathlib.Path): the folder to make; its parent is created.
        overwrite (bool): replace what is there. It may have been made after :func:`check_target` has looked.
        work (str): the command, for whoever comes second.

    Yields:
        pathlib.Path: the hidden folder, which exists and is empty.

    Raises:
        ConfigError: the folder cannot be written, another command makes it, or has just made it.
    """
    with disk.writing(target, "name another (--out, --name)"), claims.claimed(target, work, _ANOTHER):
        if not overwrite and target.exists() and not (target.is_dir() and not any(target.iterdir())):
            raise ConfigError(f"{target}: exists already, another command has just made it; name another (--out, --name)")
        with replacing(target) as partial:
            partial.mkdir()
            yield partial
