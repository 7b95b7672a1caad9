"""How much one request may ask for, and how many may wait."""

import math
from dataclasses import dataclass, fields

from recbole_iacn.errors import ConfigError


@dataclass(frozen=True)
class Limits:
    """Limits of the service. A request beyond one of them is rejected by one line that names the limit.

    Args:
        body (int): bytes of a request's body.
        histories (int): histories per request.
        history (int): clicks per history, also those that are older than what the model reads.
        k (int): recommendations per history.
        items (int): items to score per history, or items that ``among`` names.
        scores (int): pairs of a history and an item that one request scores; other requests wait for them.
        waiting (int): requests that wait for the model; further ones get status 503 at once.
        seconds (float): time for a request's head to arrive, and for its body.
    """

    body: int = 1_048_576
    histories: int = 256
    history: int = 1_000
    k: int = 1_000
    items: int = 10_000
    scores: int = 200_000
    waiting: int = 512
    seconds: float = 30.0

    def __post_init__(self) -> None:
        for field in fields(self):
            if not 0 < getattr(self, field.name) < math.inf:
                raise ConfigError(f"max_{field.name}: must be a number above 0, got {getattr(self, field.name)}")

    def check(self, name: str, size: int, limit: str) -> None:
        """Raise ConfigError where ``name``, a key of the request, holds more than a limit allows."""
        allowed = getattr(self, limit)
        if size > allowed:
            got = f"{size:,}" if size < 10**12 else "far more"  # a client may send thousands of digits
            raise ConfigError(f"{name}: at most {allowed:,} per request, got {got} (--max-{limit})")
