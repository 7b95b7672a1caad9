"""ComiRec's controllable aggregation: the list that trades scores for different categories, by a greedy choice."""

import torch
from torch import Tensor

_COMPARED = 1 << 20  # categories of candidates that are compared at once, which a core's caches hold


def select(scores: Tensor, categories: Tensor, count: int, weight: float) -> Tensor:
    """Choose N candidates of each user by ComiRec's greedy algorithm, for all users at once.

    The value of a list is ``Q(u, S) = sum_i f(u, i) + lambda * sum_{i < j} g(i, j)``, with f the score and g the
    :func:`difference` of two items' categories. Each step adds the candidate with the largest
    ``f(u, i) + lambda * sum_{j in S} g(i, j)``; of equal ones that with the smaller place among the candidates.

    Source: Cen et al. (ComiRec), KDD '20, section 3.3, equations (7) to (9) and algorithm 2. Where the sources differ:

    - The paper's (8) sums g over all ordered pairs, each twice, and its algorithm 2 counts each pair once. Here, as in
      algorithm 2 and in the published code, lambda is for a pair.
    - In the paper and the code an item has one category, and g is 1 if two items' categories differ; the code subtracts
      lambda for each chosen item of the same category, which makes the same choice. Here an item may have several.
    - The code ends a step's search at the first candidate whose score alone is below the best value so far. They are in
      the order of their scores, and it only subtracts, so for lambda >= 0 that changes no choice; here is no search.
    - The code drops candidates without a category. Here they stay, and g is 0 between them and any other.

    Args:
        scores (torch.Tensor): f of each user's candidates, in the order that decides between equal values, best first;
            -inf for a place without a candidate, shape (B, C).
        categories (torch.Tensor): ids of each candidate's categories, each once, 0 for padding, shape (B, C, M).
        count (int): N.
        weight (float): lambda, 0 or more, in the unit of the scores: a candidate that differs from one more item of the
            list may have a score that is lower by as much.

    Returns:
        torch.LongTensor: places among the candidates in the order of the choice, -1 where there are no more, (B, N).
    """
    chosen = torch.full((len(scores), count), -1, dtype=torch.int64, device=scores.device)
    at_once = max(_COMPARED // max(categories[:1].numel(), 1), 1)
    for begin in range(0, len(scores), at_once):
        rows = slice(begin, begin + at_once)
        found = _select(scores[rows].to(torch.double, copy=True), categories[rows], min(count, scores.shape[1]), weight)
        chosen[rows, : found.shape[1]] = found
    return chosen


def _select(scores: Tensor, categories: Tensor, count: int, weight: float) -> Tensor:
    layers, size = _by_category(categories)
    rows = torch.arange(len(scores), device=scores.device)
    places = torch.empty(len(scores), count, dtype=torch.int64, device=scores.device)
    apart = torch.zeros_like(scores)  # each candidate's sum of g over the list so far
    for step in range(count):
        best, place = (scores + weight * apart).max(dim=1)
        place = place.masked_fill(best == -torch.inf, -1)
        places[:, step] = place
        if step + 1 < count:
            scores[rows, place] = scores[rows, place].masked_fill(place >= 0, -torch.inf)
            apart += _difference([layer[rows, place] for layer in layers], size[rows, place], layers, size)
    return places


def difference(one: Tensor, others: Tensor) -> Tensor:
    """g: how much the categories of one item differ from those of others.

    One minus the Jaccard similarity (common categories over all categories of the two). For items of one category each
    it is the paper's g: 1 if they differ, 0 if they are the same. Two paths through a tree of categories that part at
    the leaf differ less than two that part at the root; "have no category in common" would call all items under one
    root alike, and "not all the same" would call almost all items different. Items of no known category are not known
    to differ: 0.

    Args:
        one (torch.Tensor): ids of an item's categories, each once, 0 for padding, shape (B, M).
        others (torch.Tensor): the same of C items, shape (B, C, M).

    Returns:
        torch.DoubleTensor: in [0, 1], shape (B, C).
    """
    layers, size = _by_category(others)
    return _difference(list(one.unbind(1)), (one > 0).sum(dim=1), layers, size)


def list_diversity(categories: Tensor) -> Tensor:
    """Diversity@N: the mean :func:`difference` of all pairs of a list.

    With one category per item it is the share of the pairs whose categories differ. Source: Cen et al. (ComiRec),
    KDD '20, its Diversity@N; the published ``compute_diversity``.

    Args:
        categories (torch.Tensor): ids of each item's categories, each once, 0 for padding, shape (B, N, M).

    Returns:
        torch.DoubleTensor: in [0, 1], shape (B,); NaN for lists of fewer than two places.
    """
    rows, count = categories.shape[:2]
    total = torch.zeros(rows, dtype=torch.double, device=categories.device)
    at_once = max(_COMPARED // max(categories[:1].numel(), 1), 1)
    for begin in range(0, rows, at_once):
        some = categories[begin : begin + at_once]
        for place in range(count - 1):
            total[begin : begin + at_once] += difference(some[:, place], some[:, place + 1 :]).sum(dim=1)
    return total / (count * (count - 1) / 2) if count > 1 else torch.full_like(total, torch.nan)


def _by_category(categories: Tensor) -> tuple[list[Tensor], Tensor]:
    """M tensors (B, C), and how many categories each item has. Fewer bytes are compared faster."""
    return list(categories.int().unbind(2)), (categories > 0).sum(dim=2)


def _difference(one: list[Tensor], size_of_one: Tensor, layers: list[Tensor], size: Tensor) -> Tensor:
    """Categories of one item, M tensors (B,), against those of the others, M tensors (B, C)."""
    common = torch.zeros_like(size, dtype=torch.int16)
    for own in one:
        own = own.int().masked_fill(own == 0, -1).unsqueeze(1)  # padding is like no other's
        for layer in layers:
            common += layer == own
    size_of_one = size_of_one.unsqueeze(1)
    either = size + size_of_one - common
    known = (size > 0) & (size_of_one > 0)
    return (1 - common.double() / either.clamp_min(1)).masked_fill(~known, 0)
