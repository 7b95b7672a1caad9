"""What the multi-interest family shares: items are scored by the best of a user's interest vectors."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from recbole.model.abstract_recommender import SequentialRecommender
from recbole.utils import InputType
from torch import Tensor, nn

from recbole_iacn.model.extractors import check_attention, couplings_of, with_attention
from recbole_iacn.model.retrieval.ranking_loss import Others, RankingLoss, of_whole
from recbole_iacn.nn.by_length import extract_by_length
from recbole_iacn.nn.diversity import cosine_penalty, routing_penalty
from recbole_iacn.nn.lookup import look_up

if TYPE_CHECKING:
    from recbole.config import Config
    from recbole.data.dataset import Dataset
    from recbole.data.interaction import Interaction

_BLOCK = 512  # users, and items, whose vectors and scores a core's cache holds
_FEW = 64  # users of whom a block has more items
_VECTORS = 1 << 18  # of candidates that are looked up at once
_START = 0.01  # standard deviation of embeddings and linear layers, as in the TiMiRec paper's code


def start_small(module: nn.Module) -> None:
    """Initialise embeddings and linear layers; a padding row stays zero."""
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=_START)
        bias = getattr(module, "bias", None)
        if bias is not None:
            nn.init.normal_(bias, std=_START)
    if isinstance(module, nn.Embedding) and module.padding_idx is not None:
        nn.init.zeros_(module.weight[module.padding_idx].detach())


class InterestRecommender(SequentialRecommender):
    """A sequential recommender with K vectors per user: an item's score is the largest ``v_k . e``.

    One table embeds the items of histories and the candidates; items have no bias. A subclass defines where the
    interests come from (:meth:`make_extractor`), and may define the vector that training scores with (:meth:`reader`)
    and those that serving scores with (:meth:`users`). The setting ``loss`` says how the vector learns
    (:class:`recbole_iacn.model.retrieval.ranking_loss.RankingLoss`). A causal model also defines :meth:`states`, and
    can learn from all places of a history at once (``rows: histories``).

    Settings: ``properties/MultiInterest.yaml``.
    """

    dataset_class = "recbole_iacn.data.history.HistoryDataset"
    trainer_class = "recbole_iacn.training.trainer.IaCNTrainer"
    input_type = InputType.PAIRWISE
    full_sort_is_fast = True  # products of all items take no longer than looking candidates up, unless these are few
    gives_probabilities = False  # a larger score is a better item, no more
    start = staticmethod(start_small)  # how a module's weights are drawn
    causal = False  # whether the state at a place of a history depends on nothing behind it

    def __init__(self, config: Config, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        self.embedding_size = config["embedding_size"]
        self.item_embedding = nn.Embedding(self.n_items, self.embedding_size, padding_idx=0)
        self.extractor = self.make_extractor(config)
        self.ranking_loss = RankingLoss(config, dataset)
        self.whole_rows = getattr(dataset, "whole_rows", False)
        self.diversity_weight = config["interest_diversity_weight"] or 0.0
        self.diversity = config["interest_diversity"] if self.diversity_weight else None
        if self.diversity == "none":
            self.diversity = None
        if self.diversity == "routing":
            check_attention(self.extractor, "interest_diversity: routing", "set interest_diversity to cosine")
        self.apply(self.start)

    @property
    def loss_names(self) -> tuple[str, ...]:
        """The names of the losses in the log, in the order in which :meth:`calculate_loss` returns them."""
        return ("main", "diversity") if self.diversity else ("main",)

    def make_extractor(self, config: Config) -> nn.Module:
        """The module that turns embedded histories (B, L, D) and masks (B, L) into interests (B, K, D) and their mask
        (B, K)."""
        raise NotImplementedError

    def interests(self, interaction: Interaction) -> tuple[Tensor, Tensor]:
        """Interests of each row.

        Args:
            interaction (recbole.data.interaction.Interaction): rows with a history.

        Returns:
            tuple: interests (B, K, D) and interest mask (B, K).
        """
        return self.extract(interaction, self.embed(interaction[self.ITEM_SEQ]))

    def extract(self, interaction: Interaction, behaviors: Tensor) -> tuple[Tensor, Tensor]:
        """:meth:`interests` of histories that are embedded already, shape (B, L, D)."""
        mask = interaction[self.ITEM_SEQ] != 0
        if not self.training:  # an exported graph has one path
            return self.extractor(behaviors, mask)
        interests, active = extract_by_length(self.extractor, self.extractor, behaviors, mask)
        return interests, active

    def embed(self, items: Tensor) -> Tensor:
        """Embeddings of items, shape (\\*items.shape, D)."""
        return look_up(items, self.item_embedding)

    def interests_and_items(self, interaction: Interaction) -> tuple[Tensor, Tensor, Callable[[Tensor], Tensor]]:
        """What :func:`recbole_iacn.experiments.divergence.interest_divergence` compares.

        Returns:
            tuple: interests (B, K, D), their mask (B, K), and the function that embeds items.
        """
        return *self.interests(interaction), self.embed

    def couplings(self, interaction: Interaction) -> Tensor:
        """How much each behaviour of a history belongs to each interest.

        Args:
            interaction (recbole.data.interaction.Interaction): rows with a history.

        Returns:
            torch.Tensor: shape (B, L, K); at each real position they add up to 1 over K, and at padding they are 0.

        Raises:
            ConfigError: the extractor is the user's, and does not return couplings.
        """
        history = interaction[self.ITEM_SEQ]
        return couplings_of(self.extractor, self.embed(history), history != 0)

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Parameters as an optimizer takes them: biases have no weight decay."""
        named = list(self.named_parameters())
        biases = [parameter for name, parameter in named if "bias" in name.rpartition(".")[2]]
        return [
            {"params": [p for _, p in named if all(p is not bias for bias in biases)]},
            {"params": biases, "weight_decay": 0.0},
        ]

    def users(self, interaction: Interaction) -> tuple[Tensor, Tensor]:
        """The vectors that score when serving: all :meth:`interests`.

        Returns:
            tuple: vectors (B, K, D) and their mask (B, K).
        """
        return self.interests(interaction)

    def reader(self, interests: Tensor, active: Tensor, target: Tensor) -> Tensor:
        """The vector that training scores with, shape (B, D): the interest with the highest score for the clicked
        item."""
        return best_interest(interests, active, target)

    def calculate_loss(self, interaction: Interaction) -> Tensor | tuple[Tensor, ...]:
        """The loss by which the clicked item is ranked; with further ones, as of ``interest_diversity``, the tuple
        ``(loss, weight * penalty)``."""
        if self.whole_rows:
            return self._loss_of_histories(interaction)
        behaviors, clicked, candidates, others = self.embedded(interaction)
        interests, active, further = self.extract_with_losses(interaction, behaviors)
        user = self.reader(interests, active, clicked)
        main = self.of_whole(self.ranking_loss(user, clicked, candidates, others), interaction)
        return (main, *further) if further else main

    def _loss_of_histories(self, interaction: Interaction) -> Tensor:
        """The mean over all targets of all rows, each a place of a history."""
        return self.ranking_loss.of_histories(
            self.item_embedding,
            interaction[self.ITEM_SEQ],
            interaction[self.POS_ITEM_ID],
            interaction[self.NEG_ITEM_ID] if self.ranking_loss.name == "bpr" else None,
            lambda behaviors: self.states(behaviors, interaction),
        )

    def states(self, behaviors: Tensor, interaction: Interaction) -> Tensor:
        """The user vector after each place of a history, of a causal model.

        Args:
            behaviors (torch.Tensor): embedded histories, shape (B, L, D); L may be less than that of the rows' columns,
                if none is longer.
            interaction (recbole.data.interaction.Interaction): the rows.

        Returns:
            torch.Tensor: shape (B, L, D).
        """
        raise NotImplementedError

    def extract_with_losses(
        self, interaction: Interaction, behaviors: Tensor
    ) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
        """:meth:`extract`, and the further losses that the interests have, weighted, in the order of
        :attr:`loss_names`."""
        mask = interaction[self.ITEM_SEQ] != 0
        if self.diversity != "routing":
            interests, active = self.extract(interaction, behaviors)
            return interests, active, self.penalties(interests, active, None, mask)
        call = partial(with_attention, self.extractor)
        interests, active, attention = extract_by_length(self.extractor, call, behaviors, mask)
        return interests, active, self.penalties(interests, active, attention, mask)

    def penalties(
        self, interests: Tensor, active: Tensor, attention: Tensor | None, mask: Tensor
    ) -> tuple[()] | tuple[Tensor]:
        """The loss of ``interest_diversity``, with its weight, if there is one.

        Args:
            interests, active: shapes (B, K, D) and (B, K).
            attention: shape (B, L, K); ``routing`` alone reads it.
            mask: True where a behaviour is real, shape (B, L).
        """
        if not self.diversity:
            return ()
        if self.diversity == "cosine":
            penalty = cosine_penalty(interests, active)
        else:
            assert attention is not None
            penalty = routing_penalty(attention, active, mask)
        return (of_whole(self.diversity_weight * penalty, len(mask)),)

    def embedded(self, interaction: Interaction) -> tuple[Tensor, Tensor, Tensor, Others]:
        """Embeddings of each row's history (B, L, D) and clicked item (B, D), and of what the clicked items are ranked
        against, with its ids."""
        clicked = interaction[self.POS_ITEM_ID]
        drawn = interaction[self.NEG_ITEM_ID] if self.ranking_loss.name == "bpr" else None
        others = self.ranking_loss.others(clicked, drawn)
        history = interaction[self.ITEM_SEQ]
        behaviors, own, candidates = self.ranking_loss.embed(self.item_embedding, others, history, clicked)
        return behaviors, own, candidates, others

    def of_whole(self, loss: Tensor, interaction: Interaction) -> Tensor:
        """A mean over rows, weighted so that its mean over processes is the mean over all their rows."""
        return of_whole(loss, len(interaction))

    def predict(self, interaction: Interaction) -> Tensor:
        """The score of each row's item, shape (B,)."""
        users, active = self.users(interaction)
        scores = (users @ self.embed(interaction[self.ITEM_ID]).unsqueeze(2)).squeeze(2)
        return scores.masked_fill(~active, -torch.inf).amax(dim=1)

    def candidate_scores(self, interaction: Interaction, items: Tensor) -> Tensor:
        """The scores of each row's own candidates.

        Args:
            interaction (recbole.data.interaction.Interaction): rows with a history, B of them.
            items (torch.LongTensor): item ids, shape (B, N).

        Returns:
            torch.Tensor: shape (B, N).
        """
        users, active = self.users(interaction)
        users = torch.where(active.unsqueeze(2), users, users[:, :1]).transpose(1, 2)
        if torch.is_grad_enabled() or items.numel() <= _VECTORS:
            return (self.embed(items) @ users).amax(dim=2)
        parts = items.split(max(_VECTORS // max(len(items), 1), 1), dim=1)
        return torch.cat([(self.embed(part) @ users).amax(dim=2) for part in parts], dim=1)

    @torch.no_grad()
    def full_sort_predict(self, interaction: Interaction) -> Tensor:
        """The scores of all items, shape (B, items), padding item included; without gradient."""
        users, active = self.users(interaction)
        # Every user has the first interest: it replaces those that the user does not have.
        users = torch.where(active.unsqueeze(2), users, users[:, :1])
        return largest_products(users, self.item_embedding.weight)


def largest_products(users: Tensor, items: Tensor) -> Tensor:
    """For each user and item the largest ``v_k . e``.

    In place and, on a CPU, block by block: all products at once would take K times the memory and exceed every cache.

    Args:
        users (torch.Tensor): shape (B, K, D), without gradient.
        items (torch.Tensor): shape (I, D).

    Returns:
        torch.Tensor: shape (B, I).
    """
    if users.device.type != "cpu":
        first, *others = users.unbind(dim=1)
        best = first @ items.T
        for other in others:
            torch.maximum(best, other @ items.T, out=best)
        return best
    best = users.new_empty(len(users), len(items))
    vectors = [some.transpose(0, 1).contiguous() for some in users.split(_BLOCK)]
    # Of few users a block has more items: with a million, 512 at a time are 1,954 calls for a handful of products.
    width = _BLOCK * max(_FEW // max(len(users), 1), 1)
    # A row of the whole table begins anywhere, and MKL multiplies into such rows at half its speed.
    rooms = users.new_empty(2, min(_BLOCK, len(users)), min(width, len(items)))
    for strip, some in zip(best.split(width, dim=1), items.split(width)):
        for part, (first, *others) in zip(strip.split(_BLOCK), vectors):
            largest, further = (room[: len(part), : part.shape[1]] for room in rooms)
            torch.mm(first, some.T, out=largest)
            for other in others:
                torch.maximum(largest, torch.mm(other, some.T, out=further), out=largest)
            part.copy_(largest)
    return best


def best_interest(interests: Tensor, active: Tensor, target: Tensor) -> Tensor:
    """The interest with the largest ``v_k . e``.

    Args:
        interests (torch.Tensor): shape (B, K, D).
        active (torch.BoolTensor): True for the user's own interests, shape (B, K).
        target (torch.Tensor): item, shape (B, D).

    Returns:
        torch.Tensor: shape (B, D).
    """
    scores = (interests @ target.unsqueeze(2)).squeeze(2).masked_fill(~active, -torch.inf)
    return interests[torch.arange(len(interests), device=interests.device), scores.argmax(dim=1)]
