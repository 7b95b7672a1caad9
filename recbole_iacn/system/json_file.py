"""Reads JSON of strangers: whatever is wrong with it is a ``ValueError``."""

import json
import os
from pathlib import Path
from typing import Any


def parse(text: str | bytes) -> Any:
    """The value of a text in JSON.

    Args:
        text: the text.

    Raises:
        ValueError: it is not JSON, has too many lists within each other, or a number of thousands of digits.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("has too many lists within each other") from None


def read(path: str | os.PathLike[str]) -> Any:
    """The value in a file of JSON.

    Args:
        path: the file.

    Raises:
        ValueError: see :func:`parse`; also if it is not UTF-8.
        OSError: it cannot be read.
    """
    return parse(Path(path).read_bytes())
