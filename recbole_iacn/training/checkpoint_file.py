"""Opens checkpoints: this package's, RecBole's, and weights to start from. The one place where that is done.

RecBole pickles its Config and, for some models, other objects; opening a pickle can run any code. So files are read by
:mod:`recbole_iacn.system.torch_file`, which runs none. RecBole's settings are found among what a pickle would have
made; other objects are left out, counted and said once.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from enum import Enum
from typing import Any

import torch

from recbole_iacn.errors import ConfigError
from recbole_iacn.system import torch_file
from recbole_iacn.system.inert_pickle import Inert, Name, NotPlain
from recbole_iacn.system.nested import Endless, check_size
from recbole_iacn.system.trust import HOW, WHY, trusted

FORMAT = 1  # of this package's checkpoints
VOCABULARY, VOCABULARY_FORMAT = "vocabulary", 1  # an entry of a checkpoint
ENUMS = ("ModelType", "InputType", "EvaluatorType", "FeatureType", "FeatureSource", "KGDataLoaderState")
_NAMED = 3  # objects that a line names
_COPIES = 4  # bytes of arrays for each of the file's: one array can be in several places
_LONGEST_PLACE = 200  # characters that are kept of where an object was

_said: set[tuple[str, ...]] = set()


def load(path: str | os.PathLike[str], mapped: bool = True) -> dict[str, Any]:
    """The content of a checkpoint, on the CPU.

    Args:
        path: the file.
        mapped: leave its tensors on the disk until they are read; the file must not be written over meanwhile.

    Returns:
        RecBole's entries. ``config`` has plain values, see :func:`~recbole_iacn.training.checkpoint.plain`. Of
        ``other_parameter`` there is what consists of tensors, arrays and plain values.

    Raises:
        ConfigError: there is no such file, it is not a checkpoint, is damaged, or a later version has written it.
    """
    return checked(read(path, mapped), os.fspath(path))


def checked(state: Any, path: str) -> dict[str, Any]:
    """What was read, as :func:`load` returns it.

    Args:
        state: what :func:`read` returned.
        path: the file, for messages.

    Raises:
        ConfigError: see :func:`load`.
    """
    if not isinstance(state, dict) or "state_dict" not in state or "config" not in state:
        raise ConfigError(f"{path}: is not a checkpoint, it has no weights and settings; name one (.pth)")
    config, dropped = _settings(state["config"], path)
    state = {**state, "config": config}
    _check_version(state, path)
    _check_weights(state["state_dict"], path)
    _check_vocabulary(state.get(VOCABULARY), path)
    if dropped:
        _say_once(path, dropped)
    return state


def read(path: str | os.PathLike[str], mapped: bool = False) -> Any:
    """The content of any file of ``torch.save``, such as weights to start from, on the CPU.

    Args:
        path: the file.
        mapped: see :func:`load`.

    Returns:
        Tensors and plain values. Objects of other types are left out of the dicts that contain them, and said once,
        but for the ``config`` of a checkpoint, see :func:`checked`; with ``trust`` they are opened.

    Raises:
        ConfigError: there is no such file, it is none of ``torch.save``, or is damaged.
    """
    path = os.fspath(path)
    if os.path.isdir(path):
        raise ConfigError(
            f"{path}: is a folder; name a checkpoint (.pth). A bundle can be started from (recbole-iacn train --from "
            f"{path}, or build(..., start_from={path!r}))"
        )
    if not os.path.isfile(path):
        raise ConfigError(f"{path}: there is no such file; name a checkpoint (.pth)")
    try:
        found = torch_file.read(path, mapped)
    except NotPlain as error:
        if trusted():
            return _unpickled(path)
        raise ConfigError(f"{path}: is not a checkpoint, it {error}; name one (.pth)") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from error
    if isinstance(found, Inert | Name):
        if trusted():
            return _unpickled(path)
        what = found.name if isinstance(found, Inert) else found
        raise ConfigError(
            f"{path}: is not a checkpoint, but an object of {_short(what)}; {WHY}, so it is not opened (if it is "
            f"your own: {HOW})"
        )
    values = _Plain(_COPIES * os.path.getsize(path))
    try:
        plain = values.of(found)
    except NotPlain as error:
        raise ConfigError(f"{path}: is not a checkpoint, it {error}; name one (.pth)") from None
    dropped = values.dropped
    if dropped and trusted():
        return _unpickled(path)
    if isinstance(found, dict) and "state_dict" in found and isinstance(found.get("config"), Inert):
        plain["config"] = found["config"]
    weights = plain.get("state_dict") if isinstance(plain, dict) else None
    _say_once(path, [(name, value) for name, value in dropped if name != "config" and not _has(weights, name)])
    return plain


def _unpickled(path):
    """Everything, by running what the file says; asked for by ``trust``."""
    logging.getLogger(__name__).warning(f"{path}: is unpickled, since trust is set; {WHY}")
    try:
        return torch.load(path, "cpu", weights_only=False)
    except Exception as error:  # an unpickled file raises whatever it likes
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise ConfigError(f"{path}: is not a checkpoint, or is damaged ({first})") from None


class _Plain:
    """Leaves out the objects that were not made; these are recorded, with their places.

    Args:
        room: bytes that all arrays together may have, which are copies of what the file says once.
    """

    def __init__(self, room):
        self.dropped, self._room = [], room

    def of(self, value, place=""):
        """A value without such objects."""
        if isinstance(value, Inert | Name):
            array = self._array(value)
            if array is None:
                self.dropped.append((place, getattr(value, "name", "an object")))
            return array
        if isinstance(value, dict):
            kept = {}
            for key, part in value.items():
                before = len(self.dropped)
                part = self.of(part, _within(place, key))
                if isinstance(key, Inert | Name):
                    self.dropped.append((place, getattr(key, "name", "an object")))
                elif len(self.dropped) == before or isinstance(part, dict):
                    kept[key] = part
            if all(kept.get(key, value) is part for key, part in value.items()):
                return value  # an OrderedDict keeps its attributes
            return kept
        if isinstance(value, list | tuple | set | frozenset):
            before = len(self.dropped)
            parts = [self.of(part, place) for part in value]
            if all(one is other for one, other in zip(parts, value)):
                return value
            return type(value)(parts) if len(self.dropped) == before else None
        return value

    def _array(self, value):
        try:
            array = torch_file.array_of(value)
        except NotPlain:
            return None
        self._room -= 0 if array is None else array.nbytes
        if self._room < 0:
            raise NotPlain("claims more than it contains")
        return array


def _within(place, key):
    return (f"{place}.{key}" if place else str(key))[:_LONGEST_PLACE]


def _has(weights, name):
    """Whether an object that was left out is a layer, whose weights are there beside it."""
    layer = name.removeprefix("other_parameter.") + "."
    return isinstance(weights, dict) and any(str(key).startswith(layer) for key in weights)


def _say_once(path, dropped):
    names = tuple(name for name, _ in dropped)
    if not dropped or (path, *names) in _said:
        return
    _said.add((path, *names))
    named = ", ".join(f"{_short(name)} ({_short(what)})" for name, what in dropped[:_NAMED])
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    logging.getLogger(__name__).warning(
        f"{path}: {len(names):,} objects are left out, {named}{more}: they are neither tensors nor plain values, and "
        f"{WHY} (if it is your own: {HOW})"
    )


def _short(name):
    text = str(name)
    return ascii(text[:80])[1:-1]


def _settings(config, path):
    """The settings as plain values, and those that were left out."""
    if isinstance(config, Inert):
        config = config.state.get("final_config_dict") if isinstance(config.state, dict) else None
    elif hasattr(config, "final_config_dict"):  # unpickled
        config = config.final_config_dict
    if not isinstance(config, dict) or not _is_name(config.get("model")):
        raise ConfigError(f"{path}: is not a checkpoint, its settings name no model; name one (.pth)")
    try:
        check_size(config)
    except Endless as error:
        raise ConfigError(f"{path}: is not a checkpoint, the value of a setting {error}; name one (.pth)") from None
    dropped: list[tuple[str, Any]] = []
    return _plain(config, "config", dropped), dropped


def _is_name(model):
    """Whether it can be a class, and so no path: RecBole's log is in a folder of its name."""
    return isinstance(model, str) and model.isidentifier()


def _plain(value, place, dropped):
    if isinstance(value, dict):
        plain = {}
        for key, part in value.items():
            before = len(dropped)
            part = _plain(part, _within(place, key), dropped)
            if part is not None or len(dropped) == before:
                plain[str(key)] = part
        return plain
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(part, place, dropped) for part in value]
    if isinstance(value, torch.device):
        return str(value)
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, Enum):  # unpickled
        return {"enum": type(value).__name__, "name": value.name}
    member = _member(value)
    if member is None:
        dropped.append((place, getattr(value, "name", type(value).__name__)))
    return member


def _member(value):
    """A member of one of RecBole's enums, as a checkpoint of this package has it."""
    if not isinstance(value, Inert):
        return None
    from recbole.utils import enum_type

    kind, args = value.name, value.args
    if str(kind) == "builtins.getattr" and len(args) == 2 and isinstance(args[0], Name):
        kind, args = args
    elif len(args) == 1:
        args = args[0]
    if kind.module != enum_type.__name__ or kind.name not in ENUMS:
        return None
    members = getattr(enum_type, kind.name)
    for member in members:
        if args in ((member.name, member.value) if isinstance(value.args[0], Name) else (member.value,)):
            return {"enum": kind.name, "name": member.name}
    return None


def _check_version(state: Mapping[str, Any], path: str) -> None:
    vocabulary = state.get(VOCABULARY)
    formats = (state.get("recbole_iacn", 0), vocabulary.get("format", 0) if isinstance(vocabulary, dict) else 0)
    if any(type(number) is not int for number in formats):
        raise ConfigError(f"{path}: is not a checkpoint, the number of its format is none; name one (.pth)")
    if formats[0] > FORMAT or formats[1] > VOCABULARY_FORMAT:
        raise ConfigError(f"{path}: was written by a later version of recbole_iacn; upgrade the package")


def _check_weights(weights, path):
    if isinstance(weights, str):  # a decision tree's, which lie in a file of their own
        return
    if not isinstance(weights, dict) or not all(isinstance(name, str) for name in weights):
        raise ConfigError(f"{path}: is not a checkpoint, its weights are not tensors by name; name one (.pth)")


def _check_vocabulary(vocabulary, path):
    if vocabulary is None:
        return
    try:
        texts, digests, rows = vocabulary["tokens"], vocabulary["digests"], vocabulary["rows"]
        whole = set(digests) <= set(texts) and all(isinstance(digest, str) for digest in digests.values())
        whole = whole and all(map(_is_packed, texts.values()))
        whole = whole and (rows is None or all(list(map(type, row)) == [str, int, int, str, int] for row in rows))
    except (KeyError, TypeError, AttributeError):  # any part may be of any type
        whole = False
    if not whole:
        raise ConfigError(f"{path}: is damaged, its record of tokens does not fit together; name another checkpoint")


def _is_packed(texts):
    """Whether joined bytes and the length of each token fit together."""
    text, lengths = texts["text"], texts["lengths"]
    if (text.dtype, lengths.dtype) != (torch.uint8, torch.int32) or (text.dim(), lengths.dim()) != (1, 1):
        return False
    return bool((lengths >= 0).all()) and int(lengths.sum()) == len(text)
