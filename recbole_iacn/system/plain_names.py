"""Names that come from files and become names of files: never a path, or one outside its folder."""

from recbole_iacn.errors import ConfigError

_LONGEST = 240  # bytes; file systems take 255, and an ending is added
_SEPARATORS = frozenset('/\\:*?"<>|')  # of paths, on some system


def check_name(name: object, what: str) -> str:
    """Reject a name that a file or folder cannot have on every system.

    Args:
        name: as it was read.
        what: what has it, for the message.

    Returns:
        The name.

    Raises:
        ConfigError: it is not text, has a separator of paths or a control character, is too long, or starts or ends
            as only paths do.
    """
    plain = (
        isinstance(name, str)
        and 0 < len(name.encode(errors="replace")) <= _LONGEST
        and name.isprintable()
        and not _SEPARATORS & set(name)
        and not name.startswith(("..", "~"))
        and name not in (".", " ")
    )
    if not plain:
        shown = name[:80] if isinstance(name, str) else name
        raise ConfigError(f"{what}: {shown!a:.100} cannot be the name of a file; give a name without a path")
    return str(name)
