"""Label-aware attention: the candidate item picks among the user's interests."""

import torch
from torch import Tensor, nn

MODES = ("pow", "scale", "hard")


class LabelAwareAttention(nn.Module):
    """Combine a user's interests into one vector, with the candidate item as the query.

    ``i_u = I softmax(g(I^T e))`` with the scores ``x = I^T e`` sharpened by ``g``:

    - ``pow``: ``sign(x) |x|^p``, the papers' ``pow(x, p)`` made meaningful for negative scores;
    - ``scale``: ``p x``, a softmax of inverse temperature p;
    - ``hard``: all weight on the best interest (p to infinity).

    ``p = 0`` weights all interests equally. Source: Li et al. (MIND), CIKM '19, equation 10; Jaiswal & Xiong
    (IaCN), RecSys '23, section 2.1, where p is called "user profile information" by mistake.

    Args:
        mode (str): ``pow``, ``scale`` or ``hard``. Defaults to ``scale``.
        power (float): p, at least 0. Defaults to 10. Not used by ``hard``.
    """

    def __init__(self, mode: str = "scale", power: float = 10.0) -> None:
        super().__init__()
        if mode not in MODES:
            raise ValueError(f"mode must be one of {MODES}, got {mode!r}")
        if power < 0:
            raise ValueError(f"power must be at least 0, got {power}")
        self.mode = mode
        self.power = power

    def forward(self, interests: Tensor, target: Tensor, interest_mask: Tensor) -> tuple[Tensor, Tensor]:
        """Attend to the interests.

        Args:
            interests (torch.Tensor): shape (B, K, D).
            target (torch.Tensor): candidate item, shape (B, D).
            interest_mask (torch.BoolTensor): True for the user's own interests, shape (B, K).

        Returns:
            tuple: user vector (B, D) and attention weights (B, K), exactly 0 where the mask is False; both are 0 for a
            user without interests.
        """
        weights = self.weights(torch.einsum("bkd,bd->bk", interests, target), interest_mask)
        return torch.einsum("bk,bkd->bd", weights, interests), weights

    def weights(self, products: Tensor, interest_mask: Tensor) -> Tensor:
        """The attention weights of interests, by their products with the candidate.

        Args:
            products (torch.Tensor): ``x = I^T e``, shape (\\*, K).
            interest_mask (torch.BoolTensor): as in :meth:`forward`; must broadcast to ``products``.

        Returns:
            torch.Tensor: shape (\\*, K).
        """
        scores = self._sharpen(products).masked_fill(~interest_mask, torch.finfo(products.dtype).min)
        if self.mode == "hard":
            weights = nn.functional.one_hot(scores.argmax(dim=-1), scores.shape[-1]).to(products.dtype)
        else:
            weights = scores.softmax(dim=-1)
        return weights * interest_mask

    def _sharpen(self, scores: Tensor) -> Tensor:
        if self.mode == "hard":
            return scores
        if self.mode == "scale" or self.power in (0, 1):
            return self.power * scores
        # The slope of |x|^p at 0 is infinite for p < 1; the clamp keeps it finite, and sign(0) = 0 the value.
        return scores.sign() * scores.abs().clamp_min(torch.finfo(scores.dtype).tiny ** 0.25) ** self.power

    def extra_repr(self) -> str:
        return f"mode={self.mode}, power={self.power}"
