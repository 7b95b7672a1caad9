"""ComiRec's aggregation against its algorithm 2 as it is written: one user, one candidate and one pair at a time."""

from itertools import combinations

import numpy as np
import pytest
import torch

from recbole_iacn.nn.aggregation import difference, list_diversity, select


def g(one, other):
    """One minus Jaccard of two sets; 0 where one is not known."""
    return 1 - len(one & other) / len(one | other) if one and other else 0.0


def by_algorithm_2(scores, sets, count, weight):
    """Places in the order of the choice; -1 where there are no more."""
    chosen = []
    for _ in range(count):
        best, place = -np.inf, -1
        for i, score in enumerate(scores):
            value = score + weight * sum(g(sets[i], sets[j]) for j in chosen)
            if i not in chosen and value > best:
                best, place = value, i
        if place < 0:
            break
        chosen.append(place)
    return chosen + [-1] * (count - len(chosen))


def made(seed, users=40, candidates=13, least=0, most=3, kinds=6):
    """Falling scores with ties, a few places without a candidate, sets of none to three categories."""
    rng = np.random.default_rng(seed)
    scores = -np.sort(-rng.integers(0, 8, (users, candidates)) / 4.0, axis=1)
    left = rng.integers(3, candidates + 1, users)
    scores[np.arange(candidates) >= left[:, None]] = -np.inf
    sets = [
        [set((rng.permutation(kinds)[: rng.integers(least, most + 1)] + 1).tolist()) for _ in range(candidates)]
        for _ in range(users)
    ]
    return scores, sets, padded(sets, most)


def padded(sets, most):
    """Ids with the zeros anywhere: their place means nothing."""
    rows = [[[*[0] * (most - len(one)), *sorted(one)] for one in row] for row in sets]
    return torch.tensor(rows).reshape(len(sets), -1, most)


@pytest.mark.parametrize("weight", [0.0, 0.2, 0.25, 1.0, 50.0])
@pytest.mark.parametrize("most", [1, 3])
def test_every_user_gets_the_list_of_algorithm_2(weight, most):
    scores, sets, categories = made(int(weight * 4) + most, most=most)
    found = select(torch.from_numpy(scores), categories, 6, weight)
    wanted = [by_algorithm_2(row, of, 6, weight) for row, of in zip(scores, sets)]
    assert found.tolist() == wanted
    assert any(-1 in row for row in wanted) and (
        weight == 0 or wanted != [by_algorithm_2(*one, 6, 0) for one in zip(scores, sets)]
    )


def test_an_example_by_hand():
    """Scores 5, 4, 3, 2 of categories a, a, b, c; lambda 1.5. First 5 (a). Then 4 against 3 + 1.5 and 2 + 1.5: the b.
    Then a has 4 + 1.5 for the b alone, c has 2 + 1.5 + 1.5: the a."""
    categories = torch.tensor([[[1], [1], [2], [3]]])
    scores = torch.tensor([[5.0, 4.0, 3.0, 2.0]])
    assert select(scores, categories, 3, 1.5).tolist() == [[0, 2, 1]]
    assert select(scores, categories, 3, 2.5).tolist() == [[0, 2, 3]]  # 4 + 2.5 against 2 + 5
    assert select(scores, categories, 3, 0.0).tolist() == [[0, 1, 2]]
    assert select(scores, categories, 2, 1.0).tolist() == [[0, 1]]  # 4 and 3 + 1 are equal: the smaller place


def test_a_list_is_as_diverse_as_it_can_be_where_only_that_counts():
    """With one category each, against all lists that there are. (The first item is the best by its score, so it may be
    one without a category.)"""
    scores, sets, categories = made(5, users=25, candidates=8, least=1, most=1, kinds=3)
    found = select(torch.from_numpy(scores), categories, 4, 1e6)
    for row, of, places in zip(scores, sets, found.tolist()):
        there = [i for i in range(8) if row[i] > -np.inf]
        size = min(4, len(there))
        known = [sum(g(of[i], of[j]) for i, j in combinations(some, 2)) for some in combinations(there, size)]
        own = [place for place in places if place >= 0]
        assert sum(g(of[i], of[j]) for i, j in combinations(own, 2)) == max(known) and len(own) == size


def test_users_do_not_meet():
    """In any order, and alone, each gets the same list; so they do in blocks."""
    scores, _, categories = made(6)
    scores = torch.from_numpy(scores)
    together = select(scores, categories, 5, 0.3)
    order = torch.randperm(len(scores), generator=torch.Generator().manual_seed(0))
    assert torch.equal(select(scores[order], categories[order], 5, 0.3), together[order])
    alone = [select(scores[n : n + 1], categories[n : n + 1], 5, 0.3) for n in range(len(scores))]
    assert torch.equal(torch.cat(alone), together)


def test_blocks_of_users_change_nothing(monkeypatch):
    scores, _, categories = made(7)
    scores = torch.from_numpy(scores)
    wanted, diversity = select(scores, categories, 5, 0.3), list_diversity(categories)
    monkeypatch.setattr("recbole_iacn.nn.aggregation._COMPARED", 3 * categories[:1].numel())
    assert torch.equal(select(scores, categories, 5, 0.3), wanted)
    assert torch.equal(list_diversity(categories), diversity)


def test_what_is_given_stays():
    scores, _, categories = made(8)
    scores = torch.from_numpy(scores)
    before, of_items = scores.clone(), categories.clone()
    select(scores, categories, 5, 0.3)
    assert torch.equal(scores, before) and torch.equal(categories, of_items)


def test_more_places_than_candidates_and_no_user():
    assert select(torch.tensor([[2.0, 1.0]]), torch.tensor([[[1], [1]]]), 4, 1.0).tolist() == [[0, 1, -1, -1]]
    assert select(torch.empty(0, 3), torch.empty(0, 3, 2, dtype=torch.int64), 4, 1.0).shape == (0, 4)


def test_difference_is_one_minus_jaccard():
    others = torch.tensor([[[1, 2, 0], [2, 0, 3], [4, 0, 0], [0, 0, 0], [1, 2, 3]]])
    assert difference(torch.tensor([[0, 1, 2]]), others).tolist() == [pytest.approx([0, 1 - 1 / 3, 1, 0, 1 / 3])]
    assert difference(torch.tensor([[0, 0, 0]]), others).tolist() == [[0] * 5]


def test_diversity_is_the_share_of_pairs_that_differ():
    """a, a, b, c: five of six pairs; with one item of no known category, two of three pairs are not known to differ."""
    lists = torch.tensor([[[1], [1], [2], [3]], [[1], [2], [0], [0]], [[4], [4], [4], [4]]])
    assert list_diversity(lists).tolist() == pytest.approx([5 / 6, 1 / 6, 0])
    _, sets, categories = made(9)
    wanted = [np.mean([g(one, other) for one, other in combinations(row, 2)]) for row in sets]
    np.testing.assert_allclose(list_diversity(categories), wanted)
    assert list_diversity(lists[:, :1]).isnan().all()
