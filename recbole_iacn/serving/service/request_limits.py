"""How much one request may ask for, and how many may wait."""

import math
from dataclasses import dataclass, field, fields
from typing import Any

from recbole_iacn.errors import ConfigError


def _limit(default: float, meaning: str) -> Any:
    """A limit with its meaning, which the command's help prints, too."""
    return field(default=default, metadata={"meaning": meaning})


@dataclass(frozen=True)
class Limits:
    """Limits of the service; a request beyond one of them is rejected by one line that names the limit."""

    body: int = _limit(1_048_576, "bytes of a request's body")
    histories: int = _limit(256, "histories per request")
    history: int = _limit(1_000, "clicks per history")
    k: int = _limit(1_000, "recommendations per history")
    items: int = _limit(10_000, "items to score per history, or that among names")
    scores: int = _limit(200_000, "pairs of a history and an item that one request scores")
    changes: int = _limit(2_000, "changed histories that one request to explain asks the model about")
    waiting: int = _limit(512, "requests that may wait for the model")
    seconds: float = _limit(30.0, "seconds for a request's head to arrive, and for its body")

    def __post_init__(self) -> None:
        for limit in fields(self):
            if not 0 < getattr(self, limit.name) < math.inf:
                raise ConfigError(f"max_{limit.name}: must be a number above 0, got {getattr(self, limit.name)}")

    def check(self, name: str, size: int, limit: str) -> None:
        """Raise ConfigError where ``name``, a key of the request, holds more than a limit allows."""
        allowed = getattr(self, limit)
        if size > allowed:
            got = f"{size:,}" if size < 10**12 else "far more"  # a client may send thousands of digits
            raise ConfigError(f"{name}: at most {allowed:,} per request, got {got} (--max-{limit})")
