"""Reasons, sets of clicks at random, and what margins make of them."""

import numpy as np

from recbole_iacn.interests.faithfulness import at_random, comparable, faithfulness, reasons

YES, NO = True, False


def test_reasons_are_the_clicks_of_the_items_group(divided):
    """Items 1 and 3 are of group 0, item 2 of group 1."""
    history = [[1, 2, 3, 0], [1, 2, 3, 0], [1, 2, 3, 0], [2, 0, 0, 0]]
    belongs = [[0, 1, 0, -1]] * 3 + [[1, -1, -1, -1]]
    active = [[YES, YES], [YES, YES], [NO, NO], [YES, YES]]
    grouping = divided(history, belongs, [0, 1, 0], active)
    found = reasons(grouping, np.array([3, 2, 1, 0]))
    assert found.tolist() == [[YES, NO, YES, NO], [NO, YES, NO, NO], [NO] * 4, [NO] * 4]
    # The third has no group and the last no item; an item whose group has all clicks cannot be compared.
    assert comparable(grouping.history, found).tolist() == [YES, YES, NO, NO]
    assert comparable(grouping.history, reasons(grouping, np.array([1, 1, 1, 2]))).tolist() == [YES, YES, NO, NO]


def test_sets_at_random_are_as_large_and_equally_likely():
    history = np.array([[7, 8, 9, 0], [7, 0, 0, 0], [0, 0, 0, 0]])
    count = np.array([2, 1, 0])
    sets = at_random(history, count, draws=3000, seed=5)
    assert sets.shape == (3000, 3, 4) and (sets.sum(axis=2) == count).all()
    assert not sets[:, history == 0].any()
    # Each of three clicks is in a set of two with probability 2/3; the standard error is .009.
    np.testing.assert_allclose(sets[:, 0, :3].mean(axis=0), 2 / 3, atol=0.04)
    np.testing.assert_array_equal(at_random(history, count, 3000, 5), sets)
    assert (at_random(history, count, 3000, 6) != sets).any()


def test_figures_by_hand():
    """Whole 10. Without the reasons 4: 6 lost; at random 9, 4, 1: losses 1, 6, 9, mean 16/3; the reasons' loss beats
    one, ties with one: 1/2. The reasons alone 8: 2 lost; at random 5, 8, 9: losses 5, 2, 1, mean 8/3; one is larger
    and one ties: 1/2. The second user is not comparable."""
    found = faithfulness(
        whole=np.array([10.0, 10]),
        without=np.array([4.0, 4]),
        alone=np.array([8.0, 8]),
        without_random=np.array([[9.0, 9], [4, 4], [1, 1]]),
        alone_random=np.array([[5.0, 5], [8, 8], [9, 9]]),
        comparable=np.array([YES, NO]),
    )
    figures = [found.deletion, found.deletion_chance, found.deletion_wins]
    figures += [found.insertion, found.insertion_chance, found.insertion_wins]
    np.testing.assert_allclose(np.array(figures)[:, 0], [6, 16 / 3, 0.5, 2, 8 / 3, 0.5])
    assert np.isnan(np.array(figures)[:, 1]).all() and found.deletion.dtype == np.float64


def test_a_model_that_goes_by_the_reasons_and_one_that_does_not(planted):
    """A score that counts the clicks of the item's cluster is carried by these; one that counts all clicks by none."""
    grouping, history = planted.grouping, planted.history
    items = np.array([row[0] for row in history])
    because = reasons(grouping, items)
    cluster = planted.categories.of_items
    same = (cluster[history] == cluster[items][:, None]) & (history > 0)
    np.testing.assert_array_equal(because, same)
    sets = at_random(history, because.sum(axis=1), draws=20, seed=0)
    there = comparable(history, because)

    def figures(counted):
        def margin(keep):
            return (keep & counted).sum(axis=-1).astype(float)

        real = history > 0
        return faithfulness(
            margin(real), margin(real & ~because), margin(because), margin(real & ~sets), margin(sets), there
        )

    honest, blind = figures(same), figures(history > 0)
    assert np.nanmean(honest.deletion_wins) > 0.97 and np.nanmean(honest.insertion_wins) > 0.97
    assert (honest.insertion[there] == 0).all() and (honest.deletion > honest.deletion_chance)[there].mean() > 0.97
    assert (blind.deletion_wins[there] == 0.5).all() and (blind.insertion_wins[there] == 0.5).all()
    np.testing.assert_allclose(blind.deletion[there], blind.deletion_chance[there])
