"""Agreement of two divisions: by hand, by scikit-learn and pandas one user at a time, and on planted interests."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score, homogeneity_score

from recbole_iacn.interests.agreement import (
    adjusted_mutual_information,
    adjusted_rand_index,
    category_entropy,
    conditional_entropy,
    homogeneity,
    purity,
)
from recbole_iacn.interests.controls import by_chance, by_k_means

MEASURES = [
    adjusted_mutual_information,
    adjusted_rand_index,
    purity,
    category_entropy,
    conditional_entropy,
    homogeneity,
]


def one(measure, groups, categories):
    return measure(np.array([groups]), np.array([categories]))[0]


@pytest.fixture(scope="module")
def labels():
    """40 users with 0 to 25 clicks, groups that go along with the categories in one click of two, some without."""
    rng = np.random.default_rng(1)
    groups = rng.integers(0, 4, (40, 25))
    categories = np.where(rng.random(groups.shape) < 0.5, groups * 2, rng.integers(0, 9, groups.shape))
    categories[rng.random(groups.shape) < 0.1] = -1
    groups[np.arange(25) >= rng.integers(0, 26, 40)[:, None]] = -1
    return groups, categories


def of_users(groups, categories):
    for group, category in zip(groups, categories):
        counts = (group >= 0) & (category >= 0)
        yield group[counts], category[counts]


# --- By hand ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("measure", [adjusted_mutual_information, adjusted_rand_index])
def test_adjusted_for_chance(measure):
    """The same division by other names: 1.

    Of [0 0 0 1] and [0 0 1 1]: whichever click is alone, the counts are the same, so this is what chance gives: 0.
    Of [0 0 1 1] and [0 1 0 1]: of the three ways to make two pairs of four clicks one agrees and two say nothing. The
    information is 0, its expectation log 2 / 3, its bound log 2: (0 - 1/3) / (1 - 1/3) = -1/2. Pairs of clicks: 0 in
    common, 2 * 2 / 6 expected, bound 2: (0 - 2/3) / (2 - 2/3) = -1/2.
    """
    assert one(measure, [0, 0, 1, 1], [5, 5, 3, 3]) == pytest.approx(1)
    assert one(measure, [0, 0, 0, 1], [0, 0, 1, 1]) == pytest.approx(0, abs=1e-12)
    assert one(measure, [0, 0, 1, 1], [0, 1, 0, 1]) == pytest.approx(-0.5)


def test_what_is_left_open_within_groups():
    """Groups [0 0 0 1], categories [0 0 1 1]: the first group has categories 2:1, the second one click.

    Purity (2 + 1) / 4. H(C) = log 2 = .6931. H(C | G) = 3/4 (log 3 - 2/3 log 2) = .4774. 1 - .4774 / .6931 = .3113.
    """
    groups, categories = [0, 0, 0, 1], [0, 0, 1, 1]
    assert one(purity, groups, categories) == 0.75
    assert one(category_entropy, groups, categories) == pytest.approx(np.log(2))
    assert one(conditional_entropy, groups, categories) == pytest.approx(0.75 * (np.log(3) - 2 / 3 * np.log(2)))
    assert one(homogeneity, groups, categories) == pytest.approx(0.3112781, abs=1e-6)


def test_one_group_says_nothing():
    groups, categories = [0, 0, 0], [0, 0, 1]
    assert one(adjusted_mutual_information, groups, categories) == pytest.approx(0, abs=1e-12)
    assert one(homogeneity, groups, categories) == pytest.approx(0, abs=1e-12)
    assert one(purity, groups, categories) == pytest.approx(2 / 3)


def test_not_defined():
    """Where categories, or the other division, tell nothing from anything."""
    same, different, none = [2, 2, 2], [0, 1, 2], [-1, -1, -1]
    for categories in (same, different, none, [0, -1, -1]):
        assert np.isnan(one(adjusted_mutual_information, [0, 0, 1], categories)), categories
    for groups in (same, different, none, [0, -1, -1]):
        assert np.isnan(one(adjusted_rand_index, groups, groups)), groups
    assert one(adjusted_rand_index, [0, 0, 0], [0, 0, 1]) == 0
    for categories in (same, none):
        assert np.isnan(one(homogeneity, [0, 0, 1], categories)), categories
    for measure in (purity, category_entropy, conditional_entropy):
        assert np.isnan(one(measure, [0, 0, 1], none))
        assert np.isnan(one(measure, none, [0, 0, 1]))


# --- One user at a time ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("measure", "peer"),
    [
        (adjusted_mutual_information, adjusted_mutual_info_score),
        (adjusted_rand_index, adjusted_rand_score),
        (homogeneity, lambda group, category: homogeneity_score(category, group)),
    ],
)
def test_as_scikit_learn_says(labels, measure, peer):
    found = measure(*labels)
    wanted = np.array([peer(*user) for user in of_users(*labels)])
    defined = ~np.isnan(found)
    assert defined.sum() > 30
    np.testing.assert_allclose(found[defined], wanted[defined], atol=1e-9)


def test_as_pandas_says(labels):
    users = [pd.DataFrame({"group": group, "category": category}) for group, category in of_users(*labels)]

    def entropy(values):
        share = values.value_counts(normalize=True)
        return -(share * np.log(share)).sum()

    within = [
        sum(entropy(some.category) * len(some) / len(user) for _, some in user.groupby("group"))
        if len(user)
        else np.nan
        for user in users
    ]
    pure = [
        sum(some.category.value_counts().iloc[0] for _, some in user.groupby("group")) / len(user)
        if len(user)
        else np.nan
        for user in users
    ]
    whole = [entropy(user.category) if len(user) else np.nan for user in users]
    np.testing.assert_allclose(conditional_entropy(*labels), within, atol=1e-9)
    np.testing.assert_allclose(purity(*labels), pure)
    np.testing.assert_allclose(category_entropy(*labels), whole, atol=1e-9)


# --- Properties ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("measure", MEASURES)
def test_names_order_and_padding_do_not_matter(labels, measure):
    groups, categories = labels
    rng = np.random.default_rng(2)
    found = measure(groups, categories)
    renamed = np.append(rng.permutation(4), -1)[groups]
    np.testing.assert_allclose(measure(renamed, categories), found, atol=1e-12)
    renamed = np.append(rng.permutation(9) + 3, -1)[categories]
    np.testing.assert_allclose(measure(groups, renamed), found, atol=1e-12)
    users, clicks = rng.permutation(40), rng.permutation(25)
    np.testing.assert_allclose(measure(groups[users], categories[users]), found[users], atol=1e-12)
    np.testing.assert_allclose(measure(groups[:, clicks], categories[:, clicks]), found, atol=1e-12)
    wider = [np.pad(of, ((0, 0), (0, 7)), constant_values=-1) for of in labels]
    np.testing.assert_allclose(measure(*wider), found, atol=1e-12)


@pytest.mark.parametrize("measure", MEASURES)
def test_nobody_and_nothing(measure):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert measure(np.zeros((0, 5), int), np.zeros((0, 5), int)).shape == (0,)
        empty = measure(np.full((3, 4), -1), np.full((3, 4), -1))
    assert empty.dtype == np.float64 and np.isnan(empty).all() and empty.shape == (3,)


# --- Planted ---------------------------------------------------------------------------------------------------------


def test_right_on_planted_interests(planted):
    categories = planted.categories.of(planted.history)
    assert (categories >= 0).sum() == 150 * 20
    belongs = planted.grouping.belongs
    for measure, value in ((adjusted_mutual_information, 1), (purity, 1), (homogeneity, 1), (conditional_entropy, 0)):
        np.testing.assert_allclose(measure(belongs, categories), value, atol=1e-9, err_msg=measure.__name__)
    np.testing.assert_allclose(adjusted_rand_index(belongs, categories), 1)


def test_near_nothing_by_chance(planted):
    """The standard error of the mean over 150 users is about .007."""
    categories = planted.categories.of(planted.history)
    chance = by_chance(planted.grouping, planted.plain, seed=0).belongs
    assert abs(adjusted_mutual_information(chance, categories).mean()) < 0.03
    assert abs(adjusted_rand_index(chance, planted.grouping.belongs).mean()) < 0.03
    assert 0.05 < homogeneity(chance, categories).mean() < 0.2  # not adjusted, so above 0
    assert 0.4 < purity(chance, categories).mean() < 0.6


def test_k_means_finds_clusters_of_the_plain_embedding(planted):
    counts = planted.grouping.active.sum(axis=1)
    found = by_k_means(planted.history[:40], counts[:40], planted.plain, seed=0).belongs
    assert adjusted_mutual_information(found, planted.categories.of(planted.history)[:40]).mean() > 0.99
