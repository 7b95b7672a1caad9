"""Ids and scores as a table of tokens."""

from __future__ import annotations

import numpy as np
import pandas as pd
from torch import Tensor

from recbole_iacn.data.catalogue import Catalogue
from recbole_iacn.serving.model_rows import Rows


def answer_table(catalogue: Catalogue, rows: Rows, ids: Tensor, scores: Tensor) -> pd.DataFrame:
    """A row per item, in the order given.

    Args:
        catalogue: names the columns of users and items.
        rows: what was asked, B of them.
        ids: item ids (B, k), 0 where there is none.
        scores: their scores (B, k).

    Returns:
        The columns of :meth:`recbole_iacn.serving.recommender.Recommender.recommend`.
    """
    ids_of, values = ids.cpu().numpy(), scores.cpu().numpy()
    row, place = np.nonzero(ids_of)
    table = pd.DataFrame(
        {
            catalogue.user: rows.names[row],
            catalogue.item: catalogue.tokens[catalogue.item][ids_of[row, place]],
            "score": values[row, place],
            "rank": place + 1,
        }
    )
    table.attrs["unknown"] = dict(rows.unknown)
    return table
