"""Ranking the clicked item among others: fixed ones per test case, or all.

RecBole's own sampled ranking (``uni1000``) draws anew at every evaluation, counts an item that was drawn twice once,
excludes the target only, and encodes a user's history once per candidate. Here all items are scored once per
user, the fixed candidates' scores are looked up, and the rank is handed to RecBole's metrics.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from recbole.data.dataloader import FullSortEvalDataLoader
from torch import Tensor

from recbole_iacn.data.loader import clicks, own_items, stream
from recbole_iacn.data.negatives import read_negatives
from recbole_iacn.data.protocol import NEGATIVES, is_sampled
from recbole_iacn.errors import ConfigError

if TYPE_CHECKING:
    from recbole.config import Config
    from recbole.data.dataset import Dataset


class Candidates:
    """The items that each row's clicked item is ranked among.

    Args:
        items (torch.LongTensor): shape (B, N); an item drawn twice counts twice.
    """

    def __init__(self, items: Tensor) -> None:
        self.items = items

    def ranked(self, scores: Tensor, row: Tensor, clicked: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What RecBole's collector reads its metrics from.

        The rank is 1 + the number of candidates with a higher score; of equal scores the clicked item comes first. A
        NaN is no evidence for the clicked item: in any comparison with one, the clicked item loses.

        Args:
            scores (torch.Tensor): of all items, shape (B, items).
            row, clicked (torch.LongTensor): row number and item of each clicked one, shape (B,).

        Returns:
            tuple: scores (B, N + 2) that fall from place to place, the row numbers, and the place of each clicked item,
            from 0. The last score is -inf: RecBole's GAUC takes the number of ranked items from its place.
        """
        items, row, clicked = (values.to(scores.device) for values in (self.items, row, clicked))
        lower = scores.gather(1, items) <= scores[row, clicked].unsqueeze(1)
        falling = -torch.arange(items.shape[1] + 2, dtype=torch.float, device=scores.device)
        falling[-1] = -torch.inf
        return falling.expand(len(items), -1), row, (~lower).sum(dim=1)


class RankingEvalDataLoader(FullSortEvalDataLoader):
    """Evaluation rows for a protocol that ranks: each with its fixed candidates, or, among all items, with the items to
    leave out (``mask_history: True``: those that the user clicked before)."""

    def __init__(self, config: Config, dataset: Dataset, sampler: Any, shuffle: bool = False) -> None:
        super().__init__(config, dataset, sampler, shuffle=False)
        self.candidates: Tensor | None = None
        self.left_out: _Earlier | None = None
        users = dataset.inter_feat[self.uid_field].numpy()
        if is_sampled(config):
            self.candidates = torch.from_numpy(self._draw(users, sampler))
        elif config["mask_history"]:
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
        return rows, self.left_out and self.left_out.of(numbers, positive_i), positive_u, positive_i


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
