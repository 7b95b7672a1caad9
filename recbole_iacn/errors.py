"""The one error a user can cause, and the words that help to mend it."""

import difflib
from collections.abc import Iterable


class ConfigError(ValueError):
    """Something the user gave is wrong: an option, a file, a column. Says which, and how to mend it."""


def nearest(name: object, known: Iterable[object], count: int = 3) -> str:
    """Names in ``known`` that look like ``name``, best first, as ``'a', 'b'``; empty if none does."""
    by_lower = {str(candidate).lower(): str(candidate) for candidate in known}
    close = difflib.get_close_matches(str(name).lower(), by_lower, n=count, cutoff=0.5)
    return ", ".join(repr(by_lower[match]) for match in close)


def did_you_mean(name: object, known: Iterable[object]) -> str:
    """`` Did you mean 'a'?``, or nothing."""
    close = nearest(name, known)
    return f" Did you mean {close}?" if close else ""
