"""What is asked of an explanation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Asked:
    """What an explanation is to contain.

    Attributes:
        k: items that are recommended.
        exclude_seen: leave out those of the history.
        among: ids of the items to choose from; None for all.
        nearest: items that are listed of each interest.
        addable: items that may be added to the history; None for an explanation without :class:`Edits`.
    """

    k: int = 10
    exclude_seen: bool = True
    among: np.ndarray | None = None
    nearest: int = 20
    addable: int | None = None
