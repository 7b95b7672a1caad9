"""What a model has for users that it never saw: the mean of those that it knows, and columns of their own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import torch
from recbole.utils import get_model
from torch import Tensor

from recbole_iacn.data.catalogue import TOKENS, Catalogue
from recbole_iacn.model.vocabulary_rows import vocabulary_rows

if TYPE_CHECKING:
    from recbole.config import Config


@torch.no_grad()
def settle(model: Any, config: Config, catalogue: Catalogue) -> list[str]:
    """Give id 0 of the users' columns the mean of the other ids, where no known user has it: training never reached it,
    so it still has its random start.

    Args:
        model: trained; its weights are changed in place.
        config: its settings.
        catalogue: its columns.

    Returns:
        The columns whose id 0 now is the mean.
    """
    untrained = [
        name
        for name, column in catalogue.columns.items()
        if column.kind in TOKENS
        and not column.hidden
        and column.source in ("user_id", "user")
        and (name == catalogue.user or (name in catalogue.users and bool((catalogue.users[name][1:] != 0).all())))
    ]
    if not any(True for _ in model.parameters()):  # a floor counts, and learns no vector of anybody
        return []
    state, settled = model.state_dict(), set()
    rows = vocabulary_rows(lambda *given: get_model(config["model"])(*given), config, catalogue.dataset(config))
    for part in rows:
        if part.field in untrained and part.count > 1 and state[part.name].is_floating_point():
            values = state[part.name].narrow(part.dim, part.start, part.count)
            values.narrow(part.dim, 0, 1).copy_(values.narrow(part.dim, 1, part.count - 1).mean(part.dim, keepdim=True))
            settled.add(part.field)
    return sorted(settled)


@contextlib.contextmanager
def beside_the_known(model: Any, interaction: Any, user: str, columns: Mapping[str, Tensor] | None) -> Iterator[None]:
    """While active, the rows' users are new ones with columns of their own, behind all users that the model knows.

    DIN and DIEN look the columns of a user up by the user's id, in a table that they keep.

    Args:
        model: has ``embedding_layer.user_feat``.
        interaction: the rows; their user ids are replaced.
        user: the column of ids.
        columns: of the rows' users; None to leave all as it is.
    """
    if columns is None:
        yield
        return
    layer, ids = model.embedding_layer, interaction[user]
    known = layer.user_feat
    longer = type(known)(
        {name: _behind(values, columns[name].to(values.device)) for name, values in known.interaction.items()}
    )
    layer.user_feat = longer
    interaction.interaction[user] = torch.arange(len(known), len(longer), device=ids.device)
    try:
        yield
    finally:
        layer.user_feat, interaction.interaction[user] = known, ids


def _behind(known, new):
    """Lists of another width are padded to the wider one."""
    width = max(
        [values.shape[1] for values in (known, new) if values.dim() == 2 and values.dtype == torch.int64] or [0]
    )
    if width:
        known, new = (torch.nn.functional.pad(values, (0, width - values.shape[1])) for values in (known, new))
    return torch.cat([known, new])
