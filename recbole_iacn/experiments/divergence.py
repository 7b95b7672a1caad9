"""Does a model recommend items of the interest that the user turns to next? Figure 2 of the TiMiRec paper."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from recbole_iacn.data.score_blocks import rows_at_once
from recbole_iacn.nn.distillation import divergence, target_interest


@torch.no_grad()
def interest_divergence(model: Any, data: Any, temperature: float = 0.1, rows: int = 1000, batch: int = 200) -> Tensor:
    """Jensen-Shannon divergence between the interests of the clicked item and of the item that is ranked first.

    Source: Wang et al. (TiMiRec), CIKM '22, figure 2.

    Args:
        model (InterestRecommender or InterestAware): a model with interests.
        data (recbole.data.dataset.Dataset): test rows, clicks only.
        temperature (float): the temperature T of both distributions over interests. Defaults to 0.1.
        rows (int): the maximum number of rows, evenly spread over the data. Defaults to 1000.
        batch (int): the number of rows per forward pass; fewer with many items. Defaults to 200.

    Returns:
        torch.Tensor: the divergence of each row, in nats, in [0, log 2]; 0 for a user with one interest
        or none.
    """
    model.eval()
    values, batch = [], min(batch, rows_at_once(model.n_items, model.device, tables=2))
    chosen = np.unique(np.linspace(0, len(data) - 1, min(rows, len(data))).astype(int))
    for some in np.array_split(chosen, -(-len(chosen) // batch)):
        part = data[some].to(model.device)
        interests, active, vectors = model.interests_and_items(part)
        scores = model.full_sort_predict(part).view(len(some), -1)
        scores[:, 0] = -torch.inf
        distributions = [
            target_interest(interests, active, vectors(items), temperature)
            for items in (part[model.POS_ITEM_ID], scores.argmax(dim=1))
        ]
        values.append(divergence(*distributions))
    return torch.cat(values)
