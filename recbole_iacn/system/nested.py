"""Values within values within values, which a small file can have without end: a list that contains itself, or thirty
lists each of which contains the one before ten times."""

from collections.abc import Iterable
from typing import Any


class Endless(ValueError):
    """There are too many values to go through; the text goes on after the name of what has them."""


def check_size(value: Any, most: int = 1_000_000, deepest: int = 100) -> None:
    """Reject values that are endless, or would be if every reference were followed.

    Args:
        value: of plain types; what others hold is not looked at.
        most: values, those counted again that are referred to again.
        deepest: containers within each other.

    Raises:
        Endless: there are more.
    """
    counted: dict[int, tuple[int, int]] = {}  # a container -> values in it, containers within each other
    begun: set[int] = set()
    todo = [(value, False)]
    while todo:
        one, done = todo.pop()
        inside = _inside(one)
        if inside is None or id(one) in counted:
            continue
        if not done:
            if id(one) in begun:
                raise Endless("contains itself")
            begun.add(id(one))
            todo.append((one, True))
            todo.extend((part, False) for part in inside)
            continue
        begun.discard(id(one))
        sizes = [counted.get(id(part), (1, 0)) for part in inside]
        size, depth = 1 + sum(size for size, _ in sizes), 1 + max((depth for _, depth in sizes), default=0)
        counted[id(one)] = size, depth
        if size > most or depth > deepest:
            raise Endless(f"has more than {most:,} values, or more than {deepest} within each other")


def _inside(value: Any) -> Iterable[Any] | None:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list | tuple | set | frozenset) else None
