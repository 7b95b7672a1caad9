"""Predicts the next interest from the order of the history."""

from torch import Tensor, nn

from recbole_iacn.nn.lookup import look_up
from recbole_iacn.nn.recurrence import TimeMajor, recur


class InterestPredictor(nn.Module):
    """Logits over K interests from the last state of a GRU, which reads the history through its own item table.

    Source: Wang et al. (TiMiRec), CIKM '22, equations 14 and 15; its Beauty runs have one layer.

    Args:
        n_items (int): number of item ids, padding included.
        embedding_size (int): D, of the table and the GRU.
        num_interests (int): K.
        layers (int): 1, or 2 with dropout and ReLU between. Defaults to 1.
        dropout (float): dropout rate between two layers. Defaults to 0.5.
    """

    def __init__(
        self, n_items: int, embedding_size: int, num_interests: int, layers: int = 1, dropout: float = 0.5
    ) -> None:
        super().__init__()
        self.item_embedding = nn.Embedding(n_items, embedding_size, padding_idx=0)
        self.gru = nn.GRU(embedding_size, embedding_size, batch_first=True)
        between = [nn.Linear(embedding_size, embedding_size), nn.Dropout(dropout), nn.ReLU()] if layers == 2 else []
        self.output = nn.Sequential(*between, nn.Linear(embedding_size, num_interests))

    def forward(self, history: Tensor) -> Tensor:
        """Predict the logits.

        Args:
            history (torch.LongTensor): items, oldest first, padded on the right, shape (B, L).

        Returns:
            torch.Tensor: logits z, shape (B, K); of an empty history, those of a state of zeros.
        """
        positions = TimeMajor((history != 0).sum(dim=1), history.shape[1])  # real ones only
        items = look_up(positions.of(history), self.item_embedding)
        of_input, of_state, input_bias, state_bias = self.gru.all_weights[0]
        x = nn.functional.linear(items, of_input, input_bias)
        states = recur(x, positions.sizes, of_state, state_bias, 1.0, -1.0)
        return self.output(positions.final(states))
