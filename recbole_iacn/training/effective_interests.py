"""How many of a model's interests count, epoch by epoch: do they fall together?"""

from __future__ import annotations

import dataclasses
import logging
from typing import Any

import numpy as np
import torch

from recbole_iacn import parallel
from recbole_iacn.errors import ConfigError
from recbole_iacn.nn.spread import effective_number, pair_cosine

_ROWS = 1000  # training rows that are looked at, the same after every epoch
_AT_ONCE = 500


@dataclasses.dataclass(frozen=True)
class Spread:
    """How far apart interests are, averaged over histories.

    Attributes:
        effective: effective number of interests, exp of the entropy of their shares of the history; from 1, where one
            interest has all clicks, to ``own``.
        own: how many interests users have.
        cosine: the mean cosine of two interests of a user, over the users with several; None if there are none.
    """

    effective: float
    own: float
    cosine: float | None

    def as_dict(self) -> dict[str, float]:
        """The figures that there are, by name."""
        return {name: value for name, value in dataclasses.asdict(self).items() if value is not None}

    def __str__(self) -> str:
        """In the words of the log: ``2.71 of 3.40, cosine .83``."""
        together = "" if self.cosine is None else ", cosine " + f"{self.cosine:.2f}".replace("0.", ".", 1)
        return f"{self.effective:.2f} of {self.own:.2f}{together}"


class InterestLog:
    """Measures a model's :class:`Spread` over the same training rows after every epoch.

    It draws no random number and leaves the model as it was, so a training is the same with it and without.

    Args:
        model (torch.nn.Module): any model. One without interests, or with one alone, has no spread; nor has one whose
            extractor does not tell which interest a click belongs to, which is said once.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.measures = hasattr(model, "interests_and_items") and not (
            hasattr(model, "iacn_mode") and "iacn" not in model.tasks
        )

    def of(self, dataset: Any) -> Spread | None:
        """The spread over at most 1,000 rows, evenly spread over the data; a row without history is left out.

        Args:
            dataset (recbole.data.dataset.Dataset): training rows.
        """
        if not self.measures or not len(dataset):
            return None
        training = self.model.training
        self.model.eval()
        try:
            with torch.no_grad():
                return self._measure(dataset)
        except ConfigError as error:
            self.measures = False
            if parallel.rank() == 0:
                logging.getLogger(__name__).warning("The log leaves out the effective number of interests: %s", error)
            return None
        finally:
            self.model.train(training)

    def _measure(self, dataset):
        effective, own, cosine = [], [], []
        chosen = np.unique(np.linspace(0, len(dataset) - 1, min(_ROWS, len(dataset))).astype(int))
        for some in np.array_split(chosen, -(-len(chosen) // _AT_ONCE)):
            rows = dataset[some].to(self.model.device)
            mask = rows[self.model.ITEM_SEQ] != 0
            vectors, active, _ = self.model.interests_and_items(rows)
            if vectors.shape[1] == 1:
                self.measures = False
                return None
            there = mask.any(dim=1)
            effective.append(effective_number(self.model.couplings(rows), mask)[there])
            own.append(active.sum(dim=1)[there])
            cosine.append(pair_cosine(vectors, active)[there & (active.sum(dim=1) > 1)])
        numbers, counts, cosines = (torch.cat(some).double() for some in (effective, own, cosine))
        if not len(counts):
            return None
        return Spread(float(numbers.mean()), float(counts.mean()), float(cosines.mean()) if len(cosines) else None)
