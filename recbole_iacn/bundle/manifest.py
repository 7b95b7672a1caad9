"""The list of a bundle's files with their digests, which is checked before any of them is read."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import logging
import os
import platform
import re
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from recbole_iacn.errors import ConfigError
from recbole_iacn.system import disk, json_file
from recbole_iacn.version import __version__

FORMAT = 1
NAME = "manifest.json"
_OWN = "manifest_sha256"  # version 0.6 wrote none
_PACKAGES = ("recbole", "torch", "numpy", "safetensors", "pyarrow")


def make(folder: Path, about: dict[str, Any]) -> None:
    """Write the manifest of the files that a folder has.

    Args:
        folder: the bundle; all other files are written already.
        about: what else to record, such as the model's name.
    """
    versions = {name: importlib.metadata.version(name) for name in _PACKAGES}
    content = {
        "format": FORMAT,
        **about,
        "created": _now().isoformat(timespec="seconds"),
        "versions": {"recbole_iacn": __version__, "python": platform.python_version(), **versions},
        "files": {path.name: _about(path) for path in sorted(folder.iterdir())},
    }
    content[_OWN] = _digest(content)
    (folder / NAME).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _now() -> datetime:
    """The time, which alone differs between two bundles of one model; SOURCE_DATE_EPOCH, by which reproducible builds
    set it, makes them equal to the byte."""
    given = os.environ.get("SOURCE_DATE_EPOCH", "")
    return datetime.fromtimestamp(int(given), timezone.utc) if given.isdecimal() else datetime.now(timezone.utc)


def check(folder: str | Path, wanted: tuple[str, ...]) -> dict[str, Any]:
    """Read a manifest, and reject a bundle that is not as it was written.

    Args:
        folder: the bundle.
        wanted: the files that every bundle has.

    Returns:
        The manifest.

    Raises:
        ConfigError: not a bundle, of a later version, without a file, or with one that has changed.
    """
    folder = Path(folder)
    found = disk.kind(folder)
    if found != "a folder":
        words = {
            "a file": "is a file; a checkpoint becomes a bundle by recbole-iacn bundle",
            "nothing": "there is none",
        }
        raise ConfigError(f"{folder}: must be the folder of a bundle, {words.get(found, f'is {found}')}")
    content = _read(folder)
    if _OWN in content and content[_OWN] != _digest(content):
        raise ConfigError(f"{folder}: {NAME} is damaged (its own SHA-256 is another); copy the folder again")
    number, files = content.get("format"), content.get("files")
    if type(number) is not int or number < 1 or not isinstance(files, dict):
        raise ConfigError(f"{folder}: {NAME} is not that of a bundle; write one with Training.save")
    if number > FORMAT:
        versions = content.get("versions")  # whatever a later format has there
        by = versions.get("recbole_iacn") if isinstance(versions, dict) else None
        raise ConfigError(
            f"{folder}: a bundle of format {number}, written by recbole_iacn {by or 'of a later version'}; this "
            f"version ({__version__}) reads format {FORMAT}: upgrade recbole_iacn"
        )
    for name in (*wanted, *files):
        if name not in files or Path(name).name != name:
            raise ConfigError(f"{folder}: the file {name!r} is missing; copy the whole folder again")
        found = disk.kind(folder / name)
        if found != "a file":
            what = "missing" if found == "nothing" else f"{found}, not a file"
            raise ConfigError(f"{folder}: the file {name!r} is {what}; copy the whole folder again")
    for name, of_file in files.items():
        if _about(folder / name) != of_file:
            raise ConfigError(f"{folder}: {name} is damaged (its SHA-256 is not that of {NAME}); copy the folder again")
    return content


def say_later(folder: Path, content: dict[str, Any]) -> None:
    """Say where a later version wrote a bundle of this format: a setting that is unknown here is not used.

    Args:
        folder: the bundle.
        content: its manifest.
    """
    versions = content.get("versions")
    by = versions.get("recbole_iacn") if isinstance(versions, dict) else None
    if isinstance(by, str) and _numbers(by) > _numbers(__version__):
        logging.getLogger(__name__).warning(
            f"{folder}: was written by recbole_iacn {by:.20}, and this is {__version__}, which does not know its newer "
            "settings: where the model uses one, its scores are others; upgrade recbole_iacn"
        )


def _numbers(version: str) -> tuple[int, ...]:
    """``0.6.0.dev0`` as (0, 6, 0)."""
    return tuple(int(number) for number in re.findall(r"\d{1,9}", version)[:3])


def _read(folder):
    path = folder / NAME
    if not os.path.lexists(path) and os.access(folder, os.X_OK):
        raise ConfigError(f"{folder}: is not a bundle (no {NAME}); write one with Training.save")
    disk.check_file(path, "copy the folder again, for this user to read")
    try:
        content = json_file.read(path)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); copy the folder again") from None
    except ValueError as error:
        raise ConfigError(f"{folder}: {NAME} is damaged ({error}); copy the folder again") from None
    return content if isinstance(content, dict) else {}


def _digest(content):
    """Of all else that a manifest says: a model's name that has changed by a bit is still a name."""
    return hashlib.sha256(json.dumps({k: v for k, v in content.items() if k != _OWN}).encode()).hexdigest()


def _about(path):
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror or error}); let this user read it") from None
    return {"sha256": digest.hexdigest(), "bytes": path.stat().st_size}
