"""Does a model recommend items of the interest that the user turns to next? For any grouping, a control's too."""

from __future__ import annotations

import numpy as np
import torch

from recbole_iacn.interests.grouping import Grouping
from recbole_iacn.nn.distillation import divergence, target_interest


def interest_gap(grouping: Grouping, targets: np.ndarray, firsts: np.ndarray, temperature: float = 0.1) -> np.ndarray:
    """Jensen-Shannon divergence between the groups of the clicked item and of the item that is ranked first.

    Source: Wang et al. (TiMiRec), CIKM '22, figure 2.
    :func:`recbole_iacn.experiments.divergence.interest_divergence` asks a model for the same.

    Args:
        grouping: B histories.
        targets: the item that each user clicked next, ids, shape (B,); 0 for none.
        firsts: the item that is ranked first, shape (B,); 0 for none.
        temperature: T of both distributions softmax(cos(v_k, e) / T). Defaults to .1.

    Returns:
        In nats, shape (B,), in [0, log 2]; 0 for one group. NaN for a user without groups and where an item is 0.
    """
    groups, active = torch.from_numpy(grouping.vectors), torch.from_numpy(grouping.active)
    distributions = [
        target_interest(groups, active, torch.from_numpy(grouping.item_vectors[items]), temperature)
        for items in (targets, firsts)
    ]
    defined = grouping.active.any(axis=1) & (targets > 0) & (firsts > 0)
    return np.where(defined, divergence(*distributions).double().numpy(), np.nan)
