"""The error for wrong input, and suggestions of names for its messages."""

import difflib
import itertools
from collections.abc import Iterable

_LONGEST = 1_200  # characters of a message
_LONGEST_NAME = 100  # characters of a name that may be a misspelling
_MOST_NAMES = 10_000  # among which its like is looked for


class ConfigError(ValueError):
    """Wrong input: an option, a file or a column. The message names it and says how to fix it.

    The message is one line of a length that can be read, whatever stands in the input that it quotes: its middle is
    left out where it is longer, and characters that a terminal would obey are escaped.

    Args:
        message: the text.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(as_line(str(message)))


def as_line(text: str) -> str:
    """A message as one printable line of a length that can be read; its middle is left out where it is longer."""
    if len(text) > _LONGEST:
        half = _LONGEST // 2
        text = f"{text[:half]} … {len(text) - 2 * half:,} characters … {text[-half:]}"
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


def nearest(name: object, known: Iterable[object], count: int = 3) -> str:
    """Names in ``known`` that are similar to ``name``, best first, as ``'a', 'b'``; empty if there are none, or if the
    comparison would take long."""
    if len(str(name)) > _LONGEST_NAME:
        return ""
    some = (str(candidate) for candidate in itertools.islice(known, _MOST_NAMES))
    by_lower = {candidate.lower(): candidate for candidate in some if len(candidate) <= _LONGEST_NAME}
    close = difflib.get_close_matches(str(name).lower(), by_lower, n=count, cutoff=0.5)
    return ", ".join(repr(by_lower[match]) for match in close)


def did_you_mean(name: object, known: Iterable[object]) -> str:
    """`` Did you mean 'a'?``, or nothing."""
    close = nearest(name, known)
    return f" Did you mean {close}?" if close else ""
