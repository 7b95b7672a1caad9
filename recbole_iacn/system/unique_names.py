"""Names that no other run has, however close it starts."""

import secrets
from datetime import datetime


def unique_name(*words: str) -> str:
    """``<words>-<time>-<random>``, such as ``DIN_IaCN-ml-100k-20261126-061106-3f9a21bc``.

    The random part is the system's: runs with the same seed have different names, and no seeded generator is moved.

    Args:
        words: what comes first, such as a model's and a dataset's name.
    """
    return "-".join((*words, datetime.now().strftime("%Y%m%d-%H%M%S"), secrets.token_hex(4)))
