"""The columns of an experiment's table: its modes or its named columns, and which of them are compared.

columns:                                  # in place of modes; settings per name; iacn_mode is full unless given
  off: {iacn_mode: off}
  mean: {iacn_extractor: mean}
  routing: {}
compare: [[routing, mean], [mean, off]]   # is the first better than the second? Or {routing: [mean, off]}
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from recbole_iacn.checks import settings as settings_checks
from recbole_iacn.errors import ConfigError, did_you_mean

MODES = ("off", "width", "full")
Pair = tuple[str, str]  # is the first better than the second?

_NAME = re.compile(r"[^\W_][\w.+=-]{0,39}")
# Settings that are keys of the file.
_RUNS_OWN = {"seed": "seeds", "data_path": "data_path", "model": "models", "dataset": "datasets"}


class Column(NamedTuple):
    """A column of the table.

    Attributes:
        name: of a named column; empty for a mode, and for a model that has none.
        mode: ``off``, ``width`` or ``full``; empty for a model that has none.
        settings: of a named column.
    """

    name: str
    mode: str
    settings: dict[str, Any]


NO_COLUMN = Column("", "", {})


def read_columns(path: Path, given: Mapping[str, Any]) -> list[Column]:
    """The columns of a file: those that it names, or else its modes; all three modes by default.

    Args:
        path: the experiment's file, for messages.
        given: its content.

    Raises:
        ConfigError: names the file, the column and the setting.
    """
    if given.get("columns") is None:
        modes = [in_words(mode) for mode in given.get("modes") or MODES]
        for mode in modes:
            if mode not in MODES:
                raise ConfigError(f"{path}: modes: there is no {mode!r}.{did_you_mean(str(mode), MODES)}")
        return [Column("", mode, {}) for mode in modes]
    return [_column(path, name, settings) for name, settings in given["columns"].items()]


def _column(path, name, settings):
    settings = {} if settings is None else settings
    if not isinstance(settings, dict):
        raise ConfigError(f"{path}: columns: {name}: must be a dict of settings, got {settings!r}")
    settings_checks.check_keys(settings, f"{path}, column {name}")
    for key in settings:
        key_of = _RUNS_OWN.get(key)
        if key_of:
            raise ConfigError(f"{path}: columns: {name}: {key}: is the same for all; give the file's key {key_of}")
    mode = in_words(settings.get("iacn_mode", "full"))
    if mode not in MODES:
        raise ConfigError(f"{path}: columns: {name}: iacn_mode: must be off, width or full, got {mode!r}")
    return Column(name, mode, {**settings, "iacn_mode": mode})


def check_form(path: Path, given: dict[str, Any]) -> None:
    """Check the keys of one file, without its base, and put the names that YAML reads as false into words.

    Args:
        path: the file.
        given: its content, which is changed.

    Raises:
        ConfigError: names the file and the key.
    """
    columns = given.get("columns")
    if columns is not None:
        if given.get("modes") is not None:
            raise ConfigError(f"{path}: columns: the file has modes, too; leave one of them out")
        if not columns:
            raise ConfigError(f"{path}: columns: is empty; name at least one, such as routing: {{}}")
        given["columns"] = {_name(path, "columns", name): settings for name, settings in columns.items()}
    if given.get("compare") is not None:
        given["compare"] = _pairs(path, given["compare"])


def _name(path, key, name):
    name = in_words(name)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ConfigError(
            f"{path}: {key}: a name must be text of letters, digits and _ . + = -, at most 40, and begin with a letter "
            f"or a digit, got {name!r}; put a number, and a word such as on or yes, in quotes"
        )
    return name


def _pairs(path, given):
    if isinstance(given, dict):
        given = [[one, other] for one, others in given.items() for other in _listed(others)]
    found = []
    for pair in given if isinstance(given, list) else [given]:
        if not isinstance(pair, list) or len(pair) != 2:
            raise ConfigError(
                f"{path}: compare: must be a list of pairs such as [[routing, mean]], or a dict such as "
                f"{{routing: [mean, off]}}, got {pair!r}"
            )
        found.append(tuple(_name(path, "compare", one) for one in pair))
    return found


def _listed(value):
    return value if isinstance(value, list) else [value]


def in_words(name: Any) -> Any:
    """A name as it was meant: YAML reads off as false."""
    return "off" if name is False else name


def check_pairs(where: str, pairs: Iterable[Sequence[str]], names: Sequence[str]) -> None:
    """Reject a comparison of columns that there are not.

    Args:
        where: the file and the key, for messages.
        pairs: as in the key ``compare``.
        names: of the columns or modes that there are.

    Raises:
        ConfigError: names the pair and the nearest known name.
    """
    seen = set()
    for one, other in pairs:
        for name in (one, other):
            if name not in names:
                raise ConfigError(
                    f"{where}: there is no {name!r}.{did_you_mean(name, names)} There are: {', '.join(names)}"
                )
        if one == other:
            raise ConfigError(f"{where}: {one} is compared with itself; name two columns")
        if (one, other) in seen:
            raise ConfigError(f"{where}: {one} is compared with {other} twice; leave one of them out")
        seen.add((one, other))


def check_swept(path: Path, columns: Sequence[Column], sweep: Mapping[str, Any]) -> None:
    """Reject a setting that a column has and that is swept: one of the two would not hold.

    Raises:
        ConfigError: names the file, the setting and the column.
    """
    for column in columns:
        for key in column.settings:
            if key in sweep:
                raise ConfigError(f"{path}: sweep: {key}: is set by column {column.name}; leave it out of one of them")
