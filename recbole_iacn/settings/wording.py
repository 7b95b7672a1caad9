"""Type hints as text, and the one line that rejects a value."""

import re
import types
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MinLen
from pydantic import ConfigDict, TypeAdapter, ValidationError
from typing_extensions import NotRequired, get_type_hints, is_typeddict

from recbole_iacn.errors import did_you_mean
from recbole_iacn.settings.kinds import Null, Rule

_SHOWN = 80  # characters of a wrong value
_NAMES = {bool: "True or False", str: "text", dict: "a dict", tuple: "a tuple", Any: "anything"}


def adapter(kind: Any) -> TypeAdapter[Any]:
    """pydantic's check of a type hint, strict and without infinities."""
    config = None if is_typeddict(unwrap(kind)[0]) else ConfigDict(strict=True, allow_inf_nan=False)
    return TypeAdapter(kind, config=config)


def allows(kind: Any, value: Any) -> Any:
    """pydantic's first error for a value; None if there is none."""
    try:
        adapter(kind).validate_python(value)
    except ValidationError as error:
        return error.errors(include_url=False, include_input=False)[0]
    return None


def plain(value: Any) -> Any:
    """A NumPy scalar as Python's; anything else as it is."""
    is_scalar = getattr(value, "shape", None) == () and hasattr(value, "item")
    return value.item() if is_scalar else value


def shown(value: Any) -> str:
    """A value in one line of bounded length."""
    try:
        text = " ".join(repr(value).split())
    except Exception:  # an integer of more digits than Python prints, an object with a broken __repr__
        text = f"a {type(value).__name__} that cannot be printed"
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def words(kind: Any) -> str:
    """What a value of this kind must be.

    Args:
        kind: a type hint.

    Returns:
        str: such as 'an integer >= 1', 'off, width or full', 'a list of numbers in [0, 1)'.
    """
    base, marks = unwrap(kind)
    rule = _first(marks, Rule)
    parts = [rule.words] if rule else [part for arm in _arms(kind) for part in _parts(arm)]
    null = _first(marks, Null)
    if null and null.meaning:
        return f"{', '.join(parts)}, or ~ {null.meaning}"
    text = parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} or {parts[-1]}"
    return f"{text}, or ~" if type(None) in get_args(base) and not null else text


def complaint(key: str, kind: Any, value: Any) -> str:
    """The message that rejects a value: the key, or the key within it, what it must be, and what it is.

    Args:
        key (str): the setting.
        kind: its type hint, which does not allow ``value``.
        value: the value.

    Returns:
        str: one line.
    """
    table = next((base for base, _ in map(unwrap, _arms(kind)) if is_typeddict(base)), None)
    inner = _complaint_within(key, table, value) if table and isinstance(value, dict) else None
    if inner:
        return inner
    objection = allows(kind, value)
    if objection["type"] == "cap" and len(_arms(kind)) == 1:
        which = "each item must" if any(isinstance(step, int) for step in objection["loc"]) else "must"
        return f"{key}: {which} be {objection['msg']}, got {shown(value)}"
    return f"{key}: must be {words(kind)}, got {shown(value)}{_as_list(key, kind, value)}"


def _as_list(key, kind, value):
    """How a list is written on a command line, where one was meant: 80,40 becomes a tuple there, and [a] a text."""
    if "list of" not in words(kind):
        return ""
    if isinstance(value, tuple):
        return f"; on a command line --{key}='{list(value)}'".replace(", ", ",") if all(map(_plain, value)) else ""
    if isinstance(value, str) and re.fullmatch(r"\[\w+(, ?\w+)*\]", value):
        return f'; on a command line --{key}="{re.split(", ?", value[1:-1])}"'
    return ""


def _plain(value):
    return isinstance(value, int | float)


def unwrap(kind: Any) -> tuple[Any, Any]:
    """A type hint without its markers, and the markers."""
    if get_origin(kind) is Annotated:
        base, *marks = get_args(kind)
        return base, marks
    return kind, []


def _complaint_within(key, table, value):
    hints = get_type_hints(table, include_extras=True)
    for name in value:
        if name not in hints:
            return f"{key}: there is no {shown(name)}.{did_you_mean(name, hints)} Known: {', '.join(hints)}"
    for name, hint in hints.items():
        hint = get_args(hint)[0] if get_origin(hint) is NotRequired else hint
        if name not in value and name in table.__required_keys__:
            return f"{key}: {name} is missing"
        if name in value and allows(hint, value[name]):
            return complaint(f"{key}.{name}", hint, value[name])
    return None


def _first(marks, kind):
    return next((mark for mark in marks if isinstance(mark, kind)), None)


def _arms(kind):
    """The alternatives of a hint, without None: the members of a union, or the hint itself."""
    base, _ = unwrap(kind)
    if get_origin(base) in (Union, types.UnionType):
        return [arm for arm in get_args(base) if arm is not type(None)]
    return [kind]


def _parts(kind):
    """What a value of a hint that is not a union must be, in one or several phrases."""
    base, marks = unwrap(kind)
    rule, inner = _first(marks, Rule), get_args(base)
    if rule:
        return [rule.words]
    if base is bool:
        return ["True", "False"]
    if get_origin(base) is Literal:
        return [str(value) for value in inner]
    if base in (int, float):
        return [("an integer" if base is int else "a number") + _range(marks)]
    if get_origin(base) is list:
        return [f"a {'non-empty ' if _first(marks, MinLen) else ''}list{_of(words(inner[0]))}"]
    if get_origin(base) is dict:
        return [f"a dict from {_plural(words(inner[0]))} to {_plural(words(inner[1]))}"]
    if is_typeddict(base):
        return [f"a dict of {', '.join(base.__annotations__)}"]
    return [_NAMES.get(base) or f"a {getattr(base, '__name__', base)}"]


def _range(marks):
    low, high = (_first(marks, kinds) for kinds in ((Ge, Gt), (Le, Lt)))
    if low and high:
        left, right = "[" if isinstance(low, Ge) else "(", "]" if isinstance(high, Le) else ")"
        return f" in {left}{_limit(low)}, {_limit(high)}{right}"
    signs = {Ge: ">=", Gt: ">", Le: "<=", Lt: "<"}
    return "".join(f" {signs[type(mark)]} {_limit(mark)}" for mark in (low, high) if mark)


def _limit(mark):
    return next(getattr(mark, name) for name in ("ge", "gt", "le", "lt") if hasattr(mark, name))


def _of(phrase):
    return "" if phrase == "anything" else f" of {_plural(phrase)}"


def _plural(phrase):
    for one, many in (("an integer", "integers"), ("a number", "numbers"), ("a column name", "column names")):
        if phrase.startswith(one):
            return many + phrase[len(one) :]
    return {"a name": "names", "a token": "tokens", "text": "texts", "a path": "paths"}.get(phrase, f"({phrase})")
