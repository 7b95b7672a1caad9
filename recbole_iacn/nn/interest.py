"""The auxiliary task as one module: extractor, profile layer, label-aware attention, loss."""

import torch
from torch import Tensor, nn

from recbole_iacn.nn.attention import LabelAwareAttention
from recbole_iacn.nn.bpr_loss import bpr_loss
from recbole_iacn.nn.capsule import BehaviorToInterestRouting
from recbole_iacn.nn.distillation import InterestForesight, distillation_loss, target_interest
from recbole_iacn.nn.sampled_softmax import sampled_softmax_loss

LOSSES = ("sampled_softmax", "bpr")


class InterestAwareNetwork(nn.Module):
    """Interest-aware capsule network (IaCN).

    Reads a user's history through the auxiliary item embeddings, finds K interests by dynamic routing, lets the
    clicked item attend to them, and learns to pick that item among sampled ones. It holds no item embedding
    itself: its gradients train the embeddings that it is given.

    Source: Jaiswal & Xiong, RecSys '23, section 2; H-layer after Li et al. (MIND), CIKM '19, section 4.3.

    Args:
        embedding_size (int): D.
        max_length (int): maximum history length.
        num_interests (int): K. Defaults to 4.
        iterations (int): routing iterations. Defaults to 3.
        attention (str): ``pow``, ``scale`` or ``hard``, see :class:`LabelAwareAttention`.
        power (float): p of the attention. Defaults to 10.
        temperature (float): divides the scores of the loss. Defaults to 0.05: capsules are shorter
            than 1 and embeddings small, so that unscaled scores could not separate a thousand candidates.
        rounding (str, optional): ``ceil``, ``floor`` or None, see :func:`interest_count`. Defaults to ``ceil``.
        logit_std (float): standard deviation of the initial routing logits.
        map_scale (float): initial scale of the bilinear map, see :class:`BehaviorToInterestRouting`.
        profile_size (int): width of the user profile; 0 (default) for none, and then no H-layer.
        state_size (int): width of a state of the user. With one, the user vector is ``V^T softmax(z)``, with the next
            interest predicted from the state, in place of label-aware attention, and is also available in serving; a
            teacher that knows the target provides the labels (TiMiRec's distillation). Defaults to 0: none.
        distillation_temperature (float): T > 0 of teacher and student. Defaults to 0.1.
        extractor (torch.nn.Module, optional): extracts the interests, see :mod:`recbole_iacn.nn.extractor`, in
            place of routing, to which ``num_interests``, ``iterations``, ``rounding``, ``logit_std`` and ``map_scale``
            belong (the last of them also to the prediction from a state).
        loss (str): ``sampled_softmax`` (default) or ``bpr``, see :func:`sampled_softmax_loss` and :func:`bpr_loss`.

    Example:
        >>> network = InterestAwareNetwork(embedding_size=16, max_length=20)
        >>> history, target = torch.randn(8, 20, 16), torch.randn(8, 16)
        >>> network(history, torch.ones(8, 20, dtype=torch.bool), target).shape
        torch.Size([8, 16])
    """

    def __init__(
        self,
        embedding_size: int,
        max_length: int,
        num_interests: int = 4,
        iterations: int = 3,
        attention: str = "scale",
        power: float = 10.0,
        temperature: float = 0.05,
        rounding: str | None = "ceil",
        logit_std: float = 0.3,
        map_scale: float = 40.0,
        profile_size: int = 0,
        state_size: int = 0,
        distillation_temperature: float = 0.1,
        extractor: nn.Module | None = None,
        loss: str = "sampled_softmax",
    ) -> None:
        super().__init__()
        if loss not in LOSSES:
            raise ValueError(f"loss must be one of {LOSSES}, got {loss!r}")
        if temperature <= 0:
            raise ValueError(f"temperature must be greater than 0, got {temperature}")
        self.extractor = extractor or BehaviorToInterestRouting(
            embedding_size, num_interests, max_length, iterations, logit_std, rounding, map_scale
        )
        self.temperature = temperature
        self.loss_name = loss
        self.attention = LabelAwareAttention(attention, power)
        self.foresight = InterestForesight(state_size, embedding_size, map_scale) if state_size else None
        self.distillation_temperature = distillation_temperature
        self.profile_layer = None
        if profile_size:
            self.profile_layer = nn.Sequential(
                nn.Linear(embedding_size + profile_size, 4 * embedding_size),
                nn.ReLU(),
                nn.Linear(4 * embedding_size, embedding_size),
            )

    def interests(
        self, history: Tensor, mask: Tensor, profile: Tensor | None = None, iterations: int | None = None
    ) -> tuple[Tensor, Tensor]:
        """The user's interests.

        Args:
            history (torch.Tensor): auxiliary embeddings of the behaviours, shape (B, L, D).
            mask (torch.BoolTensor): True where a behaviour is real, shape (B, L).
            profile (torch.Tensor, optional): user profile ``u_p``, shape (B, profile_size).
            iterations (int, optional): let the routing settle within as many
                (:meth:`BehaviorToInterestRouting.settled`); another extractor has none.

        Returns:
            tuple: interests (B, K, D) and interest mask (B, K).

        Raises:
            ValueError: a profile is missing, or given to a network without ``profile_size``.
        """
        if (profile is None) != (self.profile_layer is None):
            raise ValueError("a profile must be given if and only if the network has a profile_size")
        if iterations is not None and isinstance(self.extractor, BehaviorToInterestRouting):
            interests, active, _ = self.extractor.settled(history, mask, iterations)
        else:
            interests, active = self.extractor(history, mask)
        if self.profile_layer is not None and profile is not None:
            profile = profile.unsqueeze(1).expand(-1, interests.shape[1], -1)
            interests = self.profile_layer(torch.cat([interests, profile], dim=-1))
        return interests, active

    def forward(self, history: Tensor, mask: Tensor, target: Tensor, profile: Tensor | None = None) -> Tensor:
        """The user vector given the candidate, ``i_u``.

        Args:
            history, mask, profile: as in :meth:`interests`.
            target (torch.Tensor): auxiliary embedding of the candidate item, shape (B, D).

        Returns:
            torch.Tensor: shape (B, D).
        """
        interests, active = self.interests(history, mask, profile)
        if interests.shape[1] == 1:  # the attention to one interest is that interest
            return interests[:, 0] * active
        return self.attention(interests, target, active)[0]

    def relationship(self, interests: Tensor, active: Tensor, candidates: Tensor) -> Tensor:
        """The relationship score ``R = c^T i_u`` of candidates, over the temperature: what the softmax compares.

        No user vector is formed: with the products ``x_k = c^T u_k``, R is their mean by the label-aware attention.

        Args:
            interests, active (torch.Tensor): as :meth:`interests` returns them.
            candidates (torch.Tensor): auxiliary embeddings of each row's candidates, shape (B, N, D), or of
                candidates that all rows share, shape (N, D).

        Returns:
            torch.Tensor: shape (B, N).
        """
        exact = torch.promote_types(interests.dtype, torch.float32)  # also under autocast: small numbers over .05
        with torch.autocast(interests.device.type, enabled=False):
            products = candidates.to(exact) @ interests.to(exact).transpose(1, 2)
            if interests.shape[1] == 1:  # the attention to one interest is that interest
                return (products * active.unsqueeze(1)).squeeze(2) / self.temperature
            weights = self.attention.weights(products, active.unsqueeze(1))
            return (weights * products).sum(dim=2) / self.temperature

    def foresee(
        self, history: Tensor, mask: Tensor, state: Tensor, profile: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The user vector by the predicted next interest, ``V^T softmax(z)``, without any candidate.

        Args:
            history, mask, profile: as in :meth:`interests`.
            state (torch.Tensor): of the user, shape (B, state_size).

        Returns:
            tuple: user vector (B, D), logits z (B, K), interests (B, K, D) and interest mask (B, K).

        Raises:
            ValueError: the network has no foresight.
        """
        if self.foresight is None:
            raise ValueError("only a network with a state_size can predict the next interest")
        interests, active = self.interests(history, mask, profile)
        logits = self.foresight(state, interests)
        weights = logits.masked_fill(~active, -torch.inf).softmax(dim=1)
        return (weights.unsqueeze(1) @ interests).squeeze(1), logits, interests, active

    def loss(
        self,
        history: Tensor,
        mask: Tensor,
        candidates: Tensor,
        candidate_ids: Tensor,
        log_q: Tensor | None = None,
        profile: Tensor | None = None,
        state: Tensor | None = None,
        drawn: int = 0,
    ) -> Tensor | tuple[Tensor, Tensor]:
        """``L_IaCN`` over positive rows.

        Args:
            history, mask, profile: as in :meth:`interests`, rows of clicked items only (P rows).
            candidates, candidate_ids, log_q: as in :func:`sampled_softmax_loss`: C items, through their auxiliary
                embeddings, the first P of them the clicked ones. :func:`bpr_loss` needs no log_q.
            state: as in :meth:`foresee`, if the network has foresight.
            drawn: how many of the last candidates were drawn, for :func:`bpr_loss`.

        Returns:
            torch.Tensor: scalar; with foresight two: that, and ``T^2 KL`` of teacher and student.

        Raises:
            ValueError: a state is missing, or given to a network without ``state_size``; log_q is missing.
        """
        if (state is None) != (self.foresight is None):
            raise ValueError("a state must be given if and only if the network has a state_size")
        clicked = candidates[: len(history)]
        if state is None:
            users = self(history, mask, clicked, profile)
            return self._compare(users, candidates, candidate_ids, log_q, drawn)
        users, logits, interests, active = self.foresee(history, mask, state, profile)
        teacher = target_interest(interests, active, clicked, self.distillation_temperature).detach()
        distillation = distillation_loss(teacher, logits, active, self.distillation_temperature)
        return self._compare(users, candidates, candidate_ids, log_q, drawn), distillation

    def _compare(self, users: Tensor, candidates: Tensor, ids: Tensor, log_q: Tensor | None, drawn: int) -> Tensor:
        """The loss of user vectors among candidates."""
        if self.loss_name == "bpr":
            return bpr_loss(users / self.temperature, candidates, ids, drawn)
        if log_q is None:
            raise ValueError("the sampled softmax needs log_q, the logarithm of expected counts")
        return sampled_softmax_loss(users / self.temperature, candidates, ids, log_q)

    def _load_from_state_dict(self, state_dict, prefix, *args, **kwargs) -> None:  # type: ignore[no-untyped-def]
        """As in PyTorch; version 0.5 called the extractor ``routing``."""
        for name in [name for name in state_dict if name.startswith(f"{prefix}routing.")]:
            state_dict[f"{prefix}extractor.{name.removeprefix(f'{prefix}routing.')}"] = state_dict.pop(name)
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)
