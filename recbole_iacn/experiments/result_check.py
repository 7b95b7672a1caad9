"""What a stored result of a run must be: a report, a search and ``--reuse`` read files that others may have written."""

from collections.abc import Mapping
from typing import Any

from recbole_iacn.errors import ConfigError
from recbole_iacn.system.nested import Endless, check_size

_TEXTS = ("dataset", "model", "mode", "version")
_NUMBERS = ("best", "loading", "seconds")
_METRICS = ("valid", "test")


def check_result(result: Any, place: str, *needed: str) -> dict[str, Any]:
    """Reject what is not a run's result.

    Args:
        result: as it was read.
        place: where, for the message.
        needed: fields that it must have; those that it has must be of their kind.

    Returns:
        The result.

    Raises:
        ConfigError: names the place and the field.
    """
    if not isinstance(result, dict):
        raise ConfigError(f"{place}: not a run's result, but a {type(result).__name__}; remove it")
    wrong = _wrong(result, needed)
    if wrong:
        raise ConfigError(f"{place}: not a run's result, its field {wrong} is missing or of another kind; remove it")
    try:
        check_size(result)
    except Endless as error:
        raise ConfigError(f"{place}: not a run's result, it {error}; remove it") from None
    return result


def _wrong(result: Mapping[str, Any], needed: tuple[str, ...]) -> str | None:
    """The first field that a result has in another form; only those that are there, since versions differ."""
    for name in needed:
        if name not in result:
            return name
    for name in _TEXTS:
        if not isinstance(result.get(name, ""), str):
            return name
    for name in ("sweep", "settings"):
        if not isinstance(result.get(name, {}), dict):
            return name
    if type(result.get("seed", 0)) is not int:
        return "seed"
    for name in _NUMBERS:
        if not _is_number(result.get(name, 0.0)):
            return name
    for name in ("divergence", "peak_mb"):
        if not _is_number(result.get(name) or 0.0):
            return name
    for name in _METRICS:
        metrics = result.get(name, {})
        if not isinstance(metrics, dict) or not all(map(_is_number, metrics.values())):
            return name
    return None if _are_epochs(result.get("epochs", [])) else "epochs"


def _are_epochs(epochs):
    return isinstance(epochs, list) and all(
        isinstance(epoch, dict)
        and isinstance(epoch.get("losses", {}), dict)
        and all(map(_is_number, (*epoch.get("losses", {}).values(), epoch.get("valid", 0), epoch.get("seconds", 0))))
        for epoch in epochs
    )


def _is_number(value):
    return type(value) in (int, float)
