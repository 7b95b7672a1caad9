"""Converts files of sequences, one user per line, as many papers share their data, into RecBole's atomic files.

::

    Beauty.txt                      17 105 22 9      (user, then the user's items, oldest first)
    Beauty_item2attributes.json     {"105": [3, 8], "22": [3]}
"""

from pathlib import Path
from typing import Any

from recbole_iacn.errors import ConfigError
from recbole_iacn.system import json_file
from recbole_iacn.system.atomic_writes import put_in_place, scratch


def convert(
    sequences: str | Path, attributes: str | Path | None, target: str | Path, overwrite: bool = False
) -> dict[str, int]:
    """Write ``NAME.inter``, ``NAME.item`` and ``NAME.yaml``, the settings that load them.

    ``timestamp`` is the place in the history: such a file has no timestamps.

    Args:
        sequences (str or pathlib.Path): one user per line: the user's name, then those of the items, oldest first.
        attributes (str or pathlib.Path, optional): JSON, an item's name -> list of attributes, which become its
            ``categories``. Without it there is no file of items.
        target (str or pathlib.Path): the folder to create; its last part names the dataset.
        overwrite (bool): replace these files if they exist.

    Returns:
        dict: number of ``users``, ``items``, ``interactions``, and of items ``without_attributes``.

    Raises:
        ConfigError: names the file and the line, or the folder that cannot be written. Nothing is left behind.
    """
    target = Path(target)
    if (target / f"{target.name}.inter").exists() and not overwrite:
        raise ConfigError(f"{target}: exists already; name another (--out, --name), or replace it with --overwrite")
    users = _read_sequences(Path(sequences))
    items = dict.fromkeys(item for history in users.values() for item in history)
    known = _read_attributes(Path(attributes)) if attributes else None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with scratch(target) as partial:
            partial.mkdir()
            _write(partial / target.name, users, items, known)
            target.mkdir(exist_ok=True)
            if known is None:
                (target / f"{target.name}.item").unlink(missing_ok=True)
            for path in partial.iterdir():
                put_in_place(path, target / path.name)
    except OSError as error:
        raise ConfigError(f"{target}: cannot be written ({error.strerror}); name another (--out, --name)") from None
    return {
        "users": len(users),
        "items": len(items),
        "interactions": sum(map(len, users.values())),
        "without_attributes": sum(item not in known for item in items) if known is not None else len(items),
    }


def _write(stem: Path, users: dict[str, list[str]], items: dict[str, Any], known: dict[str, list[str]] | None) -> None:
    """The files, by the path that is common to their names."""
    load = "inter: [user_id, item_id, timestamp]"
    with stem.with_name(f"{stem.name}.inter").open("w", encoding="utf-8") as file:
        file.write("user_id:token\titem_id:token\ttimestamp:float\n")
        for user, history in users.items():
            file.writelines(f"{user}\t{item}\t{place}\n" for place, item in enumerate(history))
    if known is not None:
        load += ", item: [item_id, categories]"
        with stem.with_name(f"{stem.name}.item").open("w", encoding="utf-8") as file:
            file.write("item_id:token\tcategories:token_seq\n")
            file.writelines(f"{item}\t{' '.join(known.get(item, ()))}\n" for item in items)
    stem.with_name(f"{stem.name}.yaml").write_text(f"load_col: {{{load}}}\n", encoding="utf-8")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {getattr(error, 'strerror', None) or 'is not valid UTF-8'}") from None


def _read_sequences(path: Path) -> dict[str, list[str]]:
    users: dict[str, list[str]] = {}
    for number, line in enumerate(_read(path).splitlines(), start=1):
        if not line.split():
            continue
        user, *history = line.split()
        if not history:
            raise ConfigError(f"{path}, line {number}: user {user!r} has no item; each line is a user, then items")
        if user in users:
            raise ConfigError(f"{path}, line {number}: user {user!r} already has a line")
        users[user] = history
    if not users:
        raise ConfigError(f"{path}: has no lines")
    return users


def _read_attributes(path: Path) -> dict[str, list[str]]:
    try:
        content = json_file.parse(_read(path))
    except ValueError as error:
        raise ConfigError(f"{path}: is not valid JSON: {error}") from None
    if not isinstance(content, dict) or not all(isinstance(some, list) for some in content.values()):
        raise ConfigError(f"{path}: must map each item to a list of attributes")
    for item, some in content.items():
        for one in some:
            if isinstance(one, list | dict) or not str(one) or len(str(one).split()) != 1:
                raise ConfigError(
                    f"{path}: item {item!r}: attribute {one!r} is not a single word, as atomic files require"
                )
    return {item: [str(one) for one in some] for item, some in content.items()}
