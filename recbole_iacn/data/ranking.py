"""Ranking the clicked item among others: fixed ones per test case, or all.

RecBole's own sampled ranking (``uni1000``) draws anew at every evaluation, counts an item that was drawn twice once,
excludes the target only, and encodes a user's history once per candidate. Here all items are scored once per
user, the fixed candidates' scores are looked up, and the rank is handed to RecBole's metrics. RecBole's ranking among
all items leaves the order of equal scores to ``torch.topk``; here one rule holds for both (:func:`places`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from recbole.data.dataloader import FullSortEvalDataLoader
from torch import Tensor

from recbole_iacn.data.loader import clicked_items, clicks, own_items, stream
from recbole_iacn.data.negatives import notice_unclicked, read_negatives
from recbole_iacn.data.protocol import NEGATIVES, is_sampled
from recbole_iacn.data.score_blocks import rows_at_once
from recbole_iacn.errors import ConfigError

if TYPE_CHECKING:
    from recbole.config import Config
    from recbole.data.dataset import Dataset

_BLOCK = 32  # rows of all items' scores that a core's cache holds
_TABLES = 32  # that a block of tied rows is smaller than the budget: it passes a few times through a cache


def places(own: Tensor, others: Tensor, counted: Tensor | None = None) -> Tensor:
    """The place of the clicked item among others, the one rule of both ranking protocols.

    Of equal scores the clicked item takes the middle place, rounded against it, so a model that cannot tell items apart
    gains nothing by it: the rank is 1 + the number of higher scores + half the number of equal ones, rounded up. A NaN
    is no evidence for the clicked item: in any comparison with one, the clicked item loses.

    Args:
        own (torch.Tensor): score of the clicked item, shape (B,).
        others (torch.Tensor): scores of the others, shape (B, N).
        counted (torch.BoolTensor, optional): which of the others count, shape (B, N); all by default.

    Returns:
        torch.LongTensor: places from 0, shape (B,).
    """
    lower, equal = others < own.unsqueeze(1), others == own.unsqueeze(1)
    if counted is None:
        return others.shape[1] - lower.sum(dim=1) - equal.sum(dim=1) // 2
    return counted.sum(dim=1) - (lower & counted).sum(dim=1) - (equal & counted).sum(dim=1) // 2


class Candidates:
    """The items that each row's clicked item is ranked among.

    Args:
        items (torch.LongTensor): shape (B, N); an item drawn twice counts twice.
    """

    left_out = None

    def __init__(self, items: Tensor) -> None:
        self.items = items

    def ranked(self, scores: Tensor, row: Tensor, clicked: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What RecBole's collector reads its metrics from; see :func:`places` for the rule.

        Args:
            scores (torch.Tensor): of all items, shape (B, items).
            row, clicked (torch.LongTensor): row number and item of each clicked one, shape (B,).

        Returns:
            tuple: scores (B, N + 2) that fall from place to place, the row numbers, and the place of each clicked item,
            from 0. The last score is -inf: RecBole's GAUC takes the number of ranked items from its place.
        """
        items, row, clicked = (values.to(scores.device) for values in (self.items, row, clicked))
        return self.ranked_alone(scores[row, clicked], scores.gather(1, items))

    @staticmethod
    def ranked_alone(own: Tensor, others: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """As :meth:`ranked`, from the clicked items' scores (B,) and the candidates' (B, N), if no others are known."""
        falling = -torch.arange(others.shape[1] + 2, dtype=torch.float, device=own.device)
        falling[-1] = -torch.inf
        return falling.expand(len(own), -1), torch.arange(len(own), device=own.device), places(own, others)


class AllItems:
    """All items but those left out, as what each row's clicked item is ranked among.

    Args:
        left_out (tuple of torch.LongTensor, optional): row and item of what is left out; never a clicked item.
        never (torch.LongTensor, optional): items that are left out of every row.
    """

    def __init__(self, left_out: tuple[Tensor, Tensor] | None = None, never: Tensor | None = None) -> None:
        self.left_out, self.never = left_out, never

    def ranked(
        self, scores: Tensor, row: Tensor, clicked: Tensor, most: int | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """As :meth:`Candidates.ranked`, but an item keeps its column, so that RecBole's lists hold items.

        Rows in which the clicked item alone has its score keep their scores. RecBole takes the other rows' items in an
        order of its own, so there each item gets its place, negative, for a score.

        Args:
            scores (torch.Tensor): shape (B, items); changed in place, but for half precision, which has no integers of
                this size.
            row, clicked (torch.LongTensor): row number and item of each clicked one; a row has one, shape (B,).
            most (int, optional): how many of the first places are read. What follows them gets two values only: one
                above the clicked item's, one below. By default each item gets its place.
        """
        row, clicked = row.to(scores.device), clicked.to(scores.device)
        if self.never is not None:
            scores[:, self.never.to(scores.device)] = -torch.inf
        at_once = rows_at_once(scores.shape[1], scores.device, tables=_TABLES)
        for begin in range(0, len(scores), at_once):
            part, items = scores[begin : begin + at_once], clicked[begin : begin + at_once]
            unclear = _has_ties(part, part.gather(1, items.unsqueeze(1)).squeeze(1))
            if unclear.any():
                if scores.dtype in (torch.half, torch.bfloat16):  # places are integers
                    scores = scores.float()
                    part = scores[begin : begin + at_once]
                hidden = self._hidden(part, begin)[unclear]
                part[unclear] = _by_place(part[unclear], items[unclear], hidden, most)
        return scores, row, clicked

    def _hidden(self, scores, begin):
        """True for what is not ranked, padding included, shape (B, items), in rows from ``begin``."""
        hidden = torch.zeros_like(scores, dtype=torch.bool)
        hidden[:, 0] = True
        if self.never is not None:
            hidden[:, self.never.to(scores.device)] = True
        if self.left_out is not None:
            row, item = self.left_out
            here = (row >= begin) & (row < begin + len(scores))
            hidden[(row[here] - begin).to(scores.device), item[here].to(scores.device)] = True
        return hidden


def _has_ties(scores, own):
    """True for rows with another score like the clicked item's, or with a NaN, shape (B,).

    On a CPU by blocks that its cache holds, and with numbers for a comparison's result, which add up faster.
    """
    block = _BLOCK if scores.device.type == "cpu" else len(scores)
    unclear = torch.empty(len(scores), dtype=torch.bool, device=scores.device)
    equal = torch.empty_like(scores[:block], dtype=torch.float)
    for rows, value, result in zip(scores.split(block), own.unsqueeze(1).split(block), unclear.split(block)):
        same = torch.eq(rows, value, out=equal[: len(rows)]).sum(dim=1)
        result[:] = (same != 1) | rows.sum(dim=1).isnan()
    return unclear


def _by_place(scores, clicked, hidden, most=None):
    """Scores that fall from place to place by :func:`places`; -inf for what is hidden. Shapes (B, items), (B,)."""
    rows = torch.arange(len(scores), device=scores.device)
    others = ~hidden
    others[rows, clicked] = False
    own = scores[rows, clicked].unsqueeze(1)
    place = places(own.squeeze(1), scores, others).unsqueeze(1)
    first = None if most is None or not bool(own.isfinite().all()) else _first_others(scores, others, most)
    if first is None:
        # The others in order, NaN first as in RecBole, then what is no other; a place is left for the clicked item.
        first = scores.argsort(dim=1, descending=True, stable=True)
        first = first.gather(1, others.gather(1, first).argsort(dim=1, descending=True, stable=True))
        falling = torch.empty_like(scores)
    else:
        # Of the equal ones the first are above the clicked item, as many as the rule says.
        above, equal = others & (scores > own), others & (scores == own)
        above |= equal & (equal.cumsum(dim=1) <= place - above.sum(dim=1, keepdim=True))
        falling = torch.where(above, -float(most), -float(scores.shape[1])).to(scores.dtype)
    taken = torch.arange(first.shape[1], device=scores.device)
    taken = taken + (taken >= place)
    falling.scatter_(1, first, -taken.to(scores.dtype))
    falling[rows, clicked] = -place.squeeze(1).to(scores.dtype)
    return falling.masked_fill_(hidden, -torch.inf)


def _first_others(scores, others, most):
    """The others with the highest scores in order, of equal ones those with the lowest ids, (B, most), without sorting
    all. None if there are fewer, or some are not finite, so that they need the full order."""
    if most >= scores.shape[1]:
        return None
    ranked = scores.masked_fill(~others, -torch.inf)
    last = ranked.topk(most, dim=1).values[:, -1:]
    if not bool(last.isfinite().all()) or bool((others & ~scores.isfinite()).any()):
        return None
    above, equal = ranked > last, ranked == last
    chosen = above | (equal & (equal.cumsum(dim=1) <= most - above.sum(dim=1, keepdim=True)))
    items = chosen.nonzero()[:, 1].view(len(scores), most)
    return items.gather(1, scores.gather(1, items).argsort(dim=1, descending=True, stable=True))


class RankingEvalDataLoader(FullSortEvalDataLoader):
    """Evaluation rows for a protocol that ranks: each with its fixed candidates, or, among all items, with what is left
    out (``mask_history: True``: the items that the user clicked before; ``negative_items: clicked``: those that nobody
    clicked)."""

    def __init__(self, config: Config, dataset: Dataset, sampler: Any, shuffle: bool = False) -> None:
        super().__init__(config, dataset, sampler, shuffle=False)
        self.candidates: Tensor | None = None
        self.left_out: _Earlier | None = None
        self.never: Tensor | None = None
        clicked, ranked = clicked_items(sampler.dataset), np.arange(1, dataset.item_num)
        if is_sampled(config):
            users = dataset.inter_feat[self.uid_field].numpy()
            ranked = self._draw(users, sampler)
            self.candidates = torch.from_numpy(ranked)
        elif config["negative_items"] == "clicked":
            self.never = torch.from_numpy(np.setdiff1d(ranked, clicked))
            ranked = clicked
        notice_unclicked(sampler.dataset, clicked, ranked, sampler.phase)
        if config["mask_history"]:
            self.left_out = _Earlier(dataset, sampler)

    def _draw(self, users, sampler):
        count = self.config["eval_negatives"] or NEGATIVES
        own, given = own_items(sampler.dataset), self.config[f"{sampler.phase}_negatives_file"]
        if given:
            return read_negatives(given, sampler.dataset, own, users, count)
        return own.sample_others(users, count, stream(self.config, sampler.phase))

    def collate_fn(self, index: list[int]) -> tuple[Any, Any, Tensor, Tensor]:
        rows, _, positive_u, positive_i = super().collate_fn(index)
        numbers = np.array(index)
        if self.candidates is not None:
            return rows, Candidates(self.candidates[numbers]), positive_u, positive_i
        left_out = self.left_out.of(numbers, positive_i) if self.left_out else None
        return rows, AllItems(left_out, self.never), positive_u, positive_i


class _Earlier:
    """Items that the user of each row clicked before the row's own click, over all splits."""

    def __init__(self, dataset, sampler):
        if not hasattr(sampler.dataset, "clicks"):
            raise ConfigError(f"mask_history: {dataset.config['model']} has its own dataset class; leave it out")
        users, items = (column.numpy() for column in clicks(sampler.dataset))
        order = np.argsort(users, kind="stable")
        self.items = items[order]
        count = np.bincount(users)
        end = np.cumsum(count)
        user = dataset.inter_feat[dataset.uid_field].numpy()
        # One case per user: the last click is for the test, the one before for validation.
        self.begin = end[user] - count[user]
        self.end = end[user] - {"valid": 2, "test": 1}[sampler.phase]

    def of(self, index: np.ndarray, clicked: Tensor) -> tuple[Tensor, Tensor]:
        """Row and item of everything that is left out; never the clicked item itself.

        Args:
            index (numpy.ndarray): row numbers.
            clicked (torch.LongTensor): their items.

        Returns:
            tuple of torch.LongTensor: rows of the batch, items.
        """
        length = self.end[index] - self.begin[index]
        row = np.repeat(np.arange(len(index)), length)
        place = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length) + self.begin[index][row]
        items = self.items[place]
        other = items != clicked.numpy()[row]
        return torch.from_numpy(row[other]), torch.from_numpy(items[other])
