"""Converts files of sequences, one user per line, as many papers share their data, into RecBole's atomic files.

::

    Beauty.txt                      17 105 22 9      (user, then the user's items, oldest first)
    Beauty_item2attributes.json     {"105": [3, 8], "22": [3]}
"""

import hashlib
import json
import math
import re
from pathlib import Path
from typing import Any

from recbole_iacn.data.dataset_folder import MANIFEST, check_target, edited, making, write_manifest
from recbole_iacn.errors import ConfigError
from recbole_iacn.system import disk
from recbole_iacn.version import __version__

_BLANKS = re.compile("[ \t]+")


def convert(
    sequences: str | Path, attributes: str | Path | None, target: str | Path, overwrite: bool = False
) -> dict[str, int]:
    """Write ``NAME.inter``, ``NAME.item``, ``NAME.yaml``, the settings that load them, and ``manifest.json``.

    ``timestamp`` is the place in the history: such a file has no timestamps.

    Args:
        sequences (str or pathlib.Path): one user per line: the user's name, then those of the items, oldest first.
        attributes (str or pathlib.Path, optional): JSON, an item's name -> list of attributes, which become its
            ``categories``. Without it there is no file of items.
        target (str or pathlib.Path): the folder to create; its last part names the dataset.
        overwrite (bool): replace ``target`` if prepare has made it.

    Returns:
        dict: number of ``users``, ``items``, ``interactions``, and of items ``without_attributes``.

    Raises:
        ConfigError: names the file and the line, or the folder that cannot be written. Nothing is left behind.
    """
    target = Path(target)
    _check(target, overwrite)
    users = _read_sequences(Path(sequences))
    items = dict.fromkeys(item for history in users.values() for item in history)
    known = _read_attributes(Path(attributes)) if attributes else None
    counts = {
        "users": len(users),
        "items": len(items),
        "interactions": sum(map(len, users.values())),
        "without_attributes": sum(item not in known for item in items) if known is not None else len(items),
    }
    with making(target, overwrite) as partial:
        _write(partial / target.name, users, items, known)
        write_manifest(partial, target.name, _manifest(target.name, counts, sequences, attributes))
    return counts


def _check(target, overwrite):
    """As for every dataset; one of an earlier version, which wrote no manifest, is known by its files."""
    if overwrite and target.is_dir() and not (target / MANIFEST).exists():
        own = {f"{target.name}{ending}" for ending in (".inter", ".item", ".yaml")}
        if {path.name for path in target.iterdir()} <= own:
            settings = target / f"{target.name}.yaml"
            if settings.is_file() and settings.read_text(encoding="utf-8") not in map(_settings, (False, True)):
                raise edited(settings)
            return
    check_target(target, 512, None, overwrite)


def _manifest(name, counts, sequences, attributes):
    files = [Path(path) for path in (sequences, attributes) if path]
    inputs = [{"file": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()} for path in files]
    return {"dataset": name, **counts, "inputs": inputs, "versions": {"recbole_iacn": __version__}}


def _write(stem: Path, users: dict[str, list[str]], items: dict[str, Any], known: dict[str, list[str]] | None) -> None:
    """The files, by the path that is common to their names."""
    with stem.with_name(f"{stem.name}.inter").open("w", encoding="utf-8") as file:
        file.write("user_id:token\titem_id:token\ttimestamp:float\n")
        for user, history in users.items():
            file.writelines(f"{user}\t{item}\t{place}\n" for place, item in enumerate(history))
    if known is not None:
        with stem.with_name(f"{stem.name}.item").open("w", encoding="utf-8") as file:
            file.write("item_id:token\tcategories:token_seq\n")
            file.writelines(f"{item}\t{' '.join(known.get(item, ()))}\n" for item in items)
    stem.with_name(f"{stem.name}.yaml").write_text(_settings(known is not None), encoding="utf-8")


def _settings(with_items: bool) -> str:
    items = ", item: [item_id, categories]" if with_items else ""
    return f"load_col: {{inter: [user_id, item_id, timestamp]{items}}}\n"


def _read(path: Path) -> str:
    disk.check_file(path)
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = 1 + error.object[: error.start].count(b"\n")
        raise ConfigError(f"{path}, line {line}: is not valid UTF-8; save the file in UTF-8") from None


def _read_sequences(path: Path) -> dict[str, list[str]]:
    """User -> items. Blanks and tabs separate words, and \\n or \\r\\n ends a line; all else is part of a name, as in
    atomic files."""
    users: dict[str, list[str]] = {}
    for number, text in enumerate(_read(path).split("\n"), start=1):
        line = text.removesuffix("\r")
        if "\0" in line:
            raise ConfigError(f"{path}, line {number}: has a NUL byte; is the file UTF-16? Then save it in UTF-8")
        if "\r" in line:
            raise ConfigError(
                f"{path}, line {number}: has a carriage return within; a line ends with \\n or \\r\\n, and nowhere else"
            )
        words = [word for word in _BLANKS.split(line) if word]
        if not words:
            continue
        user, *history = words
        if not history:
            raise ConfigError(f"{path}, line {number}: user {user!r} has no item; each line is a user, then items")
        if user in users:
            raise ConfigError(f"{path}, line {number}: user {user!r} already has a line")
        users[user] = history
    if not users:
        raise ConfigError(f"{path}: has no lines")
    return users


def _read_attributes(path: Path) -> dict[str, list[str]]:
    text = _read(path)
    try:
        content = json.loads(text, object_pairs_hook=_once)
    except RecursionError:
        raise ConfigError(f"{path}: is nested too deeply; it must map each item to a list of attributes") from None
    except ValueError as error:
        raise ConfigError(f"{path}: is not valid JSON: {error}") from None
    if not isinstance(content, dict) or not all(isinstance(some, list) for some in content.values()):
        raise ConfigError(f"{path}: must map each item to a list of attributes")
    for item, some in content.items():
        for one in some:
            if not _is_attribute(one):
                raise ConfigError(f"{path}: item {item!r}: attribute {one!r} is not a single word or a number; mend it")
    return {item: [str(one) for one in some] for item, some in content.items()}


def _once(pairs):
    """A JSON object, in which Python would silently take the last of a key's values."""
    content = dict(pairs)
    if len(content) < len(pairs):
        keys = [key for key, _ in pairs]
        again = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {again!r} stands there twice; join its lists")
    return content


def _is_attribute(one: Any) -> bool:
    """A word that an atomic file can hold, or a finite number; null is none, and half a surrogate pair is no text."""
    if isinstance(one, str):
        return len(one.split()) == 1 == len(one.split(" ")) and "\0" not in one and _is_text(one)
    return type(one) is int or (type(one) is float and math.isfinite(one))


def _is_text(word: str) -> bool:
    try:
        word.encode()
    except UnicodeEncodeError:
        return False
    return True
