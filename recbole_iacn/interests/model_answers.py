"""What a model says of test rows: its division of the histories, its lists, its plain embedding, and what its scores
are when clicks are left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from recbole.data.interaction import Interaction

from recbole_iacn.data.dataset import AUXILIARY_SUFFIX
from recbole_iacn.data.history import ELAPSED
from recbole_iacn.interests.grouping import Grouping
from recbole_iacn.model.click.full_sort import score_pairs
from recbole_iacn.serving.interests import interests_of, vectors_of_items
from recbole_iacn.serving.model_rows import Rows

if TYPE_CHECKING:
    from recbole_iacn.interests.test_rows import TestRows
    from recbole_iacn.serving.recommender import Recommender

_PAIRS = 4096  # rows with one item each that are scored at once


@dataclass(frozen=True)
class Plain:
    """Item vectors that know nothing of interests.

    Attributes:
        vectors: by id, row 0 is padding, shape (N + 1, D').
        what: in words.
    """

    vectors: np.ndarray
    what: str


def grouping_of(recommender: Recommender, test: TestRows) -> Grouping:
    """The model's own division of the histories.

    Args:
        recommender: a model with interests.
        test: B rows.

    Raises:
        ConfigError: the model has no interests, or its extractor does not tell whose a click is.
    """
    found = interests_of(recommender.model, test.rows, recommender.catalogue)
    items = vectors_of_items(recommender.model).cpu().numpy()
    items = np.concatenate([np.zeros_like(items[:1]), items])
    return Grouping(test.history, found.couplings, found.active, found.vectors, items)


def lists_of(recommender: Recommender, test: TestRows, k: int) -> np.ndarray:
    """The best k items of each row, as ``recommend`` gives them: without those that were clicked. Shape (B, k); 0 where
    there are fewer."""
    return recommender.best(test.rows, k)[0].cpu().numpy()


@torch.no_grad()
def plain_embeddings(recommender: Recommender) -> dict[str, Plain]:
    """The embeddings in which controls cluster clicks: the same model's, without its division into interests.

    Returns:
        ``k_means``: of the family the item table; of a click model ``E_original`` as the backbone reads it, the item's
        own vector and those of its features end to end. The latter also has ``k_means_id``, the item's own vector
        alone, if the model reads features of items: the features may be the very categories that are compared; and
        ``k_means_own``, ``E_auxiliary``, in which its interests lie: what the space gives without the capsules.
    """
    model, catalogue = recommender.model, recommender.catalogue
    if not hasattr(model, "item_tables"):
        return {"k_means": Plain(_numpy(model.item_embedding.weight), "the item table")}
    tables = model.item_tables
    every = torch.arange(model.n_items, device=model.device)
    names = [name for name in tables.item_feat.columns if not name.endswith(AUXILIARY_SUFFIX) and _has(tables, name)]
    vectors = {name: _numpy(tables.item_field(name, every).flatten(1)) for name in names}
    found = {"k_means": Plain(np.concatenate(list(vectors.values()), axis=1), f"E_original of {', '.join(names)}")}
    if len(names) > 1:
        found["k_means_id"] = Plain(vectors[catalogue.item], f"E_original of {catalogue.item}")
    space = _numpy(tables.auxiliary(every))
    space[0] = 0  # padding
    return found | {"k_means_own": Plain(space, "E_auxiliary, the space of the interests")}


@torch.no_grad()
def margins(recommender: Recommender, test: TestRows, items: np.ndarray, keep: np.ndarray | None = None) -> np.ndarray:
    """The score of one item of each row, with some of the clicks alone, in what effects are added in: the log-odds of a
    click model's probability, the family's score itself.

    Args:
        recommender: the model.
        test: B rows.
        items: one id of each row, int64, shape (B,).
        keep: the clicks that stay, bool, shape (B, L); by default all.

    Returns:
        float64, shape (B,).
    """
    rows = test.rows if keep is None else with_clicks(recommender, test, keep)
    ids = torch.from_numpy(items[:, None]).to(recommender.model.device)
    if not hasattr(recommender.model, "item_tables"):
        return _numpy(recommender.scores_of(rows, ids)[:, 0]).astype(np.float64)
    item_feat = Interaction(dict(recommender.catalogue.items)).to(recommender.model.device)
    click = score_pairs(recommender.model.predict, rows.interaction, ids, item_feat, _PAIRS)[:, 0]
    probability = _numpy(click).astype(np.float64).clip(1e-7, 1 - 1e-7)  # as float32 resolves them
    return np.log(probability) - np.log1p(-probability)


def with_clicks(recommender: Recommender, test: TestRows, keep: np.ndarray) -> Rows:
    """The rows with some clicks of their histories alone, as if the user had clicked nothing else.

    Args:
        recommender: whose model reads them.
        test: B rows.
        keep: the clicks that stay, bool, shape (B, L).
    """
    interaction = dict(test.rows.interaction.interaction)
    real = torch.from_numpy(keep & (test.history > 0)).to(recommender.model.device)
    order = torch.argsort((~real).to(torch.int8), dim=1, stable=True)
    left = real.gather(1, order)
    for name in _columns_of_histories(recommender, interaction):
        values = interaction[name]
        further = (1,) * (values.dim() - 2)
        moved = values.gather(1, order.view(*order.shape, *further).expand(values.shape))
        if name.startswith(ELAPSED):
            moved = moved - moved[:, :1]
        interaction[name] = moved * left.view(*left.shape, *further)
    length = real.sum(dim=1).clamp_min(recommender.queries.least)
    interaction[recommender.config["ITEM_LIST_LENGTH_FIELD"]] = length
    history = interaction[recommender.queries.history].cpu().numpy()
    count = (history > 0).sum(axis=1)
    return Rows(Interaction(interaction), test.rows.names, history[history > 0], count, users=test.rows.users)


def _columns_of_histories(recommender, interaction):
    columns, suffix = recommender.catalogue.columns, recommender.config["LIST_SUFFIX"]
    names = [name for name in interaction if name.endswith(suffix)]
    return [n for n in names if n.startswith(ELAPSED) or n not in columns or columns[n].source == "inter"]


def _has(tables, name):
    """Whether the model embeds a column of items."""
    try:
        tables.item_table(name)
    except (ValueError, IndexError):
        return False
    return True


def _numpy(values: Any) -> np.ndarray:
    return values.detach().cpu().numpy()
