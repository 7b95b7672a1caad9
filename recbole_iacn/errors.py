"""The error for wrong input, and suggestions of names for its messages."""

import difflib
from collections.abc import Iterable


class ConfigError(ValueError):
    """Wrong input: an option, a file or a column. The message names it and says how to fix it."""


def nearest(name: object, known: Iterable[object], count: int = 3) -> str:
    """Names in ``known`` that are similar to ``name``, best first, as ``'a', 'b'``; empty if there are none."""
    by_lower = {str(candidate).lower(): str(candidate) for candidate in known}
    close = difflib.get_close_matches(str(name).lower(), by_lower, n=count, cutoff=0.5)
    return ", ".join(repr(by_lower[match]) for match in close)


def did_you_mean(name: object, known: Iterable[object]) -> str:
    """`` Did you mean 'a'?``, or nothing."""
    close = nearest(name, known)
    return f" Did you mean {close}?" if close else ""
