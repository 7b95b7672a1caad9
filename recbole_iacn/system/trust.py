"""Whether a stranger's pickle may be opened: only where whoever runs has said so, by the setting ``trust``."""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

WHY = "opening a pickle can run any code"
HOW = "trust: True in config_dict, or --trust=True"

_trusted: ContextVar[bool] = ContextVar("trusted", default=False)


@contextlib.contextmanager
def trusting(trust: object) -> Iterator[None]:
    """While active, files are opened as the setting ``trust`` says.

    Args:
        trust: unpickle what cannot be read otherwise, which can run any code. What is not True changes nothing.
    """
    token = _trusted.set(trust is True or trusted())
    try:
        yield
    finally:
        _trusted.reset(token)


def trusted() -> bool:
    """Whether files are trusted now, see :func:`trusting`."""
    return _trusted.get()
