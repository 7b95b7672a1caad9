"""The interests that a trained model finds in histories."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from recbole_iacn.data.catalogue import Catalogue
from recbole_iacn.errors import ConfigError
from recbole_iacn.serving.model_rows import Rows
from recbole_iacn.serving.newcomers import beside_the_known

_AT_ONCE = 4096


@dataclass
class Interests:
    """Interests of B histories.

    Attributes:
        names: a label per history, shape (B,).
        items: tokens of the clicks that the model reads, the newest L, oldest first; B arrays.
        vectors: shape (B, K, D), float32; zeros for an interest that a user does not have.
        active: which interests a user has, shape (B, K).
        couplings: how much each click belongs to each interest, shape (B, L, K); at each click they add up to 1 over
            K, at padding they are 0.
        shares: how much each interest counts: the mean of its couplings over the history, shape (B, K); they add up to
            1 where the history is not empty.
    """

    names: np.ndarray
    items: list[np.ndarray]
    vectors: np.ndarray
    active: np.ndarray
    couplings: np.ndarray
    shares: np.ndarray

    @property
    def belongs(self) -> list[np.ndarray]:
        """The interest with the largest coupling, of each click of each history; B arrays of int."""
        return [of.argmax(axis=1)[: len(items)] for of, items in zip(self.couplings, self.items)]


@torch.no_grad()
def interests_of(model: Any, rows: Rows, catalogue: Catalogue) -> Interests:
    """The interests of rows.

    Args:
        model: one of the family, or a click model with capsules.
        rows: B of them.
        catalogue: the model's tokens.

    Raises:
        ConfigError: the model has no interests, or its extractor does not tell whose a click is.
    """
    check_has(model)
    vectors, active, couplings = [], [], []
    for part in _parts(model, rows):
        some, has, of_clicks = _found(model, part)
        vectors.append(some.masked_fill(~has.unsqueeze(2), 0))
        active.append(has)
        couplings.append(of_clicks)
    history = rows.interaction[model.ITEM_SEQ].cpu().numpy()
    length = (history != 0).sum(axis=1)
    tokens = catalogue.tokens[catalogue.item]
    every = torch.cat(couplings).cpu().numpy()
    return Interests(
        rows.names,
        [tokens[row[:count]] for row, count in zip(history, length)],
        torch.cat(vectors).cpu().numpy(),
        torch.cat(active).cpu().numpy(),
        every,
        every.sum(axis=1) / np.maximum(length, 1)[:, None].astype(np.float32),
    )


@torch.no_grad()
def user_vectors_of(model: Any, rows: Rows) -> tuple[Tensor, Tensor]:
    """The vectors that retrieve items for rows, (B, K, D), and which of them a user has, (B, K).

    Args:
        model: one of the family, or a click model with capsules.
        rows: B of them.

    Raises:
        ConfigError: the model has none.
    """
    check_has(model)
    vectors, active = [], []
    for part in _parts(model, rows):
        some, has = model.users(part) if hasattr(model, "users") else model.interests_and_items(part)[:2]
        vectors.append(some)
        active.append(has)
    return torch.cat(vectors), torch.cat(active)


@torch.no_grad()
def vectors_of_items(model: Any) -> Tensor:
    """The vectors of all items by which users' vectors retrieve them, (N, D), in the order of ids from 1.

    Args:
        model: one of the family, or a click model with capsules.

    Raises:
        ConfigError: the model has none.
    """
    check_has(model)
    if hasattr(model, "item_tables"):
        return model.item_tables.auxiliary(torch.arange(1, model.n_items, device=model.device))
    return model.item_embedding.weight.detach()[1:]  # a view keeps its gradient, also in inference mode


def _found(model, part):
    """Interests, which of them a user has, and couplings. Those of a click model that
    are shown are not those that score (if any do: ``iacn_relationship``), so they may settle."""
    if hasattr(model, "settled_interests"):
        return model.settled_interests(part)
    return *model.interests_and_items(part)[:2], model.couplings(part)


def check_has(model: Any) -> None:
    """Reject a model without interests.

    Args:
        model: trained.

    Raises:
        ConfigError: says which models have some.
    """
    if not hasattr(model, "interests_and_items"):
        raise ConfigError(
            f"{type(model).__name__}: has no interests; models of the family have (MIND, ComiRec …), and those with "
            "IaCN, iacn_mode: full"
        )
    if hasattr(model, "iacn_mode"):
        model._capsules("interests")


def _parts(model: Any, rows: Rows) -> Iterator[Any]:
    for begin in range(0, len(rows), _AT_ONCE):
        some = rows.part(begin, min(begin + _AT_ONCE, len(rows)))
        with beside_the_known(model, some.interaction, model.USER_ID, some.users):
            yield some.interaction
