"""What RecBole's ranking metrics are calculated from, without further tables of (rows, items).

RecBole's collector marks the clicked items in a table of the scores' size, and sorts all scores for GAUC. The values
here are equal to RecBole's; only those of GAUC are float64, where RecBole's are float32.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

_COMPARED = 1 << 22  # scores that are compared, or sorted, at once
_FEW = 4  # clicked items per row, up to which comparing is faster than sorting


def hits(best: Tensor, row: Tensor, clicked: Tensor) -> Tensor:
    """Which of the best items were clicked.

    Args:
        best (torch.LongTensor): items of each row, best first, shape (B, k).
        row, clicked (torch.LongTensor): row number and item of each clicked one, shape (P,).

    Returns:
        torch.LongTensor: 1 for a clicked item, and in the last column the number of the row's clicked items, shape
        (B, k + 1); RecBole's ``rec.topk``.
    """
    row, clicked = _distinct(row.to(best.device), clicked.to(best.device))
    found = best.new_zeros(len(best), best.shape[1] + 1)
    found.index_add_(0, row, torch.nn.functional.pad(best[row] == clicked.unsqueeze(1), (0, 1), value=True).long())
    return found


def mean_ranks(scores: Tensor, row: Tensor, clicked: Tensor, average: Callable[[Tensor], Tensor]) -> Tensor:
    """Ranks of the clicked items; equal scores share the mean of their ranks.

    Args:
        scores (torch.Tensor): of all items, -inf for what is not ranked, shape (B, items).
        row, clicked (torch.LongTensor): row number and item of each clicked one, shape (P,).
        average (Callable): RecBole's ``Collector._average_rank``, from falling scores to their ranks; for rows with a
            NaN or with many clicked items.

    Returns:
        torch.DoubleTensor: the sum of the ranks, the number of ranked items and that of clicked ones, shape (B, 3);
        RecBole's ``rec.meanrank``.
    """
    row, clicked = _distinct(row.to(scores.device), clicked.to(scores.device))
    count = torch.bincount(row, minlength=len(scores))
    total = scores.new_zeros(len(scores), dtype=torch.double)
    ranked = torch.empty_like(total)
    for begin, end, pairs in _blocks(scores, row):
        part, own, items = scores[begin:end], row[pairs] - begin, clicked[pairs]
        unclear = part.sum(dim=1).isnan()
        unclear |= count[begin:end] > _FEW
        plain = ~unclear[own]
        total[begin:end].index_add_(0, own[plain], _by_comparing(part, own[plain], items[plain]))
        ranked[begin:end] = (part > part.amin(dim=1, keepdim=True)).sum(dim=1).double()
        if unclear.any():
            place = unclear.cumsum(0)[own[~plain]] - 1
            total[begin:end][unclear], ranked[begin:end][unclear] = _by_sorting(
                part[unclear], place, items[~plain], average
            )
    return torch.stack([total, ranked, count.double()], dim=1)


def _distinct(row: Tensor, clicked: Tensor) -> tuple[Tensor, Tensor]:
    """Each pair once, sorted by row."""
    width = int(clicked.max()) + 1 if len(clicked) else 1
    pairs = (row * width + clicked).unique()
    return pairs // width, pairs % width


def _blocks(scores: Tensor, row: Tensor) -> Iterator[tuple[int, int, slice]]:
    """First row, last row + 1 and pairs of each block; the pairs are sorted by row."""
    at_once = max(_COMPARED // scores.shape[1], 1)
    starts = torch.arange(0, len(scores), at_once)
    place = [*torch.searchsorted(row, starts.to(row.device)).tolist(), len(row)]
    for begin, first, last in zip(starts.tolist(), place, place[1:]):
        yield begin, min(begin + at_once, len(scores)), slice(first, last)


def _by_comparing(scores: Tensor, row: Tensor, clicked: Tensor) -> Tensor:
    """The rank of each clicked item: 1 + the number of higher scores + half the number of other equal ones, (P,)."""
    own = scores[row, clicked].unsqueeze(1)
    rank = torch.empty(len(row), dtype=torch.double, device=scores.device)
    one_each = row.equal(torch.arange(len(scores), device=row.device))
    for some in torch.arange(len(row), device=scores.device).split(max(_COMPARED // scores.shape[1], 1)):
        of_rows = scores if one_each else scores[row[some]]
        higher, equal = (of_rows > own[some]).sum(dim=1), (of_rows == own[some]).sum(dim=1)
        rank[some] = higher + (equal.double() + 1) / 2
    return rank


def _by_sorting(
    scores: Tensor, row: Tensor, clicked: Tensor, average: Callable[[Tensor], Tensor]
) -> tuple[Tensor, Tensor]:
    """As RecBole: the sum of ranks and the number of ranked items, (B,) each."""
    falling, items = torch.sort(scores, dim=-1, descending=True)
    place = torch.empty_like(items).scatter_(
        1, items, torch.arange(items.shape[1], device=items.device).expand_as(items)
    )
    ranks = average(falling)[row, place[row, clicked]].double()
    total = torch.zeros(len(scores), dtype=torch.double, device=scores.device).index_add_(0, row, ranks)
    return total, falling.argmin(dim=1).double()
