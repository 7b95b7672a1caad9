"""The setting ``loss``: how a user vector learns to score its target above other items.

bpr               one other item per row, drawn by the loader
sampled_softmax   train_negatives items that all rows of a batch share
softmax           all items
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from recbole_iacn import parallel
from recbole_iacn.data.loader import clicked_items
from recbole_iacn.data.whole_rows import training_targets
from recbole_iacn.nn.lookup import look_up, take
from recbole_iacn.nn.shared_softmax import shared_softmax_loss
from recbole_iacn.nn.transformer import RealPositions

if TYPE_CHECKING:
    from recbole.config import Config
    from recbole.data.dataset import Dataset

UNIFORM, POPULARITY, BATCH = "uniform", "popularity", "batch"
_DRAWS = 2048  # where the setting is absent, as for RecBole's models


@dataclass(frozen=True)
class Others:
    """What the targets of a batch are ranked against.

    Attributes:
        ids (torch.LongTensor): bpr: an item per target, shape (P,); otherwise the candidates that all share, each once
            and rising, shape (C,).
        column (torch.LongTensor, optional): the candidate that is a row's own target; -1 for none, shape (P,).
        own_bias, bias (torch.Tensor, optional): what is added to the scores of targets (P,) and candidates (C,).
    """

    ids: Tensor
    column: Tensor | None = None
    own_bias: Tensor | None = None
    bias: Tensor | None = None


class RankingLoss(nn.Module):
    """The loss of user vectors, by the settings ``loss``, ``train_negatives``, ``train_negatives_from``,
    ``logq_correction``, ``softmax_temperature``, ``hard_negatives``, ``item_dropout_prob`` and ``negative_items``;
    of the family, and of RecBole's GRU4Rec and SASRec.

    ``sampled_softmax`` keeps each drawn item once, so an item of share q is among the candidates of N draws with
    probability ``Q = 1 - (1 - q)^N``; with ``logq_correction`` scores, the target's too, are corrected by ``-log Q``.
    The batch's own targets are draws by that share, as many as there are. A row's own target is never a candidate of
    its own.

    Source: Rendle et al. (BPR), UAI '09; Jean et al., ACL '15, section 3 (sampled softmax with correction); Yi et al.,
    RecSys '19 (logQ within a batch).

    Args:
        config (recbole.config.Config): final settings.
        dataset (recbole.data.dataset.Dataset): training rows.
    """

    share: Tensor | None
    drawable: Tensor | None  # with negative_items: clicked, the items that anybody clicked

    def __init__(self, config: Config, dataset: Dataset) -> None:
        super().__init__()
        self.name = config["loss"]
        self.items = dataset.item_num
        self.draws = config["train_negatives"] or _DRAWS
        self.source = config["train_negatives_from"] or UNIFORM
        self.temperature = config["softmax_temperature"] or 1.0
        self.hardness = (config["hard_negatives"] or 0.0) if self.name == "sampled_softmax" else 0.0
        self.dropout = nn.Dropout(config["item_dropout_prob"] or 0.0)
        corrects = config["logq_correction"] is not False and self.source != UNIFORM
        share = None
        if self.name == "sampled_softmax" and (corrects or self.source == POPULARITY):
            count = torch.bincount(torch.from_numpy(training_targets(dataset)[1]), minlength=self.items).double()
            share = (count / count.sum()).float()
        self.register_buffer("share", share, persistent=False)
        self.corrects = corrects
        drawable = None
        if config["negative_items"] == "clicked" and self.name != "bpr":
            drawable = torch.from_numpy(clicked_items(dataset))
        self.register_buffer("drawable", drawable, persistent=False)

    def others(self, targets: Tensor, drawn: Tensor | None = None) -> Others:
        """What a batch is ranked against; in several processes all have the same candidates.

        Args:
            targets (torch.LongTensor): item of each row, shape (P,).
            drawn (torch.LongTensor, optional): bpr: the loader's negative of each row, shape (P,).
        """
        if self.name == "bpr":
            assert drawn is not None
            return Others(drawn)
        if self.name == "softmax":
            every = torch.arange(1, self.items, device=targets.device) if self.drawable is None else self.drawable
            return Others(every, _column(every, targets))
        drawn = self._draw(targets)
        ids = drawn.unique()
        column = _column(ids, targets)
        if not self.corrects:
            return Others(ids, column)
        return Others(ids, column, self._correction(targets, len(drawn)), self._correction(ids, len(drawn)))

    def _draw(self, targets: Tensor) -> Tensor:
        """N items, with replacement; of the batch's targets, which are draws already, N at most and each once."""
        size = (self.draws,)
        if self.source == BATCH:
            every = parallel.own_first(targets)
            return parallel.of_first(every[torch.randperm(len(every), device=targets.device)[: self.draws]])
        if self.source == POPULARITY:
            assert self.share is not None
            return parallel.of_first(torch.multinomial(self.share, self.draws, replacement=True))
        if self.drawable is not None:
            return parallel.of_first(self.drawable[torch.randint(len(self.drawable), size, device=targets.device)])
        return parallel.of_first(torch.randint(1, self.items, size, device=targets.device))

    def _correction(self, ids: Tensor, draws: int) -> Tensor:
        """``-log Q`` of items, for so many draws by their share of the targets."""
        assert self.share is not None
        q = self.share[ids].double()
        return -(-torch.expm1(draws * torch.log1p(-q))).log().float()

    def embed(self, table: nn.Embedding, others: Others, *ids: Tensor) -> tuple[Tensor, ...]:
        """Embeddings of several tensors of ids and, as the last, of ``others.ids``.

        By one look-up, since each has a gradient of the table's size; a dense table is taken as it is where all items
        are ranked against. With ``item_dropout_prob`` each item of the batch has one mask, wherever it stands.

        Args:
            table (torch.nn.Embedding): the items' table.
            others (Others): what the batch is ranked against.
            *ids (torch.LongTensor): of any shape.

        Returns:
            tuple of torch.Tensor: shape (\\*ids.shape, D) each.
        """
        all_items = others.column is not None and len(others.ids) == self.items - 1 and not table.sparse
        if all_items:
            every = self.dropout(table.weight)
            return (*(take(every, part) for part in ids), every[1:])
        parts = [*ids, others.ids]
        joined = torch.cat([part.flatten() for part in parts])
        if self.drops:
            distinct, place = joined.unique(return_inverse=True)
            vectors = take(self.dropout(look_up(distinct, table)), place)
        else:
            vectors = look_up(joined, table)
        found = vectors.split([part.numel() for part in parts])
        return tuple(some.view(*part.shape, -1) for some, part in zip(found, parts))

    def of_rows(self, table: nn.Embedding, clicked: Tensor, drawn: Tensor | None, users: Tensor) -> Tensor:
        """The mean loss of rows with one target each.

        Args:
            table (torch.nn.Embedding): the items' table.
            clicked (torch.LongTensor): item of each row, shape (B,).
            drawn (torch.LongTensor or None): bpr: the loader's negative of each row, shape (B,).
            users (torch.Tensor): user vectors, shape (B, D).
        """
        others = self.others(clicked, drawn)
        return of_whole(self(users, *self.embed(table, others, clicked), others), len(clicked))

    def of_rows_with(
        self,
        table: nn.Embedding,
        history: Tensor,
        clicked: Tensor,
        drawn: Tensor | None,
        reads: Callable[[Tensor], Tensor],
    ) -> Tensor:
        """As :meth:`of_rows`, of user vectors that are made of the embeddings that this loss has looked up.

        Args:
            table, clicked, drawn: as in :meth:`of_rows`.
            history (torch.LongTensor): ids, shape (B, L).
            reads (callable): from embedded histories (B, L, D) to user vectors (B, D).
        """
        others = self.others(clicked, drawn)
        behaviors, own, candidates = self.embed(table, others, history, clicked)
        return of_whole(self(reads(behaviors), own, candidates, others), len(clicked))

    @property
    def drops(self) -> bool:
        """Whether items are dropped now."""
        return self.training and self.dropout.p > 0

    def of_histories(
        self,
        table: nn.Embedding,
        history: Tensor,
        clicked: Tensor,
        drawn: Tensor | None,
        states: Callable[[Tensor], Tensor],
    ) -> Tensor:
        """The mean loss over all places of all histories (``rows: histories``).

        Args:
            table (torch.nn.Embedding): the items' table.
            history (torch.LongTensor): ids, oldest first, 0 at padding on the right, shape (B, L).
            clicked (torch.LongTensor): the click behind each history, shape (B,).
            drawn (torch.LongTensor or None): bpr: the loader's negative of each place, shape (B, L).
            states (callable): from embedded histories (B, L, D) to the user vector after each place, (B, L, D).
        """
        length = (history != 0).sum(dim=1)
        history = history[:, : max(int(length.max()), 1)]
        real = RealPositions(history != 0)
        targets = next_items(history, clicked).flatten()[real.place]
        others = self.others(targets, None if drawn is None else drawn[:, : history.shape[1]].flatten()[real.place])
        behaviors, own, candidates = self.embed(table, others, history.flatten()[real.place], targets)
        users = real.pack(states(real.pad(behaviors)))
        return of_whole(self(users, own, candidates, others), len(targets))

    def forward(self, users: Tensor, own: Tensor, candidates: Tensor, others: Others) -> Tensor:
        """The mean loss of the rows.

        Args:
            users (torch.Tensor): user vectors, shape (P, D).
            own (torch.Tensor): embeddings of their targets, shape (P, D).
            candidates (torch.Tensor): embeddings of ``others.ids``, shape (P, D) or (C, D).
            others (Others): from :meth:`others`.

        Returns:
            torch.Tensor: scalar.
        """
        if others.column is None:
            return bpr(users, own, candidates)
        if self.temperature != 1:
            users = users / self.temperature
        return shared_softmax_loss(users, own, candidates, others.column, others.own_bias, others.bias, self.hardness)


def _column(ids: Tensor, targets: Tensor) -> Tensor:
    """Where each target stands among rising ids; -1 where it does not."""
    place = torch.searchsorted(ids, targets).clamp_max(len(ids) - 1)
    return torch.where(ids[place] == targets, place, -1)


def of_whole(loss: Tensor, rows: int) -> Tensor:
    """A mean over rows, weighted so that its mean over processes is the mean over all their rows."""
    return loss * parallel.share(rows, parallel.total(rows, loss.device))


def bpr(users: Tensor, clicked: Tensor, others: Tensor) -> Tensor:
    """``-log sigmoid(v . e+ - v . e-)``, averaged over the rows. Source: Rendle et al., UAI '09.

    Args:
        users, clicked, others (torch.Tensor): shape (P, D) each.

    Returns:
        torch.Tensor: scalar.
    """
    return -nn.functional.logsigmoid((users * (clicked - others)).sum(dim=1)).mean()


def next_items(history: Tensor, clicked: Tensor) -> Tensor:
    """The item after each place of a history: the history's own next one, and behind it the row's click.

    Args:
        history (torch.LongTensor): ids, oldest first, 0 at padding on the right, shape (B, L).
        clicked (torch.LongTensor): the row's item, shape (B,).

    Returns:
        torch.LongTensor: shape (B, L); 0 at padding.
    """
    following = torch.cat([history[:, 1:], torch.zeros_like(history[:, :1])], dim=1)
    last = (history != 0).sum(dim=1, keepdim=True) - 1
    return following.scatter(1, last.clamp_min(0), clicked.unsqueeze(1)) * (history != 0)
