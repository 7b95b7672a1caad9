"""A dataset's folder, made as a whole: checked before the work, hidden while it is made, gone after a failure."""

import contextlib
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from recbole_iacn.errors import ConfigError
from recbole_iacn.system import claims, disk, interrupts
from recbole_iacn.system.atomic_writes import put_right, replacing, with_parents

MANIFEST = "manifest.json"
NAME_ANOTHER = "name another (--out, --name)"
_ENDINGS = (".inter", ".item", ".user", ".yaml")


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
    put_right(target)
    disk.check(target, NAME_ANOTHER)
    if not target.exists():
        return
    if not overwrite:
        raise ConfigError(f"{target}: exists already; name another (--out, --name), or replace it with --overwrite")
    if not (target / MANIFEST).is_file():
        raise ConfigError(f"{target}: was not made by prepare (no {MANIFEST}), so --overwrite leaves it alone")
    _check_own(target)


def write_manifest(folder: Path, name: str, manifest: dict[str, Any]) -> dict[str, Any]:
    """Write ``manifest.json``, the account of a dataset, with the digest of its settings: they are the one file that
    users edit, and ``--overwrite`` does not replace what they have written.

    Args:
        folder (pathlib.Path): the folder that is being made.
        name (str): the dataset's.
        manifest (dict): the account.

    Returns:
        dict: what was written.
    """
    content = {**manifest, "settings_sha256": _digest(folder / f"{name}.yaml")}
    (folder / MANIFEST).write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return content


def _check_own(target: Path) -> None:
    """Reject a folder with something that prepare has not written: the folder is replaced as a whole."""
    known = {MANIFEST, *(f"{target.name}{ending}" for ending in _ENDINGS)}
    others = sorted(path.name for path in target.iterdir() if path.name not in known)
    if others:
        raise ConfigError(
            f"{target}: has {others[0]!r}, which is not prepare's; move it elsewhere, --overwrite would remove it"
        )
    settings = target / f"{target.name}.yaml"
    try:
        written = json.loads((target / MANIFEST).read_text(encoding="utf-8")).get("settings_sha256")
    except (ValueError, AttributeError):  # damaged; it is replaced
        return
    if written is not None and settings.is_file() and _digest(settings) != written:
        raise edited(settings)


def edited(settings: Path) -> ConfigError:
    """The error that a dataset's settings are the user's own.

    Args:
        settings (pathlib.Path): the file.
    """
    return ConfigError(
        f"{settings}: has been edited, and --overwrite would replace it; move it elsewhere (--config_files names "
        "settings in any place)"
    )


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@contextlib.contextmanager
def making(target: Path, overwrite: bool = False, work: str = "prepare", mend: str = NAME_ANOTHER) -> Iterator[Path]:
    """A hidden folder beside ``target`` that takes its place when the block ends without an error. One command at a
    time makes it.

    Args:
        target (pathlib.Path): the folder to make; its parent is created.
        overwrite (bool): replace what is there. It may have been made after :func:`check_target` has looked.
        work (str): the command, for whoever comes second.
        mend (str): what the user can do if it cannot be made.

    Yields:
        pathlib.Path: the hidden folder, which exists and is empty.

    Raises:
        ConfigError: the folder cannot be written, another command makes it, or has just made it.
    """
    busy = f"wait until it has ended, or {mend}"
    with (
        interrupts.leaving(target),
        disk.writing(target, mend),
        with_parents(target),
        claims.claimed(target, work, busy),
    ):
        if not overwrite and target.exists() and not (target.is_dir() and not any(target.iterdir())):
            raise ConfigError(f"{target}: another command has just made it; {mend}")
        with replacing(target) as partial:
            partial.mkdir()
            yield partial
