"""The service's token: read from a file or the environment, compared in constant time."""

import hashlib
import hmac
import logging
import os
import stat
from pathlib import Path

from recbole_iacn.errors import ConfigError

VARIABLE = "RECBOLE_IACN_TOKEN"
_SHORTEST = 16  # characters; a shorter one can be guessed


class Secret:
    """A token that requests must carry, as ``Authorization: Bearer TOKEN``.

    Only its hash is kept: hashes are of one length, so that the comparison's time tells nothing about the token.
    """

    def __init__(self, token: str) -> None:
        self._digest = hashlib.sha256(token.encode()).digest()

    def allows(self, header: bytes) -> bool:
        """Whether the value of a request's header ``Authorization`` carries the token."""
        kind, _, given = header.partition(b" ")
        same = hmac.compare_digest(hashlib.sha256(given.strip()).digest(), self._digest)
        return same and kind.lower() == b"bearer"


def read_secret(path: str | None) -> Secret | None:
    """The token in a file, or in the environment's ``RECBOLE_IACN_TOKEN``; None where neither is given.

    It is never an argument of the command: every user of a machine may read those.

    Args:
        path (str, optional): a file with the token on its one line.

    Raises:
        ConfigError: both are given, or the token is missing, too short, or not plain ASCII without spaces.
    """
    in_environment = os.environ.get(VARIABLE)
    if path is None:
        return None if in_environment is None else Secret(_checked(in_environment.strip(), VARIABLE))
    if in_environment is not None:
        raise ConfigError(f"token_file: {VARIABLE} is set, too; give one of them (unset {VARIABLE})")
    try:
        text = Path(path).read_text(encoding="utf-8").strip()
        others = Path(path).stat().st_mode & (stat.S_IRGRP | stat.S_IROTH)
    except (OSError, ValueError) as error:
        raise ConfigError(f"token_file: {path} cannot be read ({getattr(error, 'strerror', None) or error})") from None
    if others and os.name == "posix":
        logging.getLogger(__name__).warning("token_file: others may read %s; chmod 600 %s", path, path)
    return Secret(_checked(text, f"token_file {path}"))


def _checked(token: str, where: str) -> str:
    if len(token) < _SHORTEST or not token.isascii() or not token.isprintable() or " " in token:
        raise ConfigError(
            f"{where}: the token must be one line of at least {_SHORTEST} ASCII characters without spaces, such as "
            "python -c 'import secrets; print(secrets.token_urlsafe(32))' prints"
        )
    return token
