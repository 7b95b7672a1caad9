"""Which interest is active now, told from the order of the history."""

import torch
from torch import nn


class InterestPredictor(nn.Module):
    """Logits over K interests from the last state of a GRU, which reads the history through an item table of its own.

    Source: Wang et al. (TiMiRec), CIKM '22, equations 14 and 15; one layer is what its Beauty runs have.

    Args:
        n_items (int): number of item ids, padding included.
        embedding_size (int): D, of the table and the GRU.
        num_interests (int): K.
        layers (int): 1, or 2 with dropout and ReLU between. Defaults to 1.
        dropout (float): of two layers. Defaults to 0.5.
    """

    def __init__(self, n_items, embedding_size, num_interests, layers=1, dropout=0.5):
        super().__init__()
        self.item_embedding = nn.Embedding(n_items, embedding_size, padding_idx=0)
        self.gru = nn.GRU(embedding_size, embedding_size, batch_first=True)
        between = [nn.Linear(embedding_size, embedding_size), nn.Dropout(dropout), nn.ReLU()] if layers == 2 else []
        self.output = nn.Sequential(*between, nn.Linear(embedding_size, num_interests))

    def forward(self, history):
        """Predict.

        Args:
            history (torch.LongTensor): items, oldest first, padding behind, shape (B, L).

        Returns:
            torch.Tensor: logits z, shape (B, K).
        """
        states, _ = self.gru(self.item_embedding(history))
        last = ((history != 0).sum(dim=1) - 1).clamp_min(0)
        return self.output(states[torch.arange(len(states), device=states.device), last])
