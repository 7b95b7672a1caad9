"""Have interests fallen together? By hand."""

import numpy as np
import pytest

from recbole_iacn.interests.collapse import (
    effective_number,
    effective_share,
    empty_groups,
    largest_coupling,
    pairwise_cosine,
)
from recbole_iacn.interests.grouping import Grouping

YES, NO = True, False


def test_cosines_of_all_pairs():
    """(3, 0), (0, 2), (1, 1): cosines 0, .7071, .7071, mean .4714. Without the second: .7071. One group: none."""
    vectors = np.tile(np.array([[3.0, 0], [0, 2], [1, 1]]), (4, 1, 1))
    active = np.array([[YES, YES, YES], [YES, NO, YES], [NO, YES, NO], [NO, NO, NO]])
    half = np.sqrt(0.5)
    np.testing.assert_allclose(pairwise_cosine(vectors, active), [2 * half / 3, half, np.nan, np.nan])
    assert pairwise_cosine(np.ones((1, 4, 3)), np.ones((1, 4), bool))[0] == pytest.approx(1)
    assert pairwise_cosine(np.array([[[1.0], [-1.0]]]), np.ones((1, 2), bool))[0] == pytest.approx(-1)


def test_the_order_of_groups_does_not_matter():
    rng = np.random.default_rng(4)
    vectors, active = rng.normal(size=(20, 4, 6)), rng.random((20, 4)) < 0.7
    order = rng.permutation(4)
    found = pairwise_cosine(vectors, active)
    np.testing.assert_allclose(pairwise_cosine(vectors[:, order], active[:, order]), found, atol=1e-12)
    one = [
        np.mean(
            [
                vectors[u, i] @ vectors[u, j] / np.linalg.norm(vectors[u, i]) / np.linalg.norm(vectors[u, j])
                for i in range(4)
                for j in range(i)
                if active[u, i] and active[u, j]
            ]
            or [np.nan]
        )
        for u in range(20)
    ]
    np.testing.assert_allclose(found, one)


def test_effective_number_of_groups():
    """Equal shares count fully; (1/2, 1/4, 1/4): H = 1.5 log 2, exp H = 2^1.5 = 2.828; one share: 1."""
    shares = np.array([[0.25] * 4, [0.5, 0.25, 0.25, 0], [0, 1, 0, 0], [0] * 4])
    np.testing.assert_allclose(effective_number(shares), [4, 2**1.5, 1, np.nan])
    np.testing.assert_allclose(effective_number(shares * 7), [4, 2**1.5, 1, np.nan])
    active = np.array([[YES] * 4, [YES, YES, YES, NO], [NO, YES, NO, NO], [YES] * 4])
    np.testing.assert_allclose(effective_share(shares, active), [1, 2**1.5 / 3, np.nan, np.nan])


def test_empty_groups_and_the_largest_coupling():
    """User 0: clicks belong to groups 0 and 0 of three, so 2/3 are empty; largest couplings .5 and .8, mean .65. User
    1 has groups 0 and 1, none empty. Users 2 and 3 have no clicks or no groups."""
    history = np.array([[4, 5, 0], [4, 5, 0], [0, 0, 0], [4, 0, 0]])
    couplings = np.zeros((4, 3, 3))
    couplings[0, :2] = [[0.5, 0.3, 0.2], [0.8, 0.1, 0.1]]
    couplings[1, :2] = [[0.9, 0.1, 0], [0.2, 0.8, 0]]
    active = np.array([[YES, YES, YES], [YES, YES, NO], [YES, YES, YES], [NO, NO, NO]])
    grouping = Grouping(history, couplings, active, np.zeros((4, 3, 2)), np.zeros((6, 2)))
    np.testing.assert_allclose(empty_groups(grouping), [2 / 3, 0, np.nan, np.nan])
    np.testing.assert_allclose(largest_coupling(grouping), [0.65, 0.85, np.nan, np.nan])


def test_planted_interests_have_not_fallen_together(planted):
    grouping = planted.grouping
    np.testing.assert_allclose(pairwise_cosine(grouping.vectors, grouping.active), 0, atol=1e-12)
    assert (empty_groups(grouping) == 0).all() and (largest_coupling(grouping) == 1).all()
    number = effective_number(grouping.shares)
    assert (number > 1.9).all() and (number <= 3 + 1e-9).all() and number.mean() > 2.7
