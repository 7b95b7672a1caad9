"""The relationship score: what the task's interests say of a candidate, beside what the backbone says."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from recbole_iacn.errors import ConfigError
from recbole_iacn.nn import mix_gradient
from recbole_iacn.nn.lookup import distinct_rows, take

if TYPE_CHECKING:
    from recbole.data.interaction import Interaction

    from recbole_iacn.model.click.interest_aware import InterestAware


class RelationshipScore(nn.Module):
    """``R = c^T i_u``, the product of a candidate and the user vector that the task has for it, divided by the task's
    temperature. It is added to the backbone's logit with a learned weight.

    The weight starts at 1: the sampled softmax corrects for the candidates' frequency, so that its scores estimate, up
    to a constant, the logit of a click against an item drawn uniformly, which is what the backbone's logit is.

    ``detached``: the main loss trains the weight alone, and the task everything else in the score. The weight moves ten
    times as fast as other parameters: all rows train this one number, and where the start does not suit the data, as on
    ml-100k, it would take more epochs to leave it than the training has.
    ``joint``: the main loss also trains the extractor, and, by δ, ``E_auxiliary`` through the score. With λ = 0 and
    δ = 1 that is the same model without a task, which tells what the product alone is worth.

    Source: Jaiswal & Xiong, poster of the same work (there an output of the capsule network).

    Args:
        joint (bool): let the main loss train what the score consists of.
    """

    def __init__(self, joint: bool) -> None:
        super().__init__()
        self.joint = joint
        self.pace = 1.0 if joint else 10.0
        self.paced = nn.Parameter(torch.tensor(1 / self.pace))
        self._beside: Any = None  # while a backbone scores: its rows, or their finished scores
        self._was_added = False

    @property
    def weight(self) -> Tensor:
        """The weight of the score in the logit, a scalar."""
        return self.paced * self.pace

    def forward(self, model: InterestAware, rows: Interaction) -> Tensor:
        """The weighted score of each row's candidate, shape (B,).

        Args:
            model: has the task ``iacn``.
            rows: with a history and a candidate, B of them.
        """
        with contextlib.nullcontext() if self.joint else torch.no_grad():
            found = self._interests(model, rows)
            candidates = self._mixed(model, model.item_tables.auxiliary(rows[model.ITEM_ID]))
            score = model.tasks["iacn"].network.relationship(*found, candidates.unsqueeze(1)).squeeze(1)
        return self.weight * score

    def reader(self, model: InterestAware, rows: Interaction) -> Any:
        """A function from candidates of rows, (B, N) or (N,) for all rows alike, to their weighted scores (B, N);
        histories are read once.

        Args:
            model: has the task ``iacn``.
            rows: with a history, B of them.
        """
        found = self._interests(model, rows)

        def read(items: Tensor) -> Tensor:
            candidates = model.item_tables.auxiliary(items)
            return self.weight * model.tasks["iacn"].network.relationship(*found, candidates)

        return read

    @contextlib.contextmanager
    def beside(self, rows: Interaction | Tensor) -> Iterator[None]:
        """While active, :meth:`added` adds the score of these rows, or these scores, as often as the backbone scores
        them: one that compares two dropouts does so twice.

        Raises:
            ConfigError: the backbone did not call its ``forward``, so that its logit stayed as it was.
        """
        self._beside, self._was_added = rows, False
        try:
            yield
            if not self._was_added:
                raise ConfigError(
                    "iacn_relationship: the backbone does not score by its method forward, to whose logits the "
                    "relationship score is added; set iacn_relationship to none"
                )
        finally:
            self._beside = None

    def added(self, model: InterestAware, output: Any) -> Any:
        """What a backbone's ``forward`` returned, with the score added to its logits.

        Args:
            model: the model.
            output: logits, (B,) or (B, 1), or a tuple that begins with them.
        """
        if self._beside is None:
            return output
        if not isinstance(self._beside, Tensor):
            self._beside = self(model, self._beside)
        self._was_added = True
        logits = output[0] if isinstance(output, tuple) else output
        logits = logits + self._beside.view(logits.shape)
        return (logits, *output[1:]) if isinstance(output, tuple) else logits

    def _interests(self, model, rows):
        """Interests (B, K, D) and their mask (B, K), all False where the history is empty: the task has never seen what
        a profile, or an extractor of the user's, makes of nothing. What several rows have in common is read once."""
        history, users, task = rows[model.ITEM_SEQ], rows[model.USER_ID], model.tasks["iacn"]
        kinds, place = distinct_rows(
            torch.cat([history, users.unsqueeze(1)], dim=1) if task.profile_fields else history
        )
        behaviors = self._mixed(model, model.item_tables.auxiliary(history[kinds]))
        mask = history[kinds] != 0
        interests, active = task.network.interests(behaviors, mask, task.profile(users[kinds]))
        active = active & mask.any(dim=1, keepdim=True)
        return take(interests.flatten(1), place).view(-1, *interests.shape[1:]), active[place]

    def _mixed(self, model, vectors):
        return mix_gradient(vectors, model.iacn_delta) if self.joint else vectors
